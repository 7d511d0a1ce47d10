"""Exact nearest neighbours over memory-mapped vectors, by blocks of queries and of documents.

A product of matrices rounds the same two vectors differently, depending on where in a block they lie
and how many others there are; equal documents would not tie. So products only choose, with a margin
that no rounding exceeds, and the chosen pairs are scored one by one: a score depends on its two
vectors and on nothing else (k, blocks, scope, other queries, threads).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from nirank.base.memory import fit_block_size
from nirank.flow.ids import Ids
from nirank.flow.pairs import choose_row_type
from nirank.flow.ranking import Ranking, select_best_pairs
from nirank.flow.scope import Scope
from nirank.inference.blocks import choose_block_docs, close_block, estimate_row_bytes, read_block
from nirank.inference.candidates import Candidates, Hits
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

_BLOCK_QUERIES = 1024
_BLOCK_BEST = 1 << 18  # long lists have fewer queries in a block
_NOTHING: Hits = np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.float32)


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
        first_rows, groups = group_equal(queries)
        if len(first_rows) < len(queries):
            return _search_once(queries[first_rows], first_rows, groups, docs, scope, k, similarity)
    return _search_each(queries, docs, scope, k, similarity, rows_of)


def group_equal(queries: Vectors) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
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
    visible = len(docs) if scope.open_rows is None else len(scope.open_rows)
    if scope.pairs is not None or k is None or k >= visible:
        pairs = score_listed_pairs(queries, docs, rows_of, scope, similarity)
        parts = [select_best_pairs(scope.docs, *part, k) for part in pairs]
    else:
        parts = list(_search_blocks(queries, docs, scope, k, similarity))
    query_rows, rows, scores = (np.concatenate(part) for part in zip(_NOTHING, *parts, strict=True))
    return Ranking.build(
        scope.queries,
        scope.docs,
        query_rows,
        rows.astype(choose_row_type(len(scope.docs))),
        scores,
        source="dense",
        depth=k if k is not None and k < len(scope.docs) else None,
    )


def _search_blocks(queries: Vectors, docs: Vectors, scope: Scope, k: int, similarity: str) -> Iterator[Hits]:
    """Yield the k best documents of some queries at a time."""
    dimension = queries.shape[1]
    # A query: its vector, and four times k candidates while they are sorted. Documents get the other half of memory.
    most_queries = min(_BLOCK_QUERIES, max(_BLOCK_BEST // k, 16), max(len(queries), 1))
    block_queries = fit_block_size(most_queries, 2 * (12 * dimension + 200 * k))
    row_bytes = estimate_row_bytes(dimension, similarity, block_queries)
    block_docs = fit_block_size(choose_block_docs(block_queries), row_bytes)
    for first in range(0, len(queries), block_queries):
        part = queries[first : first + block_queries]
        score = partial(score_vector_pairs, part, docs, similarity=similarity)
        candidates = Candidates(len(part), scope.docs, k, score)
        for start in range(0, len(docs), block_docs):
            rows, block = read_block(docs, start, block_docs, scope)
            if len(rows):
                norms = compute_norms(block)
                chooser = normalise(block, norms) if similarity == "cosine" else block
                rough = compute_rough_scores(part, chooser, similarity)
                check_block(rough, part, norms, first, rows, scope)
                close_block(rough, first, rows, scope)
                candidates.add(rough, rows, bound_errors(part, norms, similarity))
        at, doc_rows, scores = candidates.take_best()
        yield first + at, doc_rows, scores
