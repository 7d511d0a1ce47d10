"""The bucket join: pairs of records that share a key, in bounded memory, never all pairs.

Queries go by blocks whose comparisons are counted before they are made, so memory is bounded by a block, however
large single buckets are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nirank.base.memory import fit_block_size
from nirank.blocking.keys import Keys, KeySet, RecordKeys
from nirank.flow.pairs import Pairs, concatenate_ranges
from nirank.flow.scope import Scope

_BLOCK = 1 << 22  # comparisons made at a time
_BYTES_EACH = 40  # of a comparison: its query, its position, its document, and what sorts them


@dataclass(frozen=True, eq=False)
class Buckets:
    """The buckets of two sides: each key's records, counted before anything is compared.

    keys           (n_buckets,) uint64 ascending, those that a side has
    query_counts   (n_buckets,) records of the queries' side with the key
    doc_counts     (n_buckets,) records of the documents' side
    same_side      whether both sides are one table, in which a record is never compared with itself
    """

    keys: Keys
    query_counts: NDArray[np.int64]
    doc_counts: NDArray[np.int64]
    same_side: bool = False

    @property
    def comparisons(self) -> NDArray[np.int64]:
        """Pairs that each bucket makes (its cardinality), (n_buckets,) int64; in one table each pair counts once."""
        if self.same_side:
            return self.doc_counts * (self.doc_counts - 1) // 2
        return self.query_counts * self.doc_counts

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Records in each bucket, (n_buckets,) int64."""
        return self.doc_counts if self.same_side else self.query_counts + self.doc_counts

    def select(self, keep: NDArray[np.bool_]) -> Buckets:
        """Return the buckets where `keep` is true."""
        return Buckets(self.keys[keep], self.query_counts[keep], self.doc_counts[keep], self.same_side)


def count_buckets(queries: RecordKeys, docs: RecordKeys, *, same_side: bool = False) -> Buckets:
    """Return the buckets that make at least one comparison."""
    doc_keys, doc_counts = np.unique(docs.keys, return_counts=True)
    if same_side:
        buckets = Buckets(doc_keys, doc_counts, doc_counts, same_side=True)
    else:
        query_keys, query_counts = np.unique(queries.keys, return_counts=True)
        shared, at_docs = _find_keys(doc_keys, query_keys)
        buckets = Buckets(query_keys[shared], query_counts[shared], doc_counts[at_docs])
    return buckets.select(buckets.comparisons > 0)


def restrict_keys(records: RecordKeys, buckets: Buckets) -> RecordKeys:
    """Return the records' keys that are among the buckets."""
    return records.select(KeySet(buckets.keys).contains(records.keys))


def _find_keys(ascending: Keys, wanted: Keys) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Tell which of the wanted keys are among ascending ones, and where those stand."""
    at = np.searchsorted(ascending, wanted)
    inside = at < len(ascending)
    inside[inside] = ascending[at[inside]] == wanted[inside]
    return inside, at[inside]


def join(queries: RecordKeys, docs: RecordKeys, scope: Scope) -> Pairs:
    """Return the distinct (query, document) pairs that share a key and are in scope.

    queries, docs  keys of the two sides, after purging
    cost           comparisons of all buckets; memory one block of them and the pairs found
    """
    order = np.argsort(docs.keys)
    keys, rows = docs.keys[order], docs.record_rows[order]
    lengths, doc_rows = np.zeros(len(queries), np.int64), []
    for first, last, starts, counts in _blocks(queries, keys):
        owners = np.repeat(np.repeat(np.arange(first, last), queries.counts[first:last]), counts)
        pairs = owners * max(len(docs), 1) + rows[concatenate_ranges(starts, counts)]
        pairs.sort()
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]
        owners = pairs // max(len(docs), 1)
        listed = pairs - owners * max(len(docs), 1)
        inside = scope.allows(owners, listed)
        lengths += np.bincount(owners[inside], minlength=len(queries))
        doc_rows.append(listed[inside].astype(np.int64 if len(docs) > np.iinfo(np.int32).max else np.int32))
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    return Pairs(scope.queries, scope.docs, offsets, np.concatenate(doc_rows) if doc_rows else np.empty(0, np.int32))


def _blocks(queries: RecordKeys, keys: Keys) -> Iterator[tuple[int, int, NDArray[np.int64], NDArray[np.int64]]]:
    """Yield (first query, last query, start and length of each of their keys' runs among the documents' keys).

    A block makes at most so many comparisons as fit, or is one query.
    """
    most = fit_block_size(_BLOCK, _BYTES_EACH)
    firsts = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
    shared, runs = _find_keys(keys[firsts], queries.keys)
    starts = np.zeros(len(queries.keys), np.int64)
    counts = starts.copy()
    starts[shared], counts[shared] = firsts[runs], np.diff(firsts, append=len(keys))[runs]
    total = np.concatenate(([0], np.cumsum(counts)))[queries.offsets]
    first = 0
    while first < len(queries):
        last = max(int(np.searchsorted(total, total[first] + most, side="right")) - 1, first + 1)
        at = slice(int(queries.offsets[first]), int(queries.offsets[last]))
        yield first, last, starts[at], counts[at]
        first = last
