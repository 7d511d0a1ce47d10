"""Clusters of documents: how many, which document is in which, and how near to its centroid."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.errors import DataError
from nirank.inference.kmeans import assign_vectors, train_centroids
from nirank.inference.similarity import Vectors
from nirank.synthesis.knee import find_knee

log = logging.getLogger("nirank")

ITERATIONS = 100
SEED, CURVE_SEED = 420, 560  # the authors'; what is drawn from clusters has a seed of its own
_BLOCK = 16_384


@dataclass(frozen=True, eq=False)
class Clusters:
    """Documents in clusters.

    rows      (n,) int64, documents, ascending
    assigned  (n,) int32, the cluster of each
    cosines   (n,) float32, of each with its cluster's centroid
    seeds     (k,) int64, the document nearest to each centroid; that of an empty cluster is another's
    stated    how many clusters there are and why
    """

    rows: NDArray[np.int64]
    assigned: NDArray[np.int32]
    cosines: NDArray[np.float32]
    seeds: NDArray[np.int64]
    stated: Mapping[str, Any]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Documents of each cluster, (k,)."""
        return np.bincount(self.assigned, minlength=len(self.seeds))

    def list_members(self) -> list[NDArray[np.int64]]:
        """Return the places of each cluster's documents, ascending."""
        return np.split(np.argsort(self.assigned, kind="stable"), np.cumsum(self.sizes)[:-1])

    def save(self, folder: Path) -> None:
        """Write the arrays and clusters.json."""
        for name in ("rows", "assigned", "cosines", "seeds"):
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)
        (folder / "clusters.json").write_text(json.dumps(dict(self.stated), indent=1) + "\n")

    @classmethod
    def open(cls, folder: Path) -> Clusters:
        """Read what `save` wrote."""
        rows, assigned, cosines, seeds = (
            np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("rows", "assigned", "cosines", "seeds")
        )
        return cls(rows, assigned, cosines, seeds, json.loads((folder / "clusters.json").read_text()))


def gather_vectors(vectors: Vectors, rows: NDArray[np.int64], scratch: Path) -> tuple[NDArray[np.int64], Vectors]:
    """Return which of some documents have a vector, and these vectors, (n, dimension) float32, mapped.

    A zero vector is none, nor is one with a number that is not finite; both are left out with a warning. Where not all
    documents are wanted, or they are not float32, the vectors are copied into a file in the scratch folder.
    Raises DataError where none is left.
    """
    is_good = np.ones(len(rows), np.bool_)
    for start in range(0, len(rows), _BLOCK):
        block = np.asarray(vectors[rows[start : start + _BLOCK]], np.float32)
        is_good[start : start + len(block)] = np.isfinite(block).all(1) & block.any(1)
    if not is_good.all():
        log.warning("%s documents have no vector, or one that is not finite: left out", f"{int((~is_good).sum()):,}")
        rows = rows[is_good]
    if not len(rows):
        raise DataError("no document has a vector that is finite and not zero: there is nothing to cluster")
    if len(rows) == len(vectors) and vectors.dtype == np.float32:
        return rows, vectors
    shape = (len(rows), vectors.shape[1])
    copy = np.lib.format.open_memmap(scratch / "gathered.npy", "w+", np.dtype(np.float32), shape)
    for start in range(0, len(rows), _BLOCK):
        copy[start : start + _BLOCK] = vectors[rows[start : start + _BLOCK]]
    return rows, copy


def cluster_docs(rows: NDArray[np.int64], vectors: Vectors, k: int, stated: Mapping[str, Any]) -> Clusters:
    """Return documents in k clusters, k ≤ n.

    vectors  (n, dimension) float32, of the rows, none zero
    """
    clusters, cosines, nearest = assign_vectors(vectors, train_centroids(vectors, k, SEED, ITERATIONS))
    n_empty = k - len(np.unique(clusters))
    return Clusters(rows, clusters, cosines, rows[nearest], {**stated, "clusters": k, "empty_clusters": n_empty})


def compute_curve(vectors: Vectors, grid: Iterable[int]) -> dict[str, Any]:
    """Return W(k) = Σ (1 − cosine with the own centroid)² for each k of the grid up to n, and the k at its knee.

    Where no k of the grid is that small, half of n.

    grid  ascending
    """
    ks = [k for k in grid if k <= len(vectors)]
    if not ks:
        return {"k": halve(len(vectors)), "accepted": False, "ks": [], "w": []}
    w = [
        float(np.square(1 - assign_vectors(vectors, centroids).cosines.astype(np.float64)).sum())
        for centroids in (train_centroids(vectors, k, CURVE_SEED, ITERATIONS) for k in ks)
    ]
    place, accepted = find_knee(ks, w)
    return {"k": ks[place], "accepted": accepted, "ks": ks, "w": w}


def halve(n: int) -> int:
    """Return how many clusters fewer documents than clusters are put into."""
    return max(n // 2, 1)
