"""Vocabularies made into one, block by block: memory is one block's, however many terms there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nirank.flow.ids import Ids

BLOCK = 1 << 19  # terms of all vocabularies at a time,
_A_TERM = 150  # each of so many bytes while they are sorted


@dataclass(frozen=True)
class MergedTerms:
    """A block of a merged vocabulary.

    first   row of its first term
    terms   each once, in byte order
    parts   of each vocabulary, the rows of its terms that are in this block
    places  of each vocabulary, the rows of those terms in the merged vocabulary, (n,) int64 ascending
    """

    first: int
    terms: pa.Array
    parts: tuple[slice, ...]
    places: tuple[NDArray[np.int64], ...]


def merge_vocabularies(vocabularies: Sequence[Ids]) -> Iterator[MergedTerms]:
    """Yield the terms of all vocabularies, each in byte order, by blocks in byte order.

    A block ends before the first of the terms at which any vocabulary's share of it would.
    """
    share = max(BLOCK // max(len(vocabularies), 1), 1)
    starts, first = [0] * len(vocabularies), 0
    while any(start < len(terms) for start, terms in zip(starts, vocabularies, strict=True)):
        pairs = [*zip(vocabularies, starts, strict=True)]
        end = min((terms[start + share] for terms, start in pairs if start + share < len(terms)), default=None)
        ends = [_find_place(terms, end, start, min(start + share, len(terms))) for terms, start in pairs]
        parts = tuple(slice(*bounds) for bounds in zip(starts, ends, strict=True))
        terms, places = _merge(vocabularies, parts)
        yield MergedTerms(first, terms, parts, tuple(rows + first for rows in places))
        starts, first = ends, first + len(terms)


def estimate_merging(terms: int) -> int:
    """Return the bytes that merging vocabularies with so many terms together takes."""
    return _A_TERM * min(terms, BLOCK)


def _find_place(terms: Ids, wanted: str | None, low: int, high: int) -> int:
    """Return the first row from `low` to `high` whose term is not before the wanted one; None: `high`."""
    while wanted is not None and low < high:
        middle = (low + high) // 2
        if terms[middle] < wanted:  # code points are in the order of their UTF-8 bytes
            low = middle + 1
        else:
            high = middle
    return high


def _merge(vocabularies: Sequence[Ids], parts: Sequence[slice]) -> tuple[pa.Array, list[NDArray[np.int64]]]:
    """Return the terms of some parts in byte order, each once, and the places of each part's terms among them."""
    chunks = [
        chunk
        for terms, part in zip(vocabularies, parts, strict=True)
        for chunk in terms.strings.slice(part.start, part.stop - part.start).chunks
    ]
    encoded = pa.concat_arrays(chunks).dictionary_encode()
    order = np.asarray(pc.sort_indices(encoded.dictionary.cast(pa.large_binary())), np.int64)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    places = rank[np.asarray(encoded.indices)]
    sizes = [part.stop - part.start for part in parts]
    return encoded.dictionary.take(pa.array(order)), np.split(places, list(accumulate(sizes))[:-1])
