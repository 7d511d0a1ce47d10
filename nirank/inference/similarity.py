"""How alike two vectors are: exactly and one pair at a time, or roughly by products of matrices, with a bound.

A product of matrices rounds the same two vectors differently, depending on where in a block they lie and how many
others there are. So products only choose, with a margin that no rounding exceeds, and what they leave open is scored
pair by pair.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from nirank.errors import ConfigError, StageError
from nirank.flow.scope import Scope

Similarity = Literal["cosine", "dot", "euclidean"]
Vectors = NDArray[np.float32]

_EPSILON = float(np.finfo(np.float32).eps)
_MODERATE = 1e30  # far from where float32 ends


def check_similarity(name: str) -> None:
    """Raise ConfigError for a similarity that is not computed here."""
    if name not in get_args(Similarity):
        raise ConfigError(f"similarity '{name}' is not offered; expected one of {', '.join(get_args(Similarity))}")


def score_vectors(queries: Vectors, docs: Vectors, norms: Vectors, similarity: str) -> Vectors:
    """Score documents one by one, (n,) float32, for one query or for a query each; under cosine these have unit length.

    queries  (dimension,) or (n, dimension)
    norms    (n,) of the documents; only cosine reads them
    """
    if similarity == "euclidean":
        return -compute_norms(docs - queries)
    products: Vectors = np.vecdot(docs, queries)
    return products if similarity == "dot" else normalise(products, norms)


def compute_rough_scores(queries: Vectors, docs: Vectors, similarity: str) -> Vectors:
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


def bound_errors(queries: Vectors, norms: Vectors, similarity: str) -> NDArray[np.float64]:
    """Bound how far apart rough and exact scores can lie, (n_queries,).

    A float32 product of n terms, summed in any order, errs by at most n × epsilon / 2 × |q| × |d| (Higham,
    Accuracy and Stability of Numerical Algorithms, 2002, section 3.1); eight more terms cover norms and roots.
    """
    longest = float(norms.max())
    lengths = compute_norms(queries).astype(np.float64)
    scale = {"cosine": np.ones(len(queries)), "dot": lengths * longest, "euclidean": lengths + longest}[similarity]
    return np.asarray((queries.shape[1] + 8) * _EPSILON * scale)


def compute_norms(vectors: Vectors) -> Vectors:
    """Return Euclidean lengths, (n,) float32."""
    norms: Vectors = np.sqrt(np.vecdot(vectors, vectors))
    return norms


def normalise(values: Vectors, norms: Vectors) -> Vectors:
    """Divide (n, dimension) or (n,) by (n,) norms; zero stays zero, and what is not finite becomes NaN."""
    by = norms[:, None] if values.ndim == 2 else norms
    with np.errstate(invalid="ignore"):
        unit: Vectors = np.divide(values, by, out=np.zeros_like(values), where=by != 0)
    return unit


def check_block(
    scores: Vectors, queries: Vectors, norms: Vectors, first: int, rows: NDArray[np.integer], scope: Scope
) -> None:
    """Raise StageError where (n_queries, n_docs) scores have NaN or infinity; `first` is the row of the first query.

    No part of a product exceeds the product of the two lengths. So where these are moderate, scores are finite.
    """
    if not (1 + float(compute_norms(queries).max())) * (1 + float(norms.max())) < _MODERATE:  # true of NaN too
        for query, of_query in enumerate(scores, first):
            check_finite(of_query, query, rows, scope)


def check_finite(scores: Vectors, query: int, rows: NDArray[np.integer], scope: Scope) -> None:
    """Raise StageError for NaN or infinity, before anything is compared: NaN would just be missing."""
    if np.isfinite(scores).all():
        return
    wild = int(np.flatnonzero(~np.isfinite(scores))[0])
    raise StageError(
        f"dense: query '{scope.queries[query]}', document '{scope.docs[int(rows[wild])]}' has score {scores[wild]};"
        " expected a finite number"
    )
