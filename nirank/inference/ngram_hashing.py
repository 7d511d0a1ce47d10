"""Texts as the buckets of their character n-grams, by a hash function that never changes.

A text is put into lower case and cut into words at white space; a word gets a blank on either side, and gives all its
n-grams of the lengths asked for, or itself where it is shorter (scikit-learn's `char_wb`). An n-gram's bucket is

    h = 14695981039346656037;  for each code point c: h = (h xor c) · 1099511628211     (FNV-1a, a code point a step)
    h = (h xor h >> 33) · 18397679294719823053;  h = (h xor h >> 33) · 14181476777654086739;  h = h xor h >> 33
    bucket = h mod buckets

in unsigned 64-bit integers; the second line is the finaliser of MurmurHash3, since FNV's low bits are poor.
Trained models hold what they learned by bucket, so another function would be another model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nirank.base.loops import compile_loop

_BLANK, _END = 32, 10  # between words, and behind each text


def hash_ngrams(
    texts: Sequence[str], ngrams: tuple[int, int], buckets: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the buckets of all texts' n-grams, and where each text's begin: text i owns [offsets[i], offsets[i + 1]).

    ngrams  shortest and longest, in code points
    """
    words = "".join([" ".join(text.lower().split()) + "\n" for text in texts])
    codes = np.frombuffer(words.encode("utf-32-le", "surrogatepass"), np.uint32)
    shortest, longest = ngrams
    ids = np.empty(_count_ngrams(codes, shortest, longest), np.int64)
    offsets = np.zeros(len(texts) + 1, np.int64)
    _hash_words(codes, shortest, longest, np.uint64(buckets), ids, offsets)
    return ids, offsets


@compile_loop
def _count_ngrams(codes, shortest, longest):  # type: ignore[no-untyped-def]
    """Return how many n-grams all words have; a word of n code points is n + 2 long with its blanks."""
    total = 0
    start = 0
    for at in range(len(codes)):
        if codes[at] == _BLANK or codes[at] == _END:
            length = at - start + 2
            if at > start:
                if length < shortest:
                    total += 1
                for n in range(shortest, min(longest, length) + 1):
                    total += length - n + 1
            start = at + 1
    return total


@compile_loop
def _hash_words(codes, shortest, longest, buckets, ids, offsets):  # type: ignore[no-untyped-def]
    """Write the buckets of all words' n-grams, by where they begin and then by length, and where texts end."""
    start, text, n_ids = 0, 0, 0
    for at in range(len(codes)):
        if codes[at] != _BLANK and codes[at] != _END:
            continue
        length = at - start + 2
        if at > start:
            least = min(shortest, length)
            for first in range(length - least + 1):
                h = np.uint64(14695981039346656037)
                for place in range(first, min(first + longest, length)):
                    code = np.uint64(_BLANK)
                    if place > 0 and place < length - 1:
                        code = np.uint64(codes[start + place - 1])
                    h = (h ^ code) * np.uint64(1099511628211)
                    if place - first + 1 >= least:
                        mixed = (h ^ (h >> np.uint64(33))) * np.uint64(18397679294719823053)
                        mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(14181476777654086739)
                        mixed = mixed ^ (mixed >> np.uint64(33))
                        ids[n_ids] = np.int64(mixed % buckets)
                        n_ids += 1
        start = at + 1
        if codes[at] == _END:
            text += 1
            offsets[text] = n_ids
