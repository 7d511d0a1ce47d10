"""Range search: all documents within a distance of a query, exactly, by blocks of both sides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nirank.base.memory import fit_block_size
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs, choose_row_type, concatenate_ranges
from nirank.flow.scope import Scope
from nirank.inference.blocks import estimate_row_bytes, list_hits, read_block
from nirank.inference.listed_pairs import score_listed_pairs
from nirank.inference.similarity import (
    Vectors,
    bound_errors,
    check_block,
    check_similarity,
    compute_norms,
    compute_rough_scores,
    normalise,
)
from nirank.inference.vector_pairs import score_vector_pairs

_BLOCK_QUERIES, _BLOCK_DOCS = 256, 4096
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
    counts, row_lists = np.zeros(len(queries), np.int64), [np.empty(0, choose_row_type(len(scope.docs)))]
    if scope.pairs is not None:
        for query_rows, rows, scores in score_listed_pairs(queries, docs, rows_of, scope, similarity):
            near = scores >= least
            np.add.at(counts, query_rows[near], 1)
            row_lists.append(rows[near].astype(row_lists[0].dtype))
    else:
        for first in range(0, len(queries), _BLOCK_QUERIES):
            part = slice(first, first + _BLOCK_QUERIES)
            counts[part], near_rows = _search_part(first, queries[part], docs, scope, least, similarity)
            row_lists.append(near_rows)
    return Pairs(scope.queries, scope.docs, np.concatenate(([0], np.cumsum(counts))), np.concatenate(row_lists))


def _search_part(
    first: int, queries: Vectors, docs: Vectors, scope: Scope, least: np.float32, similarity: str
) -> tuple[NDArray[np.int64], NDArray[np.integer]]:
    """Return how many documents each of some queries has near, the first of which has row `first`, and their rows."""
    row_type = choose_row_type(len(scope.docs))
    rules = replace(scope, mask=None)
    found: list[tuple[NDArray[np.int64], NDArray[np.integer]]] = []  # of each block: counts, and rows by query
    row_bytes = estimate_row_bytes(queries.shape[1], similarity, _BLOCK_QUERIES) + _HIT_BYTES * _BLOCK_QUERIES
    size = fit_block_size(_BLOCK_DOCS, row_bytes)
    for start in range(0, len(docs), size):
        rows, block = read_block(docs, start, size, scope)
        if not len(rows):
            continue
        norms = compute_norms(block)
        scores = compute_rough_scores(queries, normalise(block, norms) if similarity == "cosine" else block, similarity)
        check_block(scores, queries, norms, first, rows, scope)
        margins = 2 * bound_errors(queries, norms, similarity).astype(np.float32)[:, None]
        is_near = scores >= least - margins
        for at, columns in list_hits(is_near & (scores < least + margins)):  # what rounding leaves open
            is_near[at, columns] = score_vector_pairs(queries, block, at, columns, similarity) >= least
        for at, columns in list_hits(is_near):
            inside = rules.allows(first + at, rows[columns])
            counts = np.bincount(at[inside], minlength=len(queries))
            found.append((counts, rows[columns[inside]].astype(row_type)))
    return _join_blocks(found, len(queries), row_type)


def _join_blocks(
    found: list[tuple[NDArray[np.int64], NDArray[np.integer]]], n_queries: int, row_type: type[np.signedinteger]
) -> tuple[NDArray[np.int64], NDArray[np.integer]]:
    """Put together each query's rows of all blocks, one block after the other."""
    counts = np.sum([np.zeros(n_queries, np.int64), *(of_block for of_block, _ in found)], axis=0)
    joined = np.empty(counts.sum(), row_type)
    starts = np.cumsum(counts) - counts
    for of_block, rows in found:
        joined[concatenate_ranges(starts, of_block)] = rows
        starts += of_block
    return counts, joined
