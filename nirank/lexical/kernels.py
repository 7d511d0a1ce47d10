"""What BM25's loops in machine code share: one term's score, keys of results, and the k best of them.

A result is one uint64, its key: the bits of a positive float32 score, then the document's rank among ids.
A greater key is better in standard order, ties included.

The loops are written for a short compilation too: numba takes seconds for each of numpy's sort and partition.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.base.loops import compile_loop

Arrays = tuple[NDArray[np.generic], ...]

BLOCK = 32_768  # documents whose sums are held at a time


@compile_loop
def find_first(values, position, end, wanted):  # type: ignore[no-untyped-def]
    """Return the first position whose value is not below `wanted`, by doubling steps."""
    step = 1
    low = position
    while position < end and values[position] < wanted:
        low = position + 1
        position += step
        step *= 2
    high = min(position, end)
    while low < high:
        middle = (low + high) // 2
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@compile_loop
def score_term(weight, tf, inverse):  # type: ignore[no-untyped-def]
    """Return one term's score in Lucene's float32 steps."""
    one = np.float32(1)
    return np.float64(np.float32(weight - np.float32(weight / np.float32(one + np.float32(tf * inverse)))))


@compile_loop
def make_key(score, rank):  # type: ignore[no-untyped-def]
    """Return a result's key; the rank is below 2**32."""
    return (np.uint64(np.float32(score).view(np.uint32)) << np.uint64(32)) | np.uint64(rank)


@compile_loop
def read_score(key):  # type: ignore[no-untyped-def]
    """Return the score in a key."""
    return np.float64(np.uint32(key >> np.uint64(32)).view(np.float32))


@compile_loop
def select_greatest(keys, n, k):  # type: ignore[no-untyped-def]
    """Move the k greatest of the first n keys to the front, the least of them last (Hoare 1961: FIND)."""
    low = 0
    high = n - 1
    while low < high:
        pivot = keys[(low + high) // 2]
        left = low
        right = high
        while left <= right:
            while keys[left] > pivot:
                left += 1
            while keys[right] < pivot:
                right -= 1
            if left <= right:
                key = keys[left]
                keys[left] = keys[right]
                keys[right] = key
                left += 1
                right -= 1
        if k - 1 <= right:
            high = right
        elif k - 1 >= left:
            low = left
        else:
            break


@compile_loop
def sort_rows(rows, n, bits):  # type: ignore[no-untyped-def]
    """Sort the first n distinct rows of a block, through one bit a document; bits are left as they came, zero."""
    for i in range(n):
        bits[rows[i] >> 6] |= np.uint64(1) << np.uint64(rows[i] & 63)
    position = 0
    for word in range(len(bits)):
        remaining = bits[word]
        bits[word] = 0
        while remaining:
            lowest = remaining & (~remaining + np.uint64(1))
            exponent = np.int64(np.float64(lowest).view(np.uint64) >> np.uint64(52)) - 1023  # lowest's logarithm
            rows[position] = (word << 6) + exponent
            position += 1
            remaining ^= lowest


def make_buffers(n_docs: int, k: int) -> Arrays:
    """Return one thread's working memory: fresh memory for each query would cost as much as a search.

    Sums of a block's documents, two lists of them, one bit for each, and keys.
    """
    size = min(BLOCK, n_docs)
    return (
        np.zeros(size, np.float64),
        np.empty(size + 1, np.int32),
        np.empty(size + 1, np.int32),
        np.zeros(size // 64 + 1, np.uint64),
        np.empty(min(2 * k, n_docs) + size, np.uint64),
    )
