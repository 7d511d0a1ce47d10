"""The intersection of lists, as pairs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from nirank.context import Context
from nirank.pairs import Pairs
from nirank.pipeline import RANKED_OR_NOT
from nirank.stage import Combiner, stage


@stage
class Intersection(Combiner):
    """Keep the pairs that all lists have, without scores or order; `a & b`."""

    name = "intersection"
    lists = (2, None)
    gives = "pairs"
    takes = RANKED_OR_NOT

    def combine(self, lists: Sequence[Pairs], ctx: Context) -> Pairs:
        return reduce(Pairs.intersection, lists)
