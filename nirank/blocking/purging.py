"""Which buckets are worth their comparisons: purging by cardinality, filtering by record, and a hard bound.

Papadakis, Skoutas, Thanos and Palpanas, Blocking and Filtering Techniques for Entity Resolution, ACM Computing
Surveys 53(2), 2020, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nirank.blocking.join import Buckets, count_buckets, restrict_keys
from nirank.blocking.keys import RecordKeys

SMOOTHING = 1.025  # of purging, as in JedAI


@dataclass(frozen=True)
class PurgeCounts:
    """What purging and filtering left out.

    buckets, comparisons   before anything was left out
    purged_buckets         left out for their cardinality or size
    kept_comparisons       afterwards, repeats counted
    largest                records in the largest bucket that was kept
    """

    buckets: int
    comparisons: int
    purged_buckets: int
    kept_comparisons: int
    largest: int


def find_greatest_cardinality(buckets: Buckets, smoothing: float = SMOOTHING) -> int:
    """Return the greatest number of comparisons that a bucket may make (block purging).

    Buckets are sorted by comparisons; at each distinct number c, BC and CC are the record assignments and the
    comparisons of all buckets up to c. From the greatest c down, the first one where
    BC(c) · CC(c') < smoothing · CC(c) · BC(c'), with c' the next greater number, ends the walk; c' is the bound.
    """
    if not len(buckets.keys):
        return 0
    levels, inverse = np.unique(buckets.comparisons, return_inverse=True)
    assigned = np.cumsum(np.bincount(inverse, weights=buckets.sizes.astype(np.float64)))
    compared = np.cumsum(np.bincount(inverse, weights=buckets.comparisons.astype(np.float64)))
    bound = int(levels[-1])
    for at in range(len(levels) - 2, -1, -1):
        bound = int(levels[at + 1])
        if assigned[at] * compared[at + 1] < smoothing * compared[at] * assigned[at + 1]:
            return bound
    return int(levels[0])


def purge_buckets(
    queries: RecordKeys,
    docs: RecordKeys,
    *,
    same_side: bool = False,
    smoothing: float | None = SMOOTHING,
    ratio: float | None = 0.8,
    most: int | None = None,
) -> tuple[RecordKeys, RecordKeys, PurgeCounts]:
    """Return both sides' keys without those of buckets that are too full, and what was left out.

    smoothing  of block purging; None: no purging
    ratio      share of a record's buckets, its smallest ones, in which it stays (block filtering); None: all
    most       records in a bucket at most; larger ones are left out whatever the rules say
    """
    buckets = count_buckets(queries, docs, same_side=same_side)
    before = len(buckets.keys), int(buckets.comparisons.sum())
    keep = np.ones(len(buckets.keys), np.bool_)
    if most is not None:
        keep &= buckets.sizes <= most
    if smoothing is not None and keep.any():
        keep &= buckets.comparisons <= find_greatest_cardinality(buckets.select(keep), smoothing)
    buckets = buckets.select(keep)
    queries, docs = restrict_keys(queries, buckets), restrict_keys(docs, buckets)
    if ratio is not None:
        docs = filter_keys(docs, buckets, ratio)
        queries = docs if same_side else filter_keys(queries, buckets, ratio)
        buckets = count_buckets(queries, docs, same_side=same_side)
        queries, docs = restrict_keys(queries, buckets), restrict_keys(docs, buckets)
    kept = int(buckets.comparisons.sum())
    return queries, docs, PurgeCounts(*before, int((~keep).sum()), kept, int(buckets.sizes.max(initial=0)))


def filter_keys(records: RecordKeys, buckets: Buckets, ratio: float) -> RecordKeys:
    """Return each record's keys of its smallest buckets, by comparisons: the first round(ratio · its number).

    Between equal ones the lesser key comes first; a record keeps one bucket at least.
    """
    cardinality = buckets.comparisons[np.searchsorted(buckets.keys, records.keys)]
    order = np.lexsort((records.keys, cardinality, records.record_rows))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order)) - records.offsets[records.record_rows[order]]
    kept: NDArray[np.int64] = np.maximum(np.floor(ratio * records.counts + 0.5), 1).astype(np.int64)
    return records.select(ranks < kept[records.record_rows])
