"""Plots: the charts of a report for notebooks and papers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nirank.errors import ConfigError, suggest
from nirank.report.chart import Chart
from nirank.report.charts.depth import draw_depth
from nirank.report.charts.diagnostics import draw_diagnostics
from nirank.report.charts.differences import draw_differences, list_differences
from nirank.report.charts.effort import draw_effort, draw_topics
from nirank.report.charts.gains import draw_gains
from nirank.report.charts.intervals import draw_intervals
from nirank.report.charts.losses import draw_losses
from nirank.report.charts.plan import draw_plan
from nirank.report.charts.seeds import draw_seeds
from nirank.report.charts.stopping import draw_stopping
from nirank.report.charts.survival import draw_survival
from nirank.report.charts.theme import Spec, SystemStyles, make_config
from nirank.report.charts.tradeoff import draw_tradeoff
from nirank.report.charts.trainings import draw_loss, draw_watched
from nirank.report.charts.written import draw_funnel, draw_map
from nirank.report.written import list_written_sets
from nirank.results.groups import JudgedSplit, group_rows
from nirank.results.query_set import QuerySet
from nirank.results.row import Row

_WIDTH = 640  # px


@dataclass(frozen=True)
class Plots:
    """The charts of a leaderboard.

    Each is a `Chart`: notebooks show it as a picture, `.save("chart.svg")` writes SVG, PNG or PDF, both without the
    network, and `.altair` is Altair's. Where there are several collections or judgement sets, `on` chooses one.

    chosen  the collection, split and judgement set that charts are about; None: any
    """

    rows: Sequence[Row]
    measures: Sequence[str]
    manifest: Mapping[str, Any]
    query_sets: Sequence[QuerySet] = ()
    chosen: JudgedSplit | None = None

    def on(self, collection: str, split: str | None = None, qrels: str | None = None) -> Plots:
        """Return the plots of one collection, and of one of its splits and judgement sets where it has several."""
        return replace(self, chosen=_find_table(list(group_rows(self.rows)), collection, split, qrels))

    def tradeoff(self, measure: str | None = None) -> Chart:
        """Return a measure against milliseconds a query, with the Pareto front; without a measure, a menu of all."""
        spec = draw_tradeoff(self._get_rows(), self._list_measures(measure), self._styles)
        return _make_chart(spec, "fewer than two systems have a value and a time per query")

    def intervals(self, measure: str | None = None) -> Chart:
        """Return every system's mean with its confidence interval; without a measure, a menu of all."""
        spec = draw_intervals(self._get_rows(), self._list_measures(measure), self._styles)
        return _make_chart(spec, "intervals are those of two or more systems that were compared")

    def depth(self) -> Chart:
        """Return recall by the depth to which each list is read."""
        spec = draw_depth(self._get_rows(), self._styles)
        return _make_chart(spec, "no list has recall at two depths; leaderboards of older versions have none")

    def effort(self, *, by_topic: bool = False) -> Chart:
        """Return recall by the share of the candidates that is read.

        by_topic  a small chart of each topic
        """
        spec = (draw_topics if by_topic else draw_effort)(self._get_rows(), self._styles)
        return _make_chart(spec, "no screening measure was asked for, such as last_rel")

    def differences(self, a: str, b: str, measure: str | None = None) -> Chart:
        """Return what system `a` gains over `b` on each query, sorted, by the first measure if none is named."""
        values = self._get_query_set().values
        for system in (a, b):
            if system not in values:
                raise ConfigError(f"plot: there is no system '{system}'{suggest(system, values)}{_list(values)}")
        shared = [name for name in values[a] if name in values[b]]
        if measure is None:
            measure = next((name for name in self.measures if name in shared), None)
        if measure not in shared or measure is None:
            named = "a measure" if measure is None else f"'{measure}'{suggest(measure, shared)}"
            raise ConfigError(f"plot: {a} and {b} have no values by query of {named}{_list(shared)}")
        return _make_chart(draw_differences(list_differences(self._get_query_set(), a, b, measure)), "")

    def seeds(self, measure: str | None = None) -> Chart:
        """Return every seed's value beside their mean; without a measure, a menu of all."""
        spec = draw_seeds(self._get_rows(), self._list_measures(measure), self._styles)
        return _make_chart(spec, "no system was run with several seeds")

    def gains(self, measure: str | None = None) -> Chart:
        """Return what each system gains over the baseline on each topic; without a measure, a menu of the first."""
        spec = draw_gains(self._get_rows(), self._list_measures(measure))
        return _make_chart(spec, "fewer than two systems have values by topic, which screening measures bring")

    def losses(self) -> Chart:
        """Return what is left of the relevant documents from list to list."""
        return _make_chart(draw_losses(self._get_rows()), "no system has more than one list")

    def stopping(self) -> Chart:
        """Return how much was read and found where stopping rules ended the reviews, with a menu of systems."""
        return _make_chart(draw_stopping(self._get_rows()), "no stopping rules were evaluated")

    def survival(self, likeness: str | None = None) -> Chart:
        """Return which matches hashing stages kept, by how alike they are, the first likeness if none is named."""
        return _pick_chart(draw_survival(self._get_rows()), likeness, "no system hashes, or no match is known")

    def diagnostics(self, title: str | None = None) -> Chart:
        """Return one diagnostic's chart by the beginning of its title, such as 'D3'; the first if none is named."""
        charts = {chart.title: chart.spec for chart in draw_diagnostics(self._get_rows())}
        named = next((known for known in charts if title is not None and known.startswith(title)), title)
        return _pick_chart(charts, named, "no diagnostics were asked for")

    def training(self, measure: str | None = None) -> Chart:
        """Return the losses of trained models by step, or a measure on the queries that watched them."""
        if measure is None:
            return _make_chart(draw_loss(self._get_rows()), "nothing was trained")
        return _pick_chart(draw_watched(self._get_rows()), measure, "no queries watched a training")

    def written(self, *, map: bool = False) -> Chart:
        """Return what filters left of the first set of written queries, or where their documents lie."""
        sets = [queries for queries in list_written_sets(self._get_rows()) if not map or queries.map]
        spec = (draw_map(sets[0].map) if map and sets[0].map else draw_funnel(sets[0])) if sets else None
        return _make_chart(spec, "no queries were written" + (" for documents that have vectors" if map else ""))

    def plan(self) -> Chart:
        """Return what was computed from what, for how many systems, and what it cost."""
        return _make_chart(draw_plan(self.manifest.get("plan", ())), "there is no plan; older folders have none")

    @property
    def _styles(self) -> SystemStyles:
        return SystemStyles.of(self.rows)

    def _get_rows(self) -> Sequence[Row]:
        tables = group_rows(self.rows)
        return tables[self.chosen or _find_table(list(tables))]

    def _get_query_set(self) -> QuerySet:
        sets = {JudgedSplit(each.collection, each.split, each.qrels): each for each in self.query_sets}
        table = self.chosen or (_find_table(list(sets)) if sets else None)
        if table not in sets or table is None:
            raise ConfigError("plot: there is nothing to plot: values by query are not there; older folders have none")
        return sets[table]

    def _list_measures(self, measure: str | None) -> Sequence[str]:
        if measure is None:
            return self.measures
        if measure not in self.measures:
            known = suggest(measure, self.measures) + _list(self.measures)
            raise ConfigError(f"plot: there is no measure '{measure}'{known}")
        return [measure]


