"""Exact scores of all pairs that a scope leaves: those that it lists, or every document with every query."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nirank.base.memory import fit_block_size
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.inference.similarity import Vectors, check_finite
from nirank.inference.vector_pairs import score_vector_pairs

_BLOCK_PAIRS = 1 << 18
_PAIR_BYTES = 64  # its two rows, its score, and what finding the order takes


def score_listed_pairs(
    queries: Vectors, docs: Vectors, rows_of: NDArray[np.int64] | None, scope: Scope, similarity: str
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.integer], Vectors]]:
    """Yield query rows, document rows and scores of the pairs in a scope, in ascending order, whole queries at a time.

    queries, docs, rows_of  as `search_nearest` takes them, but that under cosine queries have unit length
    raises                  StageError for a score that is not finite
    """
    rules = replace(scope, mask=None if scope.pairs is None else scope.mask, pairs=None)
    for query_rows, rows in _list_pairs(scope):
        inside = np.flatnonzero(rules.allows(query_rows, rows))
        if len(inside) < len(rows):
            query_rows, rows = query_rows[inside], rows[inside]
        places = rows if rows_of is None else np.searchsorted(rows_of, rows)
        scores = score_vector_pairs(queries, docs, query_rows, places, similarity)
        wild = np.flatnonzero(~np.isfinite(scores))[:1]
        for pair in wild.tolist():
            check_finite(scores[pair:], int(query_rows[pair]), rows[pair:], scope)
        yield query_rows, rows, scores


def _list_pairs(scope: Scope) -> Iterator[tuple[NDArray[np.int64], NDArray[np.integer]]]:
    """Yield the pairs that a scope lists, rows ascending, or without a list those that its mask leaves."""
    size = fit_block_size(_BLOCK_PAIRS, _PAIR_BYTES)
    n_queries = len(scope.queries)
    if scope.pairs is None:
        rows = np.arange(len(scope.docs)) if scope.open_rows is None else scope.open_rows
        offsets = np.arange(n_queries + 1) * len(rows)
    else:
        pairs = scope.pairs.drop_scores() if isinstance(scope.pairs, Ranking) else scope.pairs
        offsets = pairs.offsets
    first = 0
    while first < n_queries:
        last = max(int(np.searchsorted(offsets, offsets[first] + size, side="right")) - 1, first + 1)
        query_rows = np.repeat(np.arange(first, last), np.diff(offsets[first : last + 1]))
        if scope.pairs is None:
            yield query_rows, np.tile(rows, last - first)
        else:
            yield query_rows, np.asarray(pairs.rows[offsets[first] : offsets[last]])
        first = last
