"""Documents and queries drawn from a seed: word frequencies, growth of the vocabulary and lengths as in real text.

A word of rank r has a frequency like 1/r up to rank 7,873 and like r^-1.77 beyond, the double power law that Gerlach
and Altmann (Physical Review X 3, 021006, 2013) fitted to English; a vocabulary drawn from it grows like the root 1.77
of the text, as Heaps' law has it. The 33 most frequent words are Lucene's stop words, the others are `w` and their
rank in hexadecimal. Lengths are log-normal with a mean of 56 words and a standard deviation of 25, about those of
MS MARCO's passages. A block of 10,000 documents has a seed of its own, so that the first n documents are the same
whatever comes after them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

SEED, BLOCK = 2026, 10_000
MEAN_WORDS, SPREAD = 56, 0.43
_CORE, _EXPONENT = 7873, 1.77  # Gerlach and Altmann's, for English
_LISTED = 1 << 20  # words that are looked up; the rarer ones, three in a thousand, are written when they are drawn
_STOP_WORDS = (
    *("the", "of", "and", "to", "a", "in", "is", "for", "that", "it", "on", "as", "with", "was", "be", "are", "by"),
    *("at", "this", "not", "or", "an", "will", "but", "they", "such", "if", "their", "into", "there", "these", "then"),
    "no",
)


def draw_ranks(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    """Return the ranks of n words, the most frequent being 1."""
    core, tail = np.log(_CORE + 1), 1 / (_EXPONENT - 1)
    is_rare = rng.random(n) < tail / (core + tail)
    at = rng.random(n)
    ranks = np.where(is_rare, _CORE * np.maximum(at, 1e-9) ** -tail, np.exp(at * core))
    return ranks.astype(np.int64)


def draw_lengths(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    """Return how many words each of n documents has."""
    lengths = rng.lognormal(np.log(MEAN_WORDS) - SPREAD**2 / 2, SPREAD, n)
    return np.maximum(np.rint(lengths).astype(np.int64), 1)


def draw_texts(rng: np.random.Generator, lengths: NDArray[np.int64]) -> list[str]:
    """Return texts of so many words each."""
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    ranks = draw_ranks(rng, int(offsets[-1]))
    words = _list_words().take(pa.array(np.minimum(ranks, _LISTED) - 1))
    rare = np.flatnonzero(ranks > _LISTED)
    if len(rare):
        mask = np.zeros(len(ranks), np.bool_)
        mask[rare] = True
        words = pc.replace_with_mask(words, pa.array(mask), pa.array([f"w{rank:x}" for rank in ranks[rare].tolist()]))
    texts: list[str] = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), words), " ").to_pylist()
    return texts


@cache
def _list_words() -> pa.Array:
    """Return the words of the first ranks."""
    return pa.array([*_STOP_WORDS, *(f"w{rank:x}" for rank in range(len(_STOP_WORDS) + 1, _LISTED + 1))], pa.string())


def draw_documents(first: int, last: int) -> Iterator[tuple[int, str]]:
    """Yield the documents of some rows, with their numbers; `first` begins a block."""
    for start in range(first, last, BLOCK):
        rng = np.random.default_rng((SEED, start // BLOCK))
        texts = draw_texts(rng, draw_lengths(rng, BLOCK))
        yield from enumerate(texts[: last - start], start)


def draw_queries(words: int, n: int, seed: int = 0) -> list[str]:
    """Return n queries of so many words."""
    rng = np.random.default_rng((SEED, words, seed, 1 << 31))
    return draw_texts(rng, np.full(n, words))


def write_documents(path: Path, first: int, last: int) -> None:
    """Write the documents of some rows as JSON lines."""
    with path.open("w") as file:
        for row, text in draw_documents(first, last):
            file.write(f'{{"_id": "d{row:08}", "title": "", "text": "{text}"}}\n')


def write_queries(path: Path, texts: Sequence[str]) -> None:
    """Write queries as JSON lines."""
    path.write_text("".join(f'{{"_id": "q{row}", "text": "{text}"}}\n' for row, text in enumerate(texts)))
