"""Cut a ranking."""

from __future__ import annotations

from collections.abc import Sequence

from nirank.algebra.context import Context
from nirank.algebra.stage import Combiner, option, stage
from nirank.base.memory import Sizes
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking


@stage
class Cut(Combiner):
    """Keep each query's first k documents, and nothing below; `a % k` is short for `a >> Cut(k)`.

    k  1 or more; the result's depth, where any list was longer
    """

    k: int = option(help="how many documents a query keeps")

    name = "cut"

    def check(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise ConfigError(f"cut: k must be a whole number, 1 or more, got {self.k!r}")

    def estimate_pairs(self, sizes: Sizes) -> int:
        return min(sizes.listed_pairs, sizes.queries * self.k)

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        return lists[0].cut(self.k)
