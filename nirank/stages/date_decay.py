"""Soft preference for documents dated near the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

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

    score = s × ((1 - strength) + strength × 0.5 ^ (days apart / half_life)), s the list's min-max score. Days apart
    are between the first days of both dates, whichever is earlier. Undated documents or queries keep s, and are
    counted. float64.

    Efron and Golovchinsky, SIGIR 2011, weigh by recency in this exponential form.
    """

    half_life: float = option(default=365.0, help="days after which the dated part of the weight is halved")
    strength: float = option(default=1.0, help="0: dates do nothing; 1: the weight falls to 0")
    key: str | None = option(default=None, help="metadata key of the dates [the collection's, or date, … year]")

    name = "date_decay"
    source = "Efron and Golovchinsky, SIGIR 2011, section 3 (exponential recency); ours: halving, strength"

    def check(self) -> None:
        if self.half_life <= 0:
            raise ConfigError(f"date_decay: half_life must be above 0 days, got {self.half_life}")
        if not 0 <= self.strength <= 1:
            raise ConfigError(f"date_decay: strength must be from 0 to 1, got {self.strength}")

    def describe_conventions(self) -> Mapping[str, Any]:
        return {"half_life": self.half_life, "strength": self.strength, "undated": "keep their score"}

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
        weight = (1 - self.strength) + self.strength * np.exp2(-np.where(undated, 0, distance) / self.half_life)
        scores, _ = normalise(ranking, "minmax")
        return ranking.rescore(scores * weight, source=self.name)
