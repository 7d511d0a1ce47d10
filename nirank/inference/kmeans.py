"""K-means by FAISS, and what is read off its clusters, over vectors that may be mapped."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirank.base.memory import MemoryNeed, estimate_library_memory
from nirank.inference.faiss_library import import_faiss, use_one_thread
from nirank.inference.similarity import Vectors, compute_norms, normalise

_POINTS = 256  # that train each centroid, at most: FAISS's own limit
_BLOCK = 16_384


class Assignment(NamedTuple):
    """Which cluster each vector belongs to.

    clusters  (n,) int32, number of the nearest centroid in Euclidean distance
    cosines   (n,) float32, cosine with that centroid
    nearest   (k,) int64, the vector nearest to each centroid, whatever cluster it belongs to; equally near: the first
    """

    clusters: NDArray[np.int32]
    cosines: NDArray[np.float32]
    nearest: NDArray[np.int64]


def train_centroids(vectors: Vectors, k: int, seed: int, iterations: int) -> Vectors:
    """Return k centroids of (n, dimension) float32 vectors, k ≤ n; Lloyd's iterations end early where nothing moves.

    Vectors are read as they are, mapped or not; where there are more than 256 a centroid, so many are drawn and copied.
    The same vectors and seed give the same centroids, whatever the number of cores.
    """
    faiss = import_faiss()
    clustering = faiss.Clustering(vectors.shape[1], k)
    clustering.niter, clustering.seed = iterations, seed
    clustering.max_points_per_centroid, clustering.min_points_per_centroid = _POINTS, 1
    with use_one_thread(faiss):
        clustering.train(vectors, faiss.IndexFlatL2(vectors.shape[1]))
    centroids: Vectors = faiss.vector_to_array(clustering.centroids).reshape(k, -1)
    return centroids


def assign_vectors(vectors: Vectors, centroids: Vectors) -> Assignment:
    """Assign every vector to its nearest centroid, by blocks."""
    faiss = import_faiss()
    n, k = len(vectors), len(centroids)
    assignment = Assignment(np.empty(n, np.int32), np.empty(n, np.float32), np.zeros(k, np.int64))
    shortest = np.full(k, np.inf, np.float32)
    unit_centroids = normalise(centroids, compute_norms(centroids))
    index = faiss.IndexFlatL2(vectors.shape[1])
    index.add(centroids)
    with use_one_thread(faiss):
        for start in range(0, n, _BLOCK):
            block = np.ascontiguousarray(vectors[start : start + _BLOCK], np.float32)
            clusters = index.search(block, 1)[1][:, 0]
            rows = slice(start, start + len(block))
            assignment.clusters[rows] = clusters
            assignment.cosines[rows] = normalise(np.vecdot(block, unit_centroids[clusters]), compute_norms(block))
            distances, places = (found[:, 0] for found in faiss.knn(centroids, block, 1))
            closer = distances < shortest
            shortest[closer] = distances[closer]
            assignment.nearest[closer] = start + places[closer]
    return assignment


def estimate_clustering_memory(n: int, dimension: int, k: int) -> MemoryNeed:
    """Return what clustering takes: what FAISS draws to train on, centroids, a block, and the clusters."""
    drawn = _POINTS * k if n > _POINTS * k else 0
    numbers = (drawn + 4 * k + 3 * _BLOCK) * dimension + 4 * n
    return MemoryNeed(estimate_library_memory("faiss") + 4 * numbers)
