"""Which documents have a frequent term, one bit each: its posting for a document is found in one step.

A list of postings is sorted, so finding a document in it takes steps that double and halve, each of them a guess that
a processor often gets wrong. For a term of many documents a bit each takes less room than its list, and says at once
that most documents do not have it; for one that does, the bits before it are counted, and that is its posting.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_SHARE = 64  # a term has bits if at least one document in so many has it,
_LEAST = 64  # and at least so many have: fewer are found as quickly in the list
_PIECE = 1 << 20  # documents at a time, a multiple of 64


@dataclass(frozen=True)
class Bitmaps:
    """The bits of a field's frequent terms, F terms, words of 64 documents.

    terms      (F,) int64 rows of the vocabulary, ascending
    words      (F, W) uint64; bit d % 64 of word d // 64 tells whether document d has the term
    preceding  (F, W) int32 documents with the term before each word
    """

    terms: NDArray[np.int64]
    words: NDArray[np.uint64]
    preceding: NDArray[np.int32]

    @classmethod
    def open(cls, folder: Path) -> Bitmaps:
        """Map what `write_bitmaps` wrote; none, if these postings are older than it."""
        if not (folder / "bitmap_terms.npy").exists():
            return NO_BITMAPS
        return cls(*(np.load(folder / f"bitmap_{name}.npy", mmap_mode="r") for name in ("terms", "words", "preceding")))

    def find_rows(self, terms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row of each term's bits, -1 where it has none."""
        rows = np.searchsorted(self.terms, terms)
        return np.where(np.append(self.terms, -1)[rows] == terms, rows, -1)


NO_BITMAPS = Bitmaps(np.empty(0, np.int64), np.empty((0, 0), np.uint64), np.empty((0, 0), np.int32))


def write_bitmaps(offsets: NDArray[np.int64], docs: NDArray[np.int32], n_docs: int, folder: Path) -> None:
    """Write the bits of all frequent terms into a folder; offsets and docs as of `FieldPostings`.

    Twelve bytes for 64 documents and a term; memory is that of a million documents.
    """
    df = np.diff(offsets)
    terms = np.flatnonzero((df >= _LEAST) & (df * _SHARE >= n_docs))
    shape = (len(terms), -(-n_docs // 64))
    words = np.lib.format.open_memmap(folder / "bitmap_words.npy", "w+", np.uint64, shape)
    preceding = np.lib.format.open_memmap(folder / "bitmap_preceding.npy", "w+", np.int32, shape)
    for row, term in enumerate(terms.tolist()):
        postings = docs[offsets[term] : offsets[term + 1]]
        known = 0
        for low in range(0, n_docs, _PIECE):
            piece = slice(low // 64, low // 64 + _PIECE // 64)
            bits = np.zeros(64 * len(words[row, piece]), np.bool_)
            end = int(np.searchsorted(postings, np.int32(min(low + _PIECE, n_docs))))
            bits[postings[known:end] - low] = True
            words[row, piece] = np.packbits(bits, bitorder="little").view("<u8")
            counts = np.bitwise_count(words[row, piece]).astype(np.int64)
            preceding[row, piece] = known + np.cumsum(counts) - counts
            known = end
    words.flush()
    preceding.flush()
    np.save(folder / "bitmap_terms.npy", terms)
