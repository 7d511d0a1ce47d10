"""Exact nearest neighbours over memory-mapped vectors, by blocks of documents.

A product of matrices rounds the same two vectors differently, depending on where in a block they lie
and how many others there are; equal documents would not tie. So products only choose, with a margin
that no rounding exceeds, and the chosen pairs are scored one by one: a score depends on its two
vectors and on nothing else (k, blocks, scope, other queries, threads).
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from nirank.base.memory import fit_block_size
from nirank.flow.ids import Ids
from nirank.flow.pairs import choose_row_type
from nirank.flow.ranking import Ranking, select_best
from nirank.flow.scope import Scope
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

_Hits = tuple[NDArray[np.integer], Vectors]  # rows and scores

_BLOCK_DOCS = 16_384
BLOCK_QUERIES = 256
_MIN_SCORE = float(np.finfo(np.float32).min)


def search_nearest(
    queries: Vectors,
    docs: Vectors,
    scope: Scope,
    k: int | None,
    similarity: str,
    rows_of: NDArray[np.int64] | None = None,
) -> Ranking:
    """Return each query's k best documents inside the scope, in standard order; float32 scores.

    queries, docs  (n_queries, dimension) and (n_docs, dimension) float32; docs may be mapped
    rows_of        (n_vectors,) ascending, the document row of each of `docs`, all that lists in the scope name;
                   None: `docs` are all
    similarity     cosine (a zero vector has 0 with everything), dot, or euclidean (minus the distance)
    raises         StageError for a score that is not finite: some vector is not
    cost           n_queries × n_docs × dimension, equal queries counted once unless they see different documents beside
                   their own; memory is one block of scores and the lists so far; under
                   `max_memory` blocks are as small as they must be, which changes nothing but the speed
    """
    check_similarity(similarity)
    queries = np.asarray(queries, np.float32)
    if rows_of is None and scope.pairs is None and scope.excluded is None and not scope.ranges:
        first_rows, groups = _group_equal(queries)
        if len(first_rows) < len(queries):
            return _search_once(queries[first_rows], first_rows, groups, docs, scope, k, similarity)
    return _search_each(queries, docs, scope, k, similarity, rows_of)


def _group_equal(queries: Vectors) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of the distinct queries, and for each query which of those it equals."""
    places: dict[bytes, int] = {}
    first_rows: list[int] = []
    groups = np.empty(len(queries), np.int64)
    for row, query in enumerate(queries):
        place = groups[row] = places.setdefault(blake2b(query.tobytes(), digest_size=16).digest(), len(first_rows))
        if place == len(first_rows):
            first_rows.append(row)
    return np.array(first_rows, np.int64), groups


def _search_once(
    distinct: Vectors,
    first_rows: NDArray[np.int64],
    groups: NDArray[np.int64],
    docs: Vectors,
    scope: Scope,
    k: int | None,
    similarity: str,
) -> Ranking:
    """Search each distinct query once, one document deeper, and leave each query's own document out of its list."""
    shared_scope = replace(scope.take(first_rows, Ids(scope.queries.take_arrow(first_rows))), own_rows=None)
    deeper = k if k is None or scope.own_rows is None else k + 1
    ranking = _search_each(distinct, docs, shared_scope, deeper, similarity, None).take(groups, scope.queries)
    if scope.own_rows is not None:
        ranking = ranking.select(ranking.rows != np.asarray(scope.own_rows)[ranking.query_rows])
    ranking = ranking if k is None else ranking.cut(k)
    depth = k if k is not None and k < len(scope.docs) else None
    return Ranking(ranking.queries, ranking.docs, ranking.offsets, ranking.rows, ranking.scores, depth)


def _search_each(
    queries: Vectors,
    docs: Vectors,
    scope: Scope,
    k: int | None,
    similarity: str,
    rows_of: NDArray[np.int64] | None,
) -> Ranking:
    if similarity == "cosine":
        queries = normalise(queries, compute_norms(queries))
    empty: _Hits = (np.empty(0, np.int64), np.empty(0, np.float32))
    best_hits = [empty for _ in range(len(queries))]
    if scope.pairs is not None:
        _search_listed(queries, docs, rows_of, scope, k, similarity, best_hits)
    else:
        size = fit_block_size(_BLOCK_DOCS, estimate_row_bytes(queries.shape[1], similarity))
        for start in range(0, len(docs), size):
            rows, block = read_block(docs, start, size, scope)
            if len(rows):
                _search_block(queries, rows, block, scope, k, similarity, best_hits)
    return _build_ranking(best_hits, scope, k)


