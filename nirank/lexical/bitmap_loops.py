"""Looking up documents in bitmaps, in machine code; apart from what writes them, which needs no numba."""

from __future__ import annotations

import numpy as np

from nirank.base.loops import compile_loop


@compile_loop
def _count_bits(word):  # type: ignore[no-untyped-def]
    """Return how many bits of a uint64 are set (Warren, Hacker's Delight, 2nd edition, section 5-1)."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@compile_loop
def find_in_bitmap(words, preceding, doc):  # type: ignore[no-untyped-def]
    """Return a document's place among a term's postings, -1 if it has none.

    words, preceding  the term's rows of `nirank.lexical.bitmaps.Bitmaps`
    """
    word = words[doc >> 6]
    bit = np.uint64(1) << np.uint64(doc & 63)
    return preceding[doc >> 6] + _count_bits(word & (bit - np.uint64(1))) if word & bit else np.int64(-1)
