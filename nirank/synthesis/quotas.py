"""Quotas: how many documents are chosen of each cluster."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


def compute_quotas(sizes: Counts, n: int, room: Counts | None = None) -> Counts:
    """Return how many of n documents each cluster gives, (k,) int64: one each, the others in proportion to size.

    q = 1 + ⌊(n − k) · size / documents⌋; what is left goes, one each, to the largest clusters, around and around. A
    cluster that is smaller than its quota gives all it has, and the surplus goes, one at a time, to the cluster with
    room that lacks most to its share n · size / documents. Empty clusters give none; where there are more clusters
    than n, the n largest give one each. Of equal ones the lower number comes first.

    sizes  (k,) documents of each cluster, n of them or more
    room   (k,) how many each can give, where that is not all it has
    """
    sizes = np.asarray(sizes, np.int64)
    by_size = np.lexsort((np.arange(len(sizes)), -sizes))
    n_filled = int((sizes > 0).sum())
    quotas = np.zeros(len(sizes), np.int64)
    if n_filled >= n:
        quotas[by_size[:n]] = 1
        return quotas if room is None else _clip(quotas, sizes, room, n)
    filled = by_size[:n_filled]
    quotas[filled] = 1 + max(n - len(sizes), 0) * sizes[filled] // sizes.sum()
    left = n - int(quotas.sum())
    quotas[filled] += left // n_filled
    quotas[filled[: left % n_filled]] += 1
    return _clip(quotas, sizes, sizes if room is None else room, n)


def _clip(quotas: Counts, sizes: Counts, room: Counts, n: int) -> Counts:
    surplus = min(int(np.maximum(quotas - room, 0).sum()), int(np.maximum(room - quotas, 0).sum()))
    quotas = np.minimum(quotas, room)
    lacks = n * sizes / sizes.sum() - quotas
    for _ in range(surplus):
        cluster = int(np.argmax(np.where(quotas < room, lacks, -np.inf)))
        quotas[cluster] += 1
        lacks[cluster] -= 1
    return quotas
