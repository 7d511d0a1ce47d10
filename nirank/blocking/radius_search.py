"""All pairs of bit codes within a Hamming distance, without comparing all: multi-index hashing.

Norouzi, Punjani and Fleet, CVPR 2012. Codes are cut into m parts. With s = ⌊R / m⌋ and a = R - s · m, two codes that
differ in at most R bits differ in at most s bits in one of the first a + 1 parts, or in at most s - 1 in one of the
others: else there were (a + 1)(s + 1) + (m - a - 1) s = R + 1 differences. So look-ups of each part, with so many bits
flipped, find all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nirank.base.loops import compile_loop
from nirank.base.memory import fit_block_size
from nirank.blocking.bit_codes import Codes, unpack_bits
from nirank.flow.pairs import Pairs, choose_row_type
from nirank.flow.scope import Scope

_LONGEST = 62  # bits of a part: its value is one int64
_LOOKUPS = 4096  # of a query, at most
_BLOCK = 1 << 22  # pairs found at a time
_BYTES_EACH = 40  # of a pair that was found: its rows, and what sorts them


@dataclass(frozen=True)
class Part:
    """Bits first … last - 1 of a code, looked up with up to `flips` bits changed."""

    first: int
    last: int
    flips: int

    @property
    def lookups(self) -> int:
        """How many values are looked up."""
        return sum(math.comb(self.last - self.first, flipped) for flipped in range(self.flips + 1))


@cache
def choose_parts(bits: int, radius: int, n_docs: int) -> tuple[Part, ...]:
    """Return the parts that cost least for codes whose bits are independent; one of no bits compares all.

    The cost of a look-up is a binary search and n / 2^length comparisons.
    """
    scan: tuple[Part, ...] = (Part(0, 0, 0),)
    best, least = scan, float(n_docs)
    for m in range(-(-bits // _LONGEST), bits + 1):
        edges = [bits * at // m for at in range(m + 1)]
        flips, rest = divmod(radius, m)
        limits = [flips if at <= rest else flips - 1 for at in range(m)]
        parts = tuple(Part(edges[at], edges[at + 1], limits[at]) for at in range(m) if limits[at] >= 0)
        if sum(part.lookups for part in parts) > _LOOKUPS:
            continue
        search = math.log2(n_docs + 2)
        cost = sum(part.lookups * (search + 2 * n_docs / 2.0 ** (part.last - part.first)) for part in parts)
        if cost < least:
            best, least = parts, cost
    return best


def find_within(
    queries: Codes,
    docs: Codes,
    bits: int,
    radius: int,
    scope: Scope,
    asking: NDArray[np.bool_] | None = None,
    asked: NDArray[np.bool_] | None = None,
) -> Pairs:
    """Return all pairs in scope whose codes differ in at most `radius` bits.

    asking, asked  (n_queries,) and (n_docs,): which take part; None: all
    memory         16 bytes a document and part, a block of pairs, and the pairs found
    """
    lengths, parts = np.zeros(len(queries), np.int64), []
    row_type = choose_row_type(len(docs))
    query_rows, doc_rows = (
        np.arange(len(codes)) if some is None else np.flatnonzero(some)
        for codes, some in ((queries, asking), (docs, asked))
    )
    if len(query_rows) and len(doc_rows):
        index = _Index(docs[doc_rows], bits, choose_parts(bits, radius, len(doc_rows)))
        rows = np.empty(max(fit_block_size(_BLOCK, _BYTES_EACH), len(doc_rows)), np.int64)
        first = 0
        while first < len(query_rows):
            block = query_rows[first : first + max(len(rows) // (8 * len(index.parts)), 1)]
            counts = index.search(queries[block], radius, rows)
            owners = np.repeat(block[: len(counts)], counts)
            listed = np.sort(owners * len(docs) + doc_rows[rows[: len(owners)]]) - owners * len(docs)
            inside = scope.allows(owners, listed)
            lengths += np.bincount(owners[inside], minlength=len(queries))
            parts.append(listed[inside].astype(row_type))
            first += len(counts)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    return Pairs(scope.queries, scope.docs, offsets, np.concatenate(parts) if parts else np.empty(0, row_type))


class _Index:
    """The documents' codes, sorted by the value of each part."""

    def __init__(self, docs: Codes, bits: int, parts: tuple[Part, ...]) -> None:
        self.parts, self.bits = parts, bits
        self.words = _as_words(docs)
        self.orders = np.empty((len(parts), len(docs)), np.int64)
        self.values = np.empty((len(parts), len(docs)), np.int64)
        for at, part in enumerate(parts):
            values = _read_part(docs, bits, part)
            self.orders[at] = np.argsort(values, kind="stable")
            self.values[at] = values[self.orders[at]]
        masks = [_list_masks(part.last - part.first, part.flips) for part in parts]
        self.masks = np.concatenate(masks)
        self.mask_offsets = np.cumsum([0, *map(len, masks)])
        self.marks = np.full(len(docs), -1, np.int64)

    def search(self, queries: Codes, radius: int, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Fill `rows` with documents of the first queries, as many as fit; return how many each of those has."""
        values = np.stack([_read_part(queries, self.bits, part) for part in self.parts])
        counts = np.zeros(len(queries), np.int64)
        self.marks.fill(-1)
        index = (self.orders, self.values, self.masks, self.mask_offsets)
        done = _search_codes(_as_words(queries), values, self.words, *index, radius, self.marks, counts, rows)
        return counts[:done]


@compile_loop
def _search_codes(queries, values, docs, orders, sorted_values, masks, offsets, radius, marks, counts, rows):  # type: ignore[no-untyped-def]
    """Fill rows with the documents near each query until one more query might not fit; return how many queries did."""
    n_docs, n_words = docs.shape
    filled = 0
    for query in range(len(queries)):
        if filled + n_docs > len(rows) and query > 0:
            return query
        start = filled
        for part in range(len(orders)):
            for at in range(offsets[part], offsets[part + 1]):
                wanted = values[part, query] ^ masks[at]
                low, high = 0, n_docs
                while low < high:
                    middle = (low + high) // 2
                    if sorted_values[part, middle] < wanted:
                        low = middle + 1
                    else:
                        high = middle
                while low < n_docs and sorted_values[part, low] == wanted:
                    doc = orders[part, low]
                    low += 1
                    if marks[doc] == query:
                        continue
                    marks[doc] = query
                    distance = np.int64(0)
                    for word in range(n_words):
                        x = queries[query, word] ^ docs[doc, word]
                        x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
                        x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
                        x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
                        distance += np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))
                    if distance <= radius:
                        rows[filled] = doc
                        filled += 1
        counts[query] = filled - start
    return len(queries)


def _as_words(codes: Codes) -> NDArray[np.uint64]:
    """Return codes as words of 64 bits, zeros behind the last byte."""
    padded = np.zeros((len(codes), -(-codes.shape[1] // 8) * 8), np.uint8)
    padded[:, : codes.shape[1]] = codes
    return padded.view(np.uint64)


def _read_part(codes: Codes, bits: int, part: Part) -> NDArray[np.int64]:
    """Return the bits of a part as numbers, (n,) int64."""
    length = part.last - part.first
    powers = np.int64(1) << np.arange(length, dtype=np.int64)
    values = np.empty(len(codes), np.int64)
    for start in range(0, len(codes), 8192):
        unpacked = unpack_bits(codes[start : start + 8192], bits)[:, part.first : part.last]
        values[start : start + 8192] = unpacked.astype(np.int64) @ powers
    return values


def _list_masks(length: int, flips: int) -> NDArray[np.int64]:
    """Return what changes up to so many bits of a number: 0, single bits, pairs of bits and so on."""
    chosen = [bits for flipped in range(flips + 1) for bits in combinations(range(length), flipped)]
    return np.array([sum(1 << bit for bit in bits) for bits in chosen], np.int64)
