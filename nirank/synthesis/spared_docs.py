"""Documents that are spared: so near to a query's source that nobody knows them to be wrong answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.inference.similarity import Vectors, compute_norms, normalise
from nirank.synthesis.clusters import Clusters

Rows = NDArray[np.int64]


def find_nearest_in_clusters(vectors: Vectors, clusters: Clusters, docs: Rows, n: int) -> list[Rows]:
    """Return the n documents nearest to each of some documents by cosine, of those in its cluster, (k,) each, k <= n.

    docs  distinct; one that is in no cluster has none
    """
    places = np.full(int(clusters.rows.max(initial=-1)) + 1, -1, np.int64)
    places[clusters.rows] = np.arange(len(clusters.rows))
    known = np.where(docs < len(places), places[np.minimum(docs, len(places) - 1)], -1)
    members = clusters.list_members()
    nearest: list[Rows] = [np.empty(0, np.int64)] * len(docs)
    for cluster in np.unique(clusters.assigned[known[known >= 0]]).tolist():
        rows = clusters.rows[members[cluster]]
        block = _read_unit_vectors(vectors, rows)
        asked = np.flatnonzero((known >= 0) & (clusters.assigned[known] == cluster))
        for at in asked.tolist():
            is_other = rows != docs[at]
            cosines = block @ block[int(np.flatnonzero(~is_other)[0])]
            order = np.lexsort((rows, -cosines))
            nearest[at] = rows[order[is_other[order]][:n]]
    return nearest


def _read_unit_vectors(vectors: Vectors, rows: Rows) -> Vectors:
    block = np.asarray(vectors[rows], np.float32)
    return normalise(block, compute_norms(block))
