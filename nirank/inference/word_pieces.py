"""Texts as word pieces of a model's tokenizer, whole and in order, with how many texts have each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.node import Job, Node
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts
from nirank.errors import ModelError
from nirank.inference.models import ModelFiles
from nirank.inference.similarity import compute_norms, normalise
from nirank.inference.word_vectors import WordVectors, open_word_vectors

Pieces = NDArray[np.int32]

_VECTOR_BYTES = 1 << 28  # where a configuration does not say how many there are
_BATCH_TEXTS = 32  # tokenized at a time
_BATCH_CHARACTERS = 1 << 20  # or fewer, if they are long


@dataclass(frozen=True, eq=False)
class WordPieces:
    """The word pieces of texts.

    offsets        (n_texts + 1,) int64: text i has pieces[offsets[i]:offsets[i + 1]]
    pieces         (n_pieces,) int32, mapped from disk
    text_counts    (vocabulary,) int64: how many texts have each piece
    """

    offsets: NDArray[np.int64]
    pieces: Pieces
    text_counts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> Pieces:
        return self.pieces[self.offsets[row] : self.offsets[row + 1]]

    @property
    def idf(self) -> NDArray[np.float32]:
        """ln(1 + (N - n + 0.5) / (n + 0.5)) of every piece, for N texts of which n have it, (vocabulary,)."""
        n = self.text_counts
        return np.log1p((len(self) - n + 0.5) / (n + 0.5)).astype(np.float32)

    @classmethod
    def open(cls, folder: Path) -> WordPieces:
        """Map what `write_word_pieces` wrote."""
        pieces = folder / "pieces.bin"
        mapped = np.memmap(pieces, np.int32, "r") if pieces.stat().st_size else np.empty(0, np.int32)
        return cls(np.load(folder / "offsets.npy"), mapped, np.load(folder / "text_counts.npy"))


def make_piece_node(model: ModelFiles, texts: Node, view: View, *, offline: bool) -> Node:
    """Return the computation of the word pieces of one side."""
    params: dict[str, Any] = {"model": model.loaded_identity} | ({} if view == TITLE_AND_TEXT else {"text": view})
    return Node(
        f"{__name__}:cut_texts",
        1,
        params,
        (("texts", texts),),
        offline=offline,
        memory=WordVectors(model).estimate_memory,
        stage=model,
        label=f"word pieces of {texts.label}",
    )


def cut_texts(job: Job) -> None:
    """Cut the texts of one side into word pieces."""
    texts: Texts = job.get_input("texts")
    read = job.context.count_blank(texts.read(TextView(job.params.get("text", TITLE_AND_TEXT))), "empty_texts")
    n_pieces = write_word_pieces(job.context.track(read, len(texts), "cutting into word pieces"), job.stage, job.folder)
    job.context.declare("word_pieces", n_pieces)


def write_word_pieces(texts: Iterable[str], model: ModelFiles, folder: Path) -> int:
    """Write the pieces of texts, special ones aside and nothing cut off; return how many."""
    vectors = open_word_vectors(WordVectors(model))
    counts = np.zeros(len(vectors.matrix), np.int64)
    offsets = [0]
    with (folder / "pieces.bin").open("wb") as file:
        for batch in _make_batches(texts):
            for ids in vectors.tokenize(batch):
                pieces = np.asarray(ids, np.int32)
                if len(pieces) and pieces.max() >= len(counts):
                    raise ModelError(f"model '{model.name}': its tokenizer gives pieces that it has no vectors of")
                counts[np.unique(pieces)] += 1
                offsets.append(offsets[-1] + len(pieces))
                file.write(pieces.tobytes())
    np.save(folder / "offsets.npy", np.array(offsets, np.int64))
    np.save(folder / "text_counts.npy", counts)
    return offsets[-1]


def read_unit_vectors(model: ModelFiles) -> NDArray[np.float32]:
    """Return the input vector of every word piece, (vocabulary, dimension) of unit length; zeros stay zeros."""
    matrix = open_word_vectors(WordVectors(model)).matrix
    return normalise(matrix, compute_norms(matrix))


def estimate_unit_vectors(model: ModelFiles) -> int:
    """Return the bytes that these vectors take beside the model."""
    config = model.read_config("config.json")
    vocabulary, dimension = config.get("vocab_size"), config.get("hidden_size")
    if isinstance(vocabulary, int) and isinstance(dimension, int):
        return 4 * vocabulary * dimension
    return _VECTOR_BYTES


def _make_batches(texts: Iterable[str]) -> Iterator[list[str]]:
    stream = iter(texts)
    while part := list(islice(stream, _BATCH_TEXTS)):
        batch: list[str] = []
        for text in part:
            if batch and sum(map(len, batch)) + len(text) > _BATCH_CHARACTERS:
                yield batch
                batch = []
            batch.append(text)
        yield batch
