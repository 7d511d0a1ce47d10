"""Complete lists: append what was not retrieved."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.stage import Combiner, stage
from nirank.base.memory import Sizes
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope


@stage
class Complete(Combiner):
    """Append every allowed document that was not retrieved, below the others.

    Allowed is what the scope allows: candidates, `within`, the self-match rule; without a scope,
    all documents. The appended documents of a query share one score, below its least, so they
    stand in the tie order: document id descending. The depth of the result is None: nothing is
    missing. Costs queries × allowed documents.
    """

    name = "complete"

    def estimate_pairs(self, sizes: Sizes) -> int:
        return sizes.queries * sizes.docs

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        ranking = lists[0]
        scope = ctx.scope or Scope(ranking.queries, ranking.docs)
        counts = _count_union(ranking, scope)
        offsets = np.append(0, np.cumsum(counts))
        rows, scores = np.empty(offsets[-1], ranking.rows.dtype), np.empty(offsets[-1], ranking.scores.dtype)
        last_first = ranking.docs.order[::-1]
        unlisted = np.empty(len(ranking.docs), np.bool_)
        for query, (start, end) in enumerate(pairwise(offsets.tolist())):
            span = slice(*ranking.offsets[query : query + 2].tolist())
            middle = start + span.stop - span.start
            rows[start:middle], scores[start:middle] = ranking.rows[span], ranking.scores[span]
            allowed = scope.list_rows(query)
            unlisted[:] = allowed is None
            if allowed is not None:
                unlisted[allowed] = True
            unlisted[ranking.rows[span]] = False
            rows[middle:end] = last_first[unlisted[last_first]]
            scores[middle:end] = _find_next_below(scores[middle - 1]) if middle > start else 0
        return Ranking(ranking.queries, ranking.docs, offsets, rows, scores)


def _count_union(ranking: Ranking, scope: Scope) -> NDArray[np.int64]:
    """Return how many documents each query has, found or allowed, (n_queries,)."""
    outside = np.zeros(len(ranking.queries), np.int64)
    for query in range(len(ranking.queries)):
        part = ranking.slice_queries(query, query + 1)
        outside[query] = np.sum(~scope.allows(part.query_rows + query, part.rows))
    return np.asarray(scope.count_rows() + outside, np.int64)


def _find_next_below(least: Any) -> Any:
    """Return a score one unit lower, or more where the type is so coarse at this size that a unit would vanish."""
    return least - np.maximum(1, 4 * np.spacing(np.abs(least))).astype(least.dtype)
