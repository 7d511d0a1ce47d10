"""Score combination of Fox and Shaw: CombSUM, CombMNZ, CombANZ, CombMAX, CombMIN, CombMED."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.stage import Combiner, option, stage
from nirank.errors import ConfigError
from nirank.flow.pairs import merge_keys
from nirank.flow.ranking import Ranking
from nirank.stages._fusion import fuse_by_blocks
from nirank.stages.weighted_sum import Normalisation, normalise


@stage
class Comb(Combiner):
    """Combine a document's normalised scores over the lists that have it.

    sum  their sum; mnz  the sum times how many lists have it; anz  their mean
    max, min, med  the greatest, the least, the median of them

    A list that lacks a document adds nothing and is not counted (the authors' rule; `weighted_sum` gives the least of
    the list). Scores are normalised as in `weighted_sum`, so nothing is negative but under zscore.
    float64; the depth is the shallowest list's.
    """

    how: Literal["sum", "mnz", "anz", "max", "min", "med"] = option(
        default="mnz", help="sum, mnz, anz, max, min or med"
    )
    normalise: Normalisation = option(default="minmax", help="how each query's list is normalised first")
    allow_raw: bool = option(default=False, help="permit normalise: none")

    name = "comb"
    lists = (2, None)
    source = "Fox and Shaw, TREC-2, 1994; Lee, SIGIR 1997 (min-max)"

    def check(self) -> None:
        if self.normalise == "none" and not self.allow_raw:
            raise ConfigError(
                "comb: normalise 'none' combines scores of unlike scales; expected minmax, zscore, sum or rank, or"
                " allow_raw: true if the scales are known to agree"
            )

    def describe_conventions(self) -> Mapping[str, Any]:
        return {"how": self.how, "normalise": self.normalise, "missing": "adds nothing, is not counted"}

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        return fuse_by_blocks(lists, self._fuse_block, ctx)

    def _fuse_block(self, lists: Sequence[Ranking]) -> Ranking:
        first = lists[0]
        keys = merge_keys([ranking.keys for ranking in lists])
        table = np.full((len(lists), len(keys)), np.nan)
        for row, ranking in zip(table, lists, strict=True):
            row[np.searchsorted(keys, ranking.keys)] = normalise(ranking, self.normalise)[0]
        table.sort(axis=0)  # NaN last; the order of lists cannot change a sum
        n = (~np.isnan(table)).sum(0)
        total = np.zeros(len(keys))
        for row in table:
            total += np.nan_to_num(row)
        half = (table[(n - 1) // 2, np.arange(len(keys))] + table[n // 2, np.arange(len(keys))]) / 2
        scores = {
            "sum": total,
            "mnz": total * n,
            "anz": total / np.maximum(n, 1),
            "max": table[n - 1, np.arange(len(keys))],
            "min": table[0],
            "med": half,
        }[self.how]
        q, d = np.divmod(keys, max(len(first.docs), 1))
        return Ranking.build(first.queries, first.docs, q, d, scores, source=self.name)
