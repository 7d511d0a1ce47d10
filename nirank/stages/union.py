"""The union of lists, as pairs."""

from __future__ import annotations

from collections.abc import Sequence

from nirank.algebra.context import Context
from nirank.algebra.pipeline import RANKED_OR_NOT
from nirank.algebra.stage import Combiner, stage
from nirank.flow.pairs import Pairs


@stage
class Union(Combiner):
    """Keep the pairs that any list has, without scores or order; `a | b`."""

    name = "union"
    symmetric = True
    lists = (2, None)
    gives = "pairs"
    takes = RANKED_OR_NOT

    def combine(self, lists: Sequence[Pairs], ctx: Context) -> Pairs:
        return lists[0].union(*lists[1:])
