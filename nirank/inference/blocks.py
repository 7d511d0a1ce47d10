"""Scores of a block of queries and a block of documents: what they are made of, and the few that count."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nirank.flow.scope import Scope
from nirank.inference.similarity import Vectors

BLOCK_DOCS = 4096
BLOCK_SCORES = 1 << 22  # few queries have more documents in a block, up to so many scores
_LISTED_HITS = 1 << 18


def choose_block_docs(n_queries: int) -> int:
    """Return how many documents a block has beside so many queries, where memory does not matter."""
    return min(max(BLOCK_SCORES // max(n_queries, 1), BLOCK_DOCS), 4 * BLOCK_DOCS)


def estimate_row_bytes(dimension: int, similarity: str, n_queries: int) -> int:
    """Return what a document of a block takes: its vector three times, and its scores with a block of queries."""
    has_squares = similarity == "euclidean"  # in float64
    return (28 if has_squares else 12) * dimension + (32 if has_squares else 8) * n_queries


def read_block(docs: Vectors, start: int, size: int, scope: Scope) -> tuple[NDArray[np.int64], Vectors]:
    """Return the rows of one block that the scope's mask leaves, and their vectors."""
    block = np.asarray(docs[start : start + size], np.float32)  # 16-bit vectors are scored in 32
    if scope.mask is None:
        return np.arange(start, start + len(block)), block
    inside = np.flatnonzero(scope.mask[start : start + len(block)])
    return start + inside, block[inside]


def list_hits(is_hit: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the places (queries, columns) where (n_queries, n_docs) is true, in order, some queries at a time."""
    n_queries, width = is_hit.shape
    size = max(n_queries * _LISTED_HITS // max(np.count_nonzero(is_hit), 1), 1)
    for first in range(0, n_queries, size):
        hits = np.flatnonzero(is_hit[first : first + size])
        if len(hits):
            query_starts = np.arange(0, (len(is_hit[first : first + size]) + 1) * width, width)
            counts = np.diff(np.searchsorted(hits, query_starts))
            at = np.repeat(np.arange(len(counts)), counts)
            yield first + at, hits - at * width


def close_block(scores: Vectors, first: int, rows: NDArray[np.int64], scope: Scope) -> None:
    """Set to minus infinity, in (n_queries, n_docs) scores, what the rules forbid that differ by query.

    first  row of the first query
    rows   (n_docs,) ascending
    """
    last = first + len(scores)
    for rule in scope.ranges:
        inside = rule.allows(np.arange(first, last)[:, None], rows)
        np.copyto(scores, -np.inf, where=np.logical_not(inside, out=inside))
    if scope.own_rows is not None:
        _close_pairs(scores, rows, np.arange(last - first), np.asarray(scope.own_rows[first:last]))
    if scope.excluded is not None:
        excluded = scope.excluded
        near = excluded.rows[excluded.offsets[first] : excluded.offsets[last]]
        _close_pairs(scores, rows, np.repeat(np.arange(last - first), excluded.counts[first:last]), near)


def _close_pairs(
    scores: Vectors, rows: NDArray[np.int64], at: NDArray[np.int64], doc_rows: NDArray[np.integer]
) -> None:
    inside = (doc_rows >= rows[0]) & (doc_rows <= rows[-1])
    at, doc_rows = at[inside], doc_rows[inside]
    columns = np.searchsorted(rows, doc_rows)
    is_there = rows[columns] == doc_rows
    scores[at[is_there], columns[is_there]] = -np.inf
