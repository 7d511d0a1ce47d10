"""How many pairs are possible: what the reduction ratio and the candidate set size ratio divide by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.flow.ids import Ids
from nirank.flow.scope import Scope


def count_possible_pairs(queries: Ids, docs: Ids, records: NDArray[np.int64] | None, scope: Scope | None) -> int:
    """Count the pairs that could be candidates: those that the scope allows, None allowing all.

    records  of one table, each query's row among the documents: a pair counts once, whatever its order, and no record
             pairs with itself; None: two tables
    """
    n_queries, n_docs = len(queries), len(docs)
    if records is None:
        return n_queries * n_docs if scope is None else int(scope.count_rows().sum())
    if scope is None or _excludes_own_rows_only(scope, records):
        return n_queries * n_docs - n_queries - n_queries * (n_queries - 1) // 2
    query_of = np.full(n_docs, -1)
    query_of[records] = np.arange(n_queries)
    count = 0
    for query, record in enumerate(records.tolist()):
        allowed = scope.list_rows(query)
        rows = np.arange(n_docs) if allowed is None else allowed
        others = query_of[rows[rows != record]]
        earlier = others[(others >= 0) & (others < query)]
        counted_before = scope.allows(earlier, np.full(len(earlier), record))
        count += len(others) - int(counted_before.sum())
    return count


def _excludes_own_rows_only(scope: Scope, records: NDArray[np.int64]) -> bool:
    others = (scope.mask, scope.pairs, scope.excluded)
    owns = scope.own_rows is None or np.array_equal(scope.own_rows, records)
    return owns and not scope.ranges and all(other is None for other in others)
