"""Range search: all documents within a distance of a query, exactly, by blocks of both sides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.base.memory import fit_block_size
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs, choose_row_type
from nirank.flow.scope import Scope
from nirank.inference.knn import BLOCK_QUERIES, estimate_row_bytes, read_block
from nirank.inference.similarity import (
    Vectors,
    bound_errors,
    check_finite,
    check_similarity,
    compute_norms,
    compute_rough_scores,
    normalise,
    score_vectors,
)

_BLOCK_DOCS = 4096
_HIT_BYTES = 24  # a pair's score in a block, whether it is near enough, and its place


def search_range(
    queries: Vectors,
    docs: Vectors,
    scope: Scope,
    radius: float,
    similarity: str,
    rows_of: NDArray[np.int64] | None = None,
) -> Pairs:
    """Return each query's documents inside the scope whose distance is at most the radius, by row.

    queries, docs, rows_of  as `search_nearest` takes them
    radius      in the unit of the distance: Euclidean, or 1 - cosine
    similarity  euclidean or cosine; dot products are no distances
    cost        n_queries × n_docs × dimension; memory is one block of scores, and 4 bytes a pair that is found, held
                twice while lists are put together
    """
    check_similarity(similarity)
    if similarity == "dot":
        raise ConfigError("range_search: a dot product is no distance; set similarity to euclidean or cosine")
    least = np.float32(-radius if similarity == "euclidean" else 1 - radius)
    queries = np.asarray(queries, np.float32)
    if similarity == "cosine":
        queries = normalise(queries, compute_norms(queries))
    if scope.pairs is not None:
        lists = [
            _search_listed(query, queries, docs, rows_of, scope, least, similarity) for query in range(len(queries))
        ]
    else:
        lists = []
        for first in range(0, len(queries), BLOCK_QUERIES):
            lists += _search_part(first, queries[first : first + BLOCK_QUERIES], docs, scope, least, similarity)
    offsets = np.concatenate(([0], np.cumsum([len(rows) for rows in lists], dtype=np.int64)))
    rows = np.concatenate(lists) if lists else np.empty(0, choose_row_type(len(scope.docs)))
    return Pairs(scope.queries, scope.docs, offsets, rows)


def _search_part(
    first: int, queries: Vectors, docs: Vectors, scope: Scope, least: np.float32, similarity: str
) -> list[NDArray[np.integer]]:
    """Return the lists of some queries, the first of which has row `first`."""
    row_type = choose_row_type(len(scope.docs))
    parts: list[list[NDArray[np.integer]]] = [[np.empty(0, row_type)] for _ in range(len(queries))]
    size = fit_block_size(_BLOCK_DOCS, estimate_row_bytes(queries.shape[1], similarity) + _HIT_BYTES * BLOCK_QUERIES)
    for start in range(0, len(docs), size):
        rows, block = read_block(docs, start, size, scope)
        if not len(rows):
            continue
        norms = compute_norms(block)
        scores = compute_rough_scores(queries, normalise(block, norms) if similarity == "cosine" else block, similarity)
        if not np.isfinite(scores).all():
            for at, of_query in enumerate(scores):
                check_finite(of_query, first + at, rows, scope)
        margins = 2 * np.array(bound_errors(queries, norms, similarity), np.float32)[:, None]
        hits = scores >= least + margins
        for query in np.flatnonzero(((scores >= least - margins) & ~hits).any(axis=1)).tolist():
            open_ones = np.flatnonzero((scores[query] >= least - margins[query]) & ~hits[query])
            exact = score_vectors(queries[query], block[open_ones], norms[open_ones], similarity)
            hits[query, open_ones] = exact >= least
        for query in np.flatnonzero(hits.any(axis=1)).tolist():
            near = rows[hits[query]]
            inside = scope.filter_rows(first + query, near)
            parts[query].append((near if inside is None else near[inside]).astype(row_type))
    return [np.concatenate(part) for part in parts]


def _search_listed(
    query: int,
    queries: Vectors,
    docs: Vectors,
    rows_of: NDArray[np.int64] | None,
    scope: Scope,
    least: np.float32,
    similarity: str,
) -> NDArray[np.integer]:
    """Return one query's list, where the scope lists what it may see."""
    rows = scope.list_rows(query)
    assert rows is not None
    vectors = np.asarray(docs[rows if rows_of is None else np.searchsorted(rows_of, rows)], np.float32)
    scores = score_vectors(queries[query], vectors, compute_norms(vectors), similarity)
    check_finite(scores, query, rows, scope)
    kept: NDArray[np.integer] = rows[scores >= least].astype(choose_row_type(len(scope.docs)))
    return kept
