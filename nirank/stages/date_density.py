"""Soft preference for the gaps in years that relevant documents have in training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.judged import Judged
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Combiner, option, stage
from nirank.collections.date_gaps import count_gaps, measure_year_gaps
from nirank.collections.dates import UNDATED, find_date_keys, get_dates
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.stages.weighted_sum import normalise

_FILE = "gaps.json"


@stage
class DateDensity(Combiner):
    """Weigh min-max scores by how often relevant documents were so many years older in training.

    P(g) = (n_g + 1) / (Σ n + bins), where g is the query's year minus the document's and n_g counts the relevant pairs
    of the training queries with that gap. Bins are the years from the least to the greatest gap there, `width` years
    each, and one for all other gaps. With s the list's min-max score:

    add       s + weight × ln P(g)
    multiply  s × P(g) ^ weight

    weight 0 leaves the order alone. A pair without a date gets the mean of ln P over the other documents of its list
    (0 where there are none), and is counted. float64.

    on      the training queries; those that are evaluated are refused, as wherever something is trained
    """

    on: Judged = option(identity=False, help="the judged queries whose gaps are counted, {split: train}")
    weight: float = option(default=0.01, help="of ln P; 0: dates do nothing")
    how: Literal["add", "multiply"] = option(default="add", help="add weight × ln P, or multiply by P ^ weight")
    width: int = option(default=1, help="years of a bin")
    key: str | None = option(default=None, help="metadata key of the dates [the collection's, or date, … year]")

    name = "date_density"
    source = "the log, or the factor, of a smoothed density of year gaps is ours; as Li and Croft, CIKM 2003, a prior"

    def check(self) -> None:
        if self.weight < 0:
            raise ConfigError(f"date_density: weight must be 0 or more, got {self.weight}")
        if self.width < 1:
            raise ConfigError(f"date_density: width must be 1 year or more, got {self.width}")

    def describe_conventions(self) -> Mapping[str, Any]:
        shown = {"how": self.how, "weight": self.weight, "width": self.width, "on": repr(self.on)}
        return {**shown, "undated": "the mean of the list"}

    def resolve_options(self, sides: Sides) -> Self:
        return self if self.key is not None or sides.date is None else replace(self, key=sides.date)

    def check_sides(self, sides: Sides, queries: Texts, docs: Texts) -> None:
        find_date_keys(self.key or sides.date, queries, docs, self.name)

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        if sides.training_sources is None:
            raise ConfigError("date_density: gaps can only be counted by an experiment, which knows what is evaluated")
        judged = sides.training_sources.open_judged(self.on, "trained")
        assert judged.judgements is not None, "checked where judged queries are opened"
        key = self.key or judged.date
        inputs = (("queries", judged.queries), ("docs", judged.docs), ("judgements", judged.judgements))
        params = {} if key is None else {"key": key}
        label = f"year gaps of {judged.queries.label}"
        return (Node(f"{__name__}:count_training_gaps", 1, params, inputs, offline=True, label=label),)

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        ranking = lists[0]
        assert ctx.queries is not None and ctx.docs is not None
        key, query_key = find_date_keys(self.key, ctx.queries, ctx.docs, self.name)
        ctx.declare("date", key if key == query_key else f"{key} (queries: {query_key})")
        training = json.loads((ctx.input_folder() / _FILE).read_text(encoding="utf-8"))
        ctx.declare("training pairs", {"dated": sum(n for _, n in training["gaps"]), "undated": training["undated"]})
        query_dates, dates = get_dates(ctx.queries, query_key), get_dates(ctx.docs, key)
        gaps = measure_year_gaps(query_dates, dates, ranking.query_rows, ranking.rows)
        logs = np.log(estimate_density(gaps, training["gaps"], self.width))
        undated = gaps == UNDATED
        ctx.count("undated_pairs", int(undated.sum()))
        logs[undated] = _average_dated(ranking, logs, ~undated)[ranking.query_rows[undated]]
        scores, _ = normalise(ranking, "minmax")
        weighed = scores + self.weight * logs if self.how == "add" else scores * np.exp(self.weight * logs)
        return ranking.rescore(weighed, source=self.name)


def estimate_density(gaps: NDArray[np.int64], counted: Sequence[Sequence[int]], width: int) -> NDArray[np.float64]:
    """Return P of each gap, (n,): (n_g + 1) / (Σ n + bins), as `DateDensity` says.

    counted  (gap, how many pairs have it) of the training pairs
    """
    at, counts = (np.array([pair[place] for pair in counted], np.int64) for place in (0, 1))
    least = int(at.min())
    in_bins = np.bincount((at - least) // width, counts)
    bins = (gaps - least) // width
    inside = (bins >= 0) & (bins < len(in_bins))
    numbers = np.append(in_bins, 0.0)[np.where(inside, bins, len(in_bins))]
    return np.asarray((numbers + 1) / (counts.sum() + len(in_bins) + 1), np.float64)


def _average_dated(ranking: Ranking, logs: NDArray[np.float64], dated: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean of each query's dated documents, (n_queries,); 0 where there are none."""
    n = len(ranking.queries)
    totals = np.bincount(ranking.query_rows[dated], logs[dated], minlength=n)
    return np.asarray(totals / np.maximum(np.bincount(ranking.query_rows[dated], minlength=n), 1), np.float64)


def count_training_gaps(job: Job) -> None:
    """Count the gaps of relevant pairs, and those without one, into `gaps.json`."""
    queries, docs = job.get_input("queries"), job.get_input("docs")
    qrels: Qrels = job.get_input("judgements")
    key, query_key = find_date_keys(job.params.get("key"), queries, docs, DateDensity.name)
    relevant = (qrels.grades >= qrels.min_rel) & (qrels.rows >= 0)
    query_dates, dates = get_dates(queries, query_key), get_dates(docs, key)
    gaps = measure_year_gaps(query_dates, dates, qrels.query_rows[relevant], qrels.rows[relevant])
    counted = count_gaps(gaps)
    if not counted:
        raise DataError("date_density: none of the relevant training pairs has a date on both sides")
    written = {"gaps": list(counted.items()), "undated": int((gaps == UNDATED).sum())}
    (job.folder / _FILE).write_text(json.dumps(written) + "\n", encoding="utf-8")
