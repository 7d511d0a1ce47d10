"""Complete lists: append what was not retrieved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nirank.context import Context
from nirank.memory import Sizes
from nirank.ranking import Ranking
from nirank.scope import Scope
from nirank.stage import Combiner, stage


@stage
class Complete(Combiner):
    """Append every allowed document that was not retrieved, below the others.

    Allowed is what the scope allows: candidates, `within`, the self-match rule; without a scope,
    all documents. The appended documents of a query share one score, below its least, so they
    stand in the tie order: document id descending. The depth of the result is None: nothing is
    missing. Costs queries × allowed documents.
    """

    name = "complete"

    def most(self, sizes: Sizes) -> int:
        return sizes.queries * sizes.docs

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        found = lists[0]
        everything = (ctx.scope or Scope(found.queries, found.docs)).everything()
        missing = everything.select(~found.contains(everything.query_rows, everything.rows))
        least = np.zeros(len(found.queries), found.scores.dtype)
        there = found.counts > 0
        least[there] = found.scores[found.offsets[1:][there] - 1]
        # One unit lower, or more where the type is so coarse at this size that a unit would vanish.
        below = least - np.maximum(1, 4 * np.spacing(np.abs(least))).astype(least.dtype)
        return Ranking.build(
            found.queries,
            found.docs,
            np.concatenate((found.query_rows, missing.query_rows)),
            np.concatenate((found.rows, missing.rows)),
            np.concatenate((found.scores, np.where(there, below, 0)[missing.query_rows])),
            source=self.name,
        )
