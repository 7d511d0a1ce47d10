"""Sorted neighbourhood: records whose sorting keys are close to each other in the order of all keys.

Hernández and Stolfo, SIGMOD 1995: sort by a key, compare what lies within a window; several passes with different keys.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nirank.flow.pairs import Pairs, compute_offsets
from nirank.flow.scope import Scope


def order_keys(queries: Sequence[str], docs: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of both sides' records in the order of their keys; -1 for a record whose key is blank.

    Between equal keys lower row numbers come first, then documents: both sides take turns, so that equal records meet.
    """
    keys = [(key, row, 0) for row, key in enumerate(docs) if key.strip()]
    keys += [(key, row, 1) for row, key in enumerate(queries) if key.strip()]
    keys.sort()
    places = (np.full(len(queries), -1, np.int64), np.full(len(docs), -1, np.int64))
    for place, (_, row, side) in enumerate(keys):
        places[1 - side][row] = place
    return places


def order_table(keys: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the same of one table against itself: each record has one place, as a query and as a document."""
    _, places = order_keys((), keys)
    return places, places


def join_neighbours(passes: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], window: int, scope: Scope) -> Pairs:
    """Return the pairs that lie fewer than `window` places apart in one of the passes, and in scope.

    passes  the places of queries and documents, as `order_keys` gives them
    window  records that are looked at together, 2 or more: both neighbours are paired with 2
    cost    (n log n) a pass, and 2 · window comparisons a query
    """
    codes = [np.empty(0, np.int64)]
    for query_places, doc_places in passes:
        at = np.argsort(doc_places, kind="stable")
        at = at[doc_places[at] >= 0]
        sorted_places = doc_places[at]
        query_rows = np.flatnonzero(query_places >= 0)
        first = np.searchsorted(sorted_places, query_places[query_rows] - (window - 1), side="left")
        last = np.searchsorted(sorted_places, query_places[query_rows] + (window - 1), side="right")
        lengths = last - first
        ends = np.cumsum(lengths)
        total = int(ends[-1]) if len(ends) else 0
        positions = np.arange(total) + np.repeat(first - (ends - lengths), lengths)
        codes.append(np.repeat(query_rows, lengths) * max(len(scope.docs), 1) + at[positions])
    queries, docs = np.divmod(np.unique(np.concatenate(codes)), max(len(scope.docs), 1))
    inside = scope.allows(queries, docs)
    queries, docs = queries[inside], docs[inside]
    return Pairs(scope.queries, scope.docs, compute_offsets(queries, len(scope.queries)), docs)
