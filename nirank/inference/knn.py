"""Exact nearest neighbours over memory-mapped vectors, by blocks of documents.

A product of matrices rounds the same two vectors differently, depending on where in a block they lie
and how many others there are; equal documents would not tie. So products only choose, with a margin
that no rounding exceeds, and the chosen pairs are scored one by one: a score depends on its two
vectors and on nothing else (k, blocks, scope, other queries, threads).
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from nirank.base.memory import fit_block_size
from nirank.errors import ConfigError, StageError
from nirank.flow.pairs import choose_row_type
from nirank.flow.ranking import Ranking, select_best
from nirank.flow.scope import Scope

Similarity = Literal["cosine", "dot", "euclidean"]
Vectors = NDArray[np.float32]

_Hits = tuple[NDArray[np.integer], Vectors]  # rows and scores

_BLOCK_DOCS = 16_384
_BLOCK_QUERIES = 256
_MIN_SCORE = float(np.finfo(np.float32).min)
_EPSILON = float(np.finfo(np.float32).eps)


def check_similarity(name: str) -> None:
    """Raise ConfigError for a similarity that is not computed here."""
    if name not in get_args(Similarity):
        raise ConfigError(f"similarity '{name}' is not offered; expected one of {', '.join(get_args(Similarity))}")


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
    cost           n_queries × n_docs × dimension; memory is one block of scores and the lists so far; under
                   `max_memory` blocks are as small as they must be, which changes nothing but the speed
    """
    check_similarity(similarity)
    queries = np.asarray(queries, np.float32)
    if similarity == "cosine":
        queries = _normalise(queries, _compute_norms(queries))
    empty: _Hits = (np.empty(0, np.int64), np.empty(0, np.float32))
    best_hits = [empty for _ in range(len(queries))]
    if scope.pairs is not None:
        _search_listed(queries, docs, rows_of, scope, k, similarity, best_hits)
    else:
        size = fit_block_size(_BLOCK_DOCS, _estimate_row_bytes(queries.shape[1], similarity))
        for start in range(0, len(docs), size):
            rows, block = _read_block(docs, start, size, scope)
            if len(rows):
                _search_block(queries, rows, block, scope, k, similarity, best_hits)
    return _build_ranking(best_hits, scope, k)


def _estimate_row_bytes(dimension: int, similarity: str) -> int:
    """Return what a document of a block takes: its vector three times, and the scores of a block of queries."""
    has_squares = similarity == "euclidean"  # in float64
    return (28 if has_squares else 12) * dimension + (32 if has_squares else 8) * _BLOCK_QUERIES


def _read_block(docs: Vectors, start: int, size: int, scope: Scope) -> tuple[NDArray[np.int64], Vectors]:
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
        query = _normalise(query[None], _compute_norms(query[None]))[0]
    return _score(query, vectors, _compute_norms(vectors), similarity)


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
    norms = _compute_norms(block)
    chooser = _normalise(block, norms) if similarity == "cosine" else block
    for first in range(0, len(queries), _BLOCK_QUERIES):
        part = queries[first : first + _BLOCK_QUERIES]
        rough = _compute_rough_scores(part, chooser, similarity)
        margins = _bound_errors(part, norms, similarity)
        for query, scores, margin in zip(range(first, first + len(part)), rough, margins, strict=True):
            _check_finite(scores, query, rows, scope)
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
            values = np.append(old_scores, _score(queries[query], block[chosen], norms[chosen], similarity))
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
        scores = _score(queries[query], vectors, _compute_norms(vectors), similarity)
        _check_finite(scores, query, rows, scope)
        best = select_best(scores, rank[rows], k)
        best_hits[query] = rows[best], scores[best]


def _score(query: Vectors, docs: Vectors, norms: Vectors, similarity: str) -> Vectors:
    """Score documents one by one, (n,) float32; under cosine the query has unit length already."""
    if similarity == "euclidean":
        return -_compute_norms(docs - query)
    products: Vectors = np.vecdot(docs, query)
    return products if similarity == "dot" else _normalise(products, norms)


def _compute_rough_scores(queries: Vectors, docs: Vectors, similarity: str) -> Vectors:
    """Return every score but for rounding, (n_queries, n_docs) float32; cosine takes unit vectors."""
    if similarity != "euclidean":
        products: Vectors = queries @ docs.T
        return products
    wide_queries, wide_docs = queries.astype(np.float64), docs.astype(np.float64)  # small differences of large squares
    squares = (
        np.vecdot(wide_queries, wide_queries)[:, None]
        + np.vecdot(wide_docs, wide_docs)[None, :]
        - 2 * (wide_queries @ wide_docs.T)
    )
    distances: Vectors = np.sqrt(np.maximum(squares, 0)).astype(np.float32)
    return -distances


def _bound_errors(queries: Vectors, norms: Vectors, similarity: str) -> list[float]:
    """Bound how far apart `_rough` and `_score` can lie, for each query.

    A float32 product of n terms, summed in any order, errs by at most n × epsilon / 2 × |q| × |d| (Higham,
    Accuracy and Stability of Numerical Algorithms, 2002, section 3.1); eight more terms cover norms and roots.
    """
    longest = float(norms.max())
    lengths = _compute_norms(queries).astype(np.float64)
    scale = {"cosine": np.ones(len(queries)), "dot": lengths * longest, "euclidean": lengths + longest}[similarity]
    margins: list[float] = ((queries.shape[1] + 8) * _EPSILON * scale).tolist()
    return margins


def _compute_norms(vectors: Vectors) -> Vectors:
    norms: Vectors = np.sqrt(np.vecdot(vectors, vectors))
    return norms


def _normalise(values: Vectors, norms: Vectors) -> Vectors:
    """Divide (n, dimension) or (n,) by (n,) norms; zero stays zero, and what is not finite becomes NaN."""
    by = norms[:, None] if values.ndim == 2 else norms
    with np.errstate(invalid="ignore"):
        unit: Vectors = np.divide(values, by, out=np.zeros_like(values), where=by != 0)
    return unit


def _check_finite(scores: Vectors, query: int, rows: NDArray[np.integer], scope: Scope) -> None:
    """Raise StageError for NaN or infinity, before anything is compared: NaN would just be missing."""
    if np.isfinite(scores).all():
        return
    wild = int(np.flatnonzero(~np.isfinite(scores))[0])
    raise StageError(
        f"dense: query '{scope.queries[query]}', document '{scope.docs[int(rows[wild])]}' has score {scores[wild]};"
        " expected a finite number"
    )


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
