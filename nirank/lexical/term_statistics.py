"""What language models need of a field beside its postings: exact lengths, and how often each term occurs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nirank.lexical.postings import FieldPostings

_BLOCK = 1 << 20  # postings at a time


@dataclass(frozen=True)
class TermStatistics:
    """Counts of one field.

    lengths      (n_docs,) int32 tokens of each document; norm bytes round those above 40
    frequencies  (V,) int64 how often each term occurs in the field
    peaks        (V,) float32 of each term the greatest tf of a document
    shares       (V,) float32 of each term the greatest tf / length of a document
    """

    lengths: NDArray[np.int32]
    frequencies: NDArray[np.int64]
    peaks: NDArray[np.float32]
    shares: NDArray[np.float32]

    @classmethod
    def open(cls, folder: Path) -> TermStatistics:
        """Map what `save` wrote."""
        names = ("lengths", "frequencies", "peaks", "shares")
        return cls(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in names))

    def save(self, folder: Path) -> None:
        """Write the arrays."""
        for name in ("lengths", "frequencies", "peaks", "shares"):
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)


def count_terms(field: FieldPostings) -> TermStatistics:
    """Count one field; its postings are read twice, some millions at a time."""
    n_terms, n_postings = len(field.terms), len(field.docs)
    lengths = np.zeros(len(field.norms), np.int64)
    for at in range(0, n_postings, _BLOCK):
        part = slice(at, at + _BLOCK)
        lengths += np.bincount(field.docs[part], field.tfs[part], len(lengths)).astype(np.int64)
    frequencies = np.zeros(n_terms, np.int64)
    peaks, shares = np.zeros(n_terms, np.float32), np.zeros(n_terms, np.float32)
    first = 0
    while first < n_terms:  # whole terms, at least one
        end = int(np.searchsorted(field.offsets, field.offsets[first] + _BLOCK, side="right")) - 1
        end = min(max(end, first + 1), n_terms)
        starts = np.asarray(field.offsets[first:end]) - field.offsets[first]
        postings = slice(int(field.offsets[first]), int(field.offsets[end]))
        tfs = np.asarray(field.tfs[postings])
        frequencies[first:end] = np.add.reduceat(tfs, starts, dtype=np.float64)
        peaks[first:end] = np.maximum.reduceat(tfs, starts)
        shares[first:end] = np.maximum.reduceat(tfs / lengths[field.docs[postings]].astype(np.float32), starts)
        first = end
    return TermStatistics(lengths.astype(np.int32), frequencies, peaks, shares)
