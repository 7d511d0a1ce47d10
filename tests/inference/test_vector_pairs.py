"""Loose pairs of vectors have the scores, to the byte, that each query's documents have one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.base.memory import limit_memory
from nirank.inference import vector_pairs
from nirank.inference.similarity import compute_norms, normalise, score_vectors
from nirank.inference.vector_pairs import score_vector_pairs

SIMILARITIES = ["cosine", "dot", "euclidean"]


def score_one_by_one(
    queries: np.ndarray, docs: np.ndarray, query_rows: np.ndarray, doc_rows: np.ndarray, similarity: str
) -> bytes:
    scores = np.empty(len(doc_rows), np.float32)
    for pair, (query, doc) in enumerate(zip(query_rows.tolist(), doc_rows.tolist(), strict=True)):
        vectors = np.array(docs[doc : doc + 1], np.float32)
        scores[pair] = score_vectors(queries[query], vectors, compute_norms(vectors), similarity)[0]
    return scores.tobytes()


@given(
    seed=st.integers(0, 999),
    similarity=st.sampled_from(SIMILARITIES),
    dimension=st.one_of(st.integers(1, 70), st.sampled_from([96, 127, 128, 129, 384, 768, 1027])),
    skipped=st.integers(0, 15),
    wide=st.booleans(),
    block=st.sampled_from([1, 100, 1 << 16]),
)
@settings(max_examples=150, deadline=None)
def test_scores_are_those_of_one_by_one_to_the_byte(
    seed: int, similarity: str, dimension: int, skipped: int, wide: bool, block: int
) -> None:
    """Whatever the dimension, where vectors begin in memory, which of them are asked for and how many at a time."""
    random = np.random.default_rng(seed)
    numbers = random.standard_normal(31 * dimension + skipped).astype(np.float32 if wide else np.float16)
    docs = numbers[skipped:].reshape(31, dimension)  # begins anywhere
    docs[::7] = 0
    queries = random.standard_normal((9, dimension)).astype(np.float32)
    if similarity == "cosine":
        queries = normalise(queries, compute_norms(queries))
    query_rows, doc_rows = random.integers(0, 9, 120), random.integers(0, 31, 120).astype(np.int32)
    if seed % 2:
        query_rows.sort()
    before, vector_pairs._BLOCK_NUMBERS = vector_pairs._BLOCK_NUMBERS, block
    try:
        scores = score_vector_pairs(queries, docs, query_rows, doc_rows, similarity)
    finally:
        vector_pairs._BLOCK_NUMBERS = before
    assert scores.dtype == np.float32
    assert scores.tobytes() == score_one_by_one(queries, docs, query_rows, doc_rows, similarity)
    for query in range(9):  # and those of a query's documents together
        vectors = docs[doc_rows[query_rows == query]].astype(np.float32)
        together = score_vectors(queries[query], vectors, compute_norms(vectors), similarity)
        assert scores[query_rows == query].tobytes() == together.tobytes()


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_mapped_vectors_and_little_memory_change_nothing(similarity: str, kind: type, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    docs, queries = random.standard_normal((200, 48)).astype(kind), random.standard_normal((5, 48)).astype(np.float32)
    np.save(tmp_path / "docs.npy", docs)
    mapped = np.load(tmp_path / "docs.npy", mmap_mode="r")
    query_rows, doc_rows = random.integers(0, 5, 3000), random.integers(0, 200, 3000)
    scores = score_vector_pairs(queries, docs, query_rows, doc_rows, similarity)
    with limit_memory(0):
        in_small_blocks = score_vector_pairs(queries, mapped, query_rows, doc_rows, similarity)
    assert scores.tobytes() == in_small_blocks.tobytes()


def test_no_pairs() -> None:
    nothing = np.empty(0, np.int64)
    vectors = np.ones((2, 3), np.float32)
    assert score_vector_pairs(vectors, vectors[:0], nothing, nothing, "dot").shape == (0,)