def _find_table(tables: Sequence[JudgedSplit], *asked: str | None) -> JudgedSplit:
    """Return the only table, or the only one of that collection, split and judgement set."""
    found = [table for table in tables if all(name in (None, part) for name, part in zip(asked, table, strict=False))]
    if len(found) == 1:
        return found[0]
    titles = _list(table.title for table in found or tables)
    if not found:
        named = " ".join(filter(None, asked))
        near = suggest(asked[0] or "", [table.collection for table in tables])
        raise ConfigError(f"plot: there is no '{named}'{near}{titles}")
    raise ConfigError(f"plot: expected one table, choose it by on(collection, split, qrels){titles}")


def _list(names: Iterable[str]) -> str:
    return f"; there are {', '.join(names)}"


def _pick_chart(charts: Mapping[str, Spec], name: str | None, reason: str) -> Chart:
    """Return the chart of that name, or the first."""
    if name is not None and charts and name not in charts:
        raise ConfigError(f"plot: there is no chart of '{name}'{suggest(name, charts)}{_list(charts)}")
    return _make_chart(charts[name or next(iter(charts))] if charts else None, reason)


def _make_chart(spec: Spec | None, reason: str) -> Chart:
    """Return a specification as a chart, in a fixed width and with the look that a page gives it."""
    import altair

    if spec is None:
        raise ConfigError(f"plot: there is nothing to plot: {reason}")
    sized = {**spec, "config": make_config()}
    if sized.get("width") == "container":
        sized["width"] = _WIDTH
    return Chart(altair.Chart.from_dict(sized))
