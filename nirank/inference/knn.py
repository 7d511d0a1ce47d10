"""Exact nearest neighbours over memory-mapped vectors, by blocks of documents."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from nirank.errors import ConfigError
from nirank.pairs import row_type
from nirank.ranking import Ranking, best_rows
from nirank.scope import Scope

Similarity = Literal["cosine", "dot", "euclidean"]
Vectors = NDArray[np.float32]

_Found = tuple[NDArray[np.integer], Vectors]  # rows and scores

_BLOCK_DOCS = 16_384
_BLOCK_QUERIES = 256


def check_similarity(name: str) -> None:
    """Raise ConfigError for a similarity that is not computed here."""
    if name not in get_args(Similarity):
        raise ConfigError(f"similarity '{name}' is not offered; expected one of {', '.join(get_args(Similarity))}")


def nearest(queries: Vectors, docs: Vectors, scope: Scope, k: int | None, similarity: str) -> Ranking:
    """Return each query's k best documents inside the scope, in standard order; float32 scores.

    queries, docs  (n_queries, dimension) and (n_docs, dimension) float32; docs may be mapped
    similarity     cosine (a zero vector has 0 with everything), dot, or euclidean (minus the distance)
    cost           n_queries × n_docs × dimension; memory is one block of scores and the lists so far.
                   A pair's score does not depend on k.
    """
    check_similarity(similarity)
    if scope.pairs is not None:
        return _listed(queries, docs, scope, k, similarity)
    rank = scope.docs.rank
    depth = k if k is not None and k < len(docs) else None
    empty: _Found = (np.empty(0, np.int64), np.empty(0, np.float32))
    keep = [empty for _ in range(len(queries))]
    allowed = [scope.rows(query) for query in range(len(queries))] if _restricts(scope) else None
    for start in range(0, len(docs), _BLOCK_DOCS):
        block = np.asarray(docs[start : start + _BLOCK_DOCS])
        for first in range(0, len(queries), _BLOCK_QUERIES):
            scores = _scores(queries[first : first + _BLOCK_QUERIES], block, similarity)
            for at, row_scores in enumerate(scores):
                rows: NDArray[np.integer] = np.arange(start, start + len(block))
                one = None if allowed is None else allowed[first + at]
                if one is not None:
                    rows = one[np.searchsorted(one, start) : np.searchsorted(one, start + len(block))]
                    row_scores = row_scores[rows - start]
                before = keep[first + at]
                best = best_rows(row_scores, rank[rows], k)
                rows, values = np.append(before[0], rows[best]), np.append(before[1], row_scores[best])
                best = best_rows(values, rank[rows], k) if len(before[0]) else np.arange(len(rows))
                keep[first + at] = rows[best], values[best]
    return _ranking(keep, scope, depth)


def _restricts(scope: Scope) -> bool:
    return scope.mask is not None or scope.own is not None


def _listed(queries: Vectors, docs: Vectors, scope: Scope, k: int | None, similarity: str) -> Ranking:
    """Score listed pairs only, each query's vectors gathered."""
    rank = scope.docs.rank
    keep: list[_Found] = []
    for query in range(len(queries)):
        rows = scope.rows(query)
        assert rows is not None
        scores = _scores(queries[query : query + 1], np.asarray(docs[rows]), similarity)[0]
        best = best_rows(scores, rank[rows], k)
        keep.append((np.asarray(rows[best], np.int64), scores[best]))
    return _ranking(keep, scope, k if k is not None and k < len(docs) else None)


def _scores(queries: Vectors, docs: Vectors, similarity: str) -> Vectors:
    """Return the similarity of every query and document, (n_queries, n_docs) float32."""
    if similarity == "cosine":
        queries, docs = _unit(queries), _unit(docs)
    scores: Vectors = queries @ docs.T
    if similarity == "euclidean":
        squares = (queries**2).sum(1)[:, None] + (docs**2).sum(1)[None, :] - 2 * scores
        scores = -np.sqrt(np.maximum(squares, 0))
    return scores


def _unit(vectors: Vectors) -> Vectors:
    """Scale to unit length; zero vectors stay zero."""
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    unit: Vectors = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    return unit


def _ranking(keep: list[_Found], scope: Scope, depth: int | None) -> Ranking:
    counts = np.array([len(rows) for rows, _ in keep], np.int64)
    query_rows = np.repeat(np.arange(len(keep)), counts)
    rows = np.concatenate([rows for rows, _ in keep]) if keep else np.empty(0, np.int64)
    scores = np.concatenate([scores for _, scores in keep]) if keep else np.empty(0, np.float32)
    return Ranking.build(
        scope.queries,
        scope.docs,
        query_rows,
        rows.astype(row_type(len(scope.docs))),
        scores,
        source="dense",
        depth=depth,
    )
