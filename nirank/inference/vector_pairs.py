"""Exact scores of loose pairs of vectors, many at a time, each as if it were alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.base.memory import fit_block_size
from nirank.inference.similarity import Vectors, compute_norms, score_vectors

_BLOCK_NUMBERS = 1 << 16  # of the documents gathered at a time: with the queries' they stay in the processor's cache


def score_vector_pairs(
    queries: Vectors, docs: Vectors, query_rows: NDArray[np.integer], doc_rows: NDArray[np.integer], similarity: str
) -> Vectors:
    """Return the exact score of each pair, (n_pairs,) float32: what `score_vectors` gives a query's documents.

    queries     (n_queries, dimension) float32, under cosine of unit length
    docs        (n_docs, dimension) float32 or float16, may be mapped
    query_rows  (n_pairs,), in any order; pairs of one query are fastest beside each other
    cost        n_pairs × dimension; memory is one block of vectors
    """
    dimension = queries.shape[1]
    scores = np.empty(len(doc_rows), np.float32)
    size = fit_block_size(max(_BLOCK_NUMBERS // max(dimension, 1), 1), 14 * dimension + 16)
    for start in range(0, len(scores), size):
        pairs = slice(start, start + size)
        vectors = np.asarray(docs.take(doc_rows[pairs], axis=0), np.float32)  # 16-bit vectors are scored in 32
        norms = compute_norms(vectors) if similarity == "cosine" else scores[:0]
        scores[pairs] = score_vectors(queries.take(query_rows[pairs], axis=0), vectors, norms, similarity)
    return scores