def estimate_row_bytes(dimension: int, similarity: str) -> int:
    """Return what a document of a block takes: its vector three times, and the scores of a block of queries."""
    has_squares = similarity == "euclidean"  # in float64
    return (28 if has_squares else 12) * dimension + (32 if has_squares else 8) * BLOCK_QUERIES


def read_block(docs: Vectors, start: int, size: int, scope: Scope) -> tuple[NDArray[np.int64], Vectors]:
    """Return the rows of one block that the scope's mask leaves, and their vectors."""
    block = np.asarray(docs[start : start + size], np.float32)  # 16-bit vectors are scored in 32
    if scope.mask is None:
        return np.arange(start, start + len(block)), block
    inside = np.flatnonzero(scope.mask[start : start + len(block)])
    return start + inside, block[inside]


def score_rows(query: Vectors, docs: Vectors, rows: NDArray[np.integer], similarity: str) -> Vectors:
    """Return one query's exact scores of some documents, (n_rows,) float32."""
    vectors = np.asarray(docs[rows], np.float32)
    if similarity == "cosine":
        query = normalise(query[None], compute_norms(query[None]))[0]
    return score_vectors(query, vectors, compute_norms(vectors), similarity)


def _search_block(
    queries: Vectors,
    rows: NDArray[np.int64],
    block: Vectors,
    scope: Scope,
    k: int | None,
    similarity: str,
    best_hits: list[_Hits],
) -> None:
    """Merge the best documents of one block into each query's best hits."""
    rank = scope.docs.rank
    norms = compute_norms(block)
    chooser = normalise(block, norms) if similarity == "cosine" else block
    for first in range(0, len(queries), BLOCK_QUERIES):
        part = queries[first : first + BLOCK_QUERIES]
        rough = compute_rough_scores(part, chooser, similarity)
        margins = bound_errors(part, norms, similarity)
        for query, scores, margin in zip(range(first, first + len(part)), rough, margins, strict=True):
            check_finite(scores, query, rows, scope)
            inside = scope.filter_rows(query, rows)
            if inside is not None:
                scores[~inside] = -np.inf
            old_rows, old_scores = best_hits[query]
            if k is not None and len(old_rows) >= k:
                least = float(old_scores[-1]) - margin
            elif k is not None and k < len(scores):
                least = float(np.partition(scores, len(scores) - k)[len(scores) - k]) - 2 * margin
            else:
                least = _MIN_SCORE
            hits = np.flatnonzero(scores >= max(least, _MIN_SCORE))
            if not len(hits):
                continue
            chosen = slice(None) if len(hits) == len(rows) else hits  # spares a copy of the block
            merged_rows = np.append(old_rows, rows[chosen])
            values = np.append(old_scores, score_vectors(queries[query], block[chosen], norms[chosen], similarity))
            best = select_best(values, rank[merged_rows], k)
            best_hits[query] = merged_rows[best], values[best]


def _search_listed(
    queries: Vectors,
    docs: Vectors,
    rows_of: NDArray[np.int64] | None,
    scope: Scope,
    k: int | None,
    similarity: str,
    best_hits: list[_Hits],
) -> None:
    """Score listed pairs only, each query's vectors gathered."""
    rank = scope.docs.rank
    for query in range(len(queries)):
        rows = scope.list_rows(query)
        assert rows is not None
        vectors = np.asarray(docs[rows if rows_of is None else np.searchsorted(rows_of, rows)], np.float32)
        scores = score_vectors(queries[query], vectors, compute_norms(vectors), similarity)
        check_finite(scores, query, rows, scope)
        best = select_best(scores, rank[rows], k)
        best_hits[query] = rows[best], scores[best]


def _build_ranking(keep: list[_Hits], scope: Scope, k: int | None) -> Ranking:
    counts = np.array([len(rows) for rows, _ in keep], np.int64)
    query_rows = np.repeat(np.arange(len(keep)), counts)
    rows = np.concatenate([rows for rows, _ in keep]) if keep else np.empty(0, np.int64)
    scores = np.concatenate([scores for _, scores in keep]) if keep else np.empty(0, np.float32)
    return Ranking.build(
        scope.queries,
        scope.docs,
        query_rows,
        rows.astype(choose_row_type(len(scope.docs))),
        scores,
        source="dense",
        depth=k if k is not None and k < len(scope.docs) else None,
    )
