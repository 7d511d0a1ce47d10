"""Words of records: tokens, q-grams, suffixes and shingles, the raw material of blocks.

Papadakis, Skoutas, Thanos and Palpanas, Blocking and Filtering Techniques for Entity Resolution, ACM Computing
Surveys 53(2), 2020, section 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_SEPARATOR = re.compile(r"[\W_]+")


def split_tokens(text: str) -> list[str]:
    """Return the runs of letters and digits, in lower case."""
    return [token for token in _SEPARATOR.split(text.lower()) if token]


def cut_qgrams(text: str, q: int) -> Iterator[str]:
    """Yield every run of q characters of each token; shorter tokens whole."""
    for token in split_tokens(text):
        if len(token) <= q:
            yield token
        else:
            yield from (token[at : at + q] for at in range(len(token) - q + 1))


def cut_suffixes(text: str, least: int) -> Iterator[str]:
    """Yield the suffixes of each token that have at least so many characters; shorter tokens whole."""
    for token in split_tokens(text):
        if len(token) <= least:
            yield token
        else:
            yield from (token[at:] for at in range(len(token) - least + 1))


def join_word_shingles(text: str, n: int) -> Iterator[str]:
    """Yield runs of n words joined by one blank; of shorter texts all words."""
    tokens = split_tokens(text)
    if 0 < len(tokens) < n:
        yield " ".join(tokens)
    yield from (" ".join(tokens[at : at + n]) for at in range(len(tokens) - n + 1))


def cut_character_shingles(text: str, n: int) -> Iterator[str]:
    """Yield runs of n characters of the tokens joined by one blank; a shorter text whole."""
    joined = " ".join(split_tokens(text))
    if 0 < len(joined) < n:
        yield joined
    yield from (joined[at : at + n] for at in range(len(joined) - n + 1))
