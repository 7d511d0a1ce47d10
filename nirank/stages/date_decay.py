"""Soft preference for documents dated near the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Combiner, option, stage
from nirank.collections.dates import find_date_keys, get_dates
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.stages.weighted_sum import normalise


@stage
class DateDecay(Combiner):
    """Multiply min-max scores by a weight that halves with the distance in time from the query.

    score = s × ((1 - strength) + strength × w), s the list's min-max score. With g the days apart beyond `offset`,
    max(0, days apart - offset), and h the half-life:

    exponential  w = 0.5 ^ (g / h), that is exp(-ln 2 × g / h)
    gaussian     w = 0.5 ^ ((g / h)²), that is exp(-g² / (2σ²)) with σ = h / √(2 ln 2)
    linear       w = max(0, 1 - g / (2h)): nothing is left after twice the half-life

    Days apart are between the first days of both dates, whichever is earlier. Undated documents or queries keep s, and
    are counted. float64.

    Efron and Golovchinsky, SIGIR 2011, weigh by recency in this exponential form.
    """

    half_life: float = option(default=365.0, help="days after which the dated part of the weight is halved")
    strength: float = option(default=1.0, help="0: dates do nothing; 1: the weight falls to 0")
    key: str | None = option(default=None, help="metadata key of the dates [the collection's, or date, … year]")
    form: Literal["exponential", "gaussian", "linear"] = option(default="exponential", help="how the weight falls")
    offset: float = option(default=0.0, help="days apart up to which the weight is whole")

    name = "date_decay"
    source = "Efron and Golovchinsky, SIGIR 2011, section 3 (exponential recency); ours: halving, strength"

    def check(self) -> None:
        if self.half_life <= 0:
            raise ConfigError(f"date_decay: half_life must be above 0 days, got {self.half_life}")
        if not 0 <= self.strength <= 1:
            raise ConfigError(f"date_decay: strength must be from 0 to 1, got {self.strength}")
        if self.offset < 0:
            raise ConfigError(f"date_decay: offset must be 0 days or more, got {self.offset}")

    def describe_conventions(self) -> Mapping[str, Any]:
        shape = {name: value for name, value in self.options.items() if name in ("form", "offset")}
        return {"half_life": self.half_life, "strength": self.strength, **shape, "undated": "keep their score"}

    def resolve_options(self, sides: Sides) -> Self:
        return self if self.key is not None or sides.date is None else replace(self, key=sides.date)

    def check_sides(self, sides: Sides, queries: Texts, docs: Texts) -> None:
        find_date_keys(self.key or sides.date, queries, docs, self.name)

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        ranking = lists[0]
        assert ctx.queries is not None and ctx.docs is not None
        key, query_key = find_date_keys(self.key, ctx.queries, ctx.docs, self.name)
        ctx.declare("date", key if key == query_key else f"{key} (queries: {query_key})")
        docs, queries = get_dates(ctx.docs, key), get_dates(ctx.queries, query_key)
        undated = docs.undated[ranking.rows] | queries.undated[ranking.query_rows]
        ctx.count("undated_pairs", int(undated.sum()))
        distance = np.abs(docs.first[ranking.rows].astype(np.int64) - queries.first[ranking.query_rows])
        weight = (1 - self.strength) + self.strength * self._decay(np.where(undated, 0, distance))
        scores, _ = normalise(ranking, "minmax")
        return ranking.rescore(scores * weight, source=self.name)

    def _decay(self, days: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what is left of the weight after so many days apart, (n,) from 0 to 1."""
        lives = np.maximum(days - self.offset, 0) / self.half_life
        if self.form == "linear":
            return np.asarray(np.maximum(0, 1 - lives / 2))
        return np.asarray(np.exp2(-lives if self.form == "exponential" else -(lives**2)))
