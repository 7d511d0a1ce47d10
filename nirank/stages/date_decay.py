"""Soft preference for documents dated near the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nirank.collections.dates import date_key, read_dates
from nirank.context import Context
from nirank.errors import ConfigError, DataError
from nirank.ranking import Ranking
from nirank.stage import Combiner, option, stage
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
    key: str | None = option(default=None, help="metadata key of the dates [the documents' date, … year]")

    name = "date_decay"
    source = "Efron and Golovchinsky, SIGIR 2011, section 3 (exponential recency); ours: halving, strength"

    def check(self) -> None:
        if self.half_life <= 0:
            raise ConfigError(f"date_decay: half_life must be above 0 days, got {self.half_life}")
        if not 0 <= self.strength <= 1:
            raise ConfigError(f"date_decay: strength must be from 0 to 1, got {self.strength}")

    def conventions(self) -> Mapping[str, Any]:
        return {"half_life": self.half_life, "strength": self.strength, "undated": "keep their score"}

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        found = lists[0]
        assert ctx.queries is not None and ctx.docs is not None
        key = self.key or date_key(ctx.docs)
        if key is None:
            raise DataError("date_decay: the documents have no metadata key such as date or year; name it with key")
        docs, queries = read_dates(ctx.docs, key), read_dates(ctx.queries, key)
        undated = docs.undated[found.rows] | queries.undated[found.query_rows]
        ctx.count("undated_pairs", int(undated.sum()))
        apart = np.abs(docs.first[found.rows].astype(np.int64) - queries.first[found.query_rows])
        weight = (1 - self.strength) + self.strength * np.exp2(-np.where(undated, 0, apart) / self.half_life)
        scores, _ = normalise(found, "minmax")
        return found.rescore(scores * weight, source=self.name)
