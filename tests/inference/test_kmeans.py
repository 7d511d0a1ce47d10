"""Clusters by FAISS: what is assigned where, on any number of threads, of mapped vectors too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nirank.inference import kmeans
from nirank.inference.faiss_library import import_faiss


def make_vectors(n: int, dimension: int = 9) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, dimension)).astype(np.float32)


def test_every_vector_is_assigned_to_its_nearest_centroid_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = make_vectors(103)
    centroids = kmeans.train_centroids(vectors, 5, 420, 100)
    whole = kmeans.assign_vectors(vectors, centroids)
    monkeypatch.setattr(kmeans, "_BLOCK", 10)
    by_blocks = kmeans.assign_vectors(vectors, centroids)
    distances = np.linalg.norm(vectors[:, None] - centroids, axis=2)
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(centroids, axis=1)[whole.clusters]
    for assignment in (whole, by_blocks):
        assert assignment.clusters.tolist() == distances.argmin(1).tolist()
        assert assignment.nearest.tolist() == distances.argmin(0).tolist()
        assert assignment.cosines == pytest.approx((vectors * centroids[whole.clusters]).sum(1) / lengths, abs=1e-6)


def test_of_equally_near_vectors_the_first_is_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kmeans, "_BLOCK", 2)
    vectors = np.array([[5, 5], [1, 0], [1, 0], [1, 0]], np.float32)
    assert kmeans.assign_vectors(vectors, np.array([[1, 1]], np.float32)).nearest.tolist() == [1]


def test_threads_and_mapping_change_nothing(tmp_path: Path) -> None:
    faiss, vectors = import_faiss(), make_vectors(2000)
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    first = kmeans.train_centroids(vectors, 20, 420, 10)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads + 1)
    try:
        assert np.array_equal(kmeans.train_centroids(mapped, 20, 420, 10), first)
        assert faiss.omp_get_max_threads() == threads + 1
    finally:
        faiss.omp_set_num_threads(threads)
    assert not np.array_equal(kmeans.train_centroids(vectors, 20, 421, 10), first)
