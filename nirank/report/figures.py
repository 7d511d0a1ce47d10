"""The figures of a report, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nirank.report.charts.depth import draw_depth
from nirank.report.charts.differences import DATA, draw_differences
from nirank.report.charts.effort import draw_effort, draw_topics
from nirank.report.charts.figure import Figure
from nirank.report.charts.intervals import draw_intervals
from nirank.report.charts.theme import Spec, SystemStyles
from nirank.report.charts.tradeoff import draw_tradeoff
from nirank.report.report import Report
from nirank.results.groups import JudgedSplit, group_rows
from nirank.results.row import Row

TRADEOFF = "Effectiveness and cost"
INTERVALS = "Intervals"
RECALL = "Recall"
QUERIES = "Query by query"


def list_figures(report: Report) -> list[Figure]:
    """Return the figures for which the report has what they show; their order and ids depend on the report alone."""
    styles = SystemStyles.of(report.rows)
    figures = [
        figure
        for at, (table, rows) in enumerate(group_rows(report.rows).items())
        for figure in _list_table_figures(at, table, rows, report.measures, styles)
    ]
    if report.query_sets:
        caption = "A bar a query: gains of A over B upward, losses downward. A click shows the query."
        figures.append(Figure("differences", QUERIES, "Differences on each query", caption, draw_differences(), DATA))
    return figures


def _list_table_figures(
    at: int, table: JudgedSplit, rows: Sequence[Row], measures: Sequence[str], styles: SystemStyles
) -> Iterator[Figure]:
    charts: list[tuple[str, str, str, str, Spec | None]] = [
        (
            "tradeoff",
            TRADEOFF,
            "Effectiveness and cost",
            "The dashed line is the Pareto front: nothing left of it is as good. Upright lines: intervals of the mean.",
            draw_tradeoff(rows, measures, styles),
        ),
        (
            "intervals",
            INTERVALS,
            "Intervals of the means",
            "The best system on top; systems that share a letter cannot be told apart. Dotted: the baseline.",
            draw_intervals(rows, measures, styles),
        ),
        (
            "depth",
            RECALL,
            "Recall by depth",
            "The share of the relevant documents among the first of each list, mean over the queries.",
            draw_depth(rows, styles),
        ),
        (
            "effort",
            RECALL,
            "Recall by effort",
            "Relevant documents found after reading a share of the candidates, mean over the topics.",
            draw_effort(rows, styles),
        ),
        (
            "topics",
            RECALL,
            "Recall by effort, topic by topic",
            "Across: the share of a topic's candidates that is read; upward: recall.",
            draw_topics(rows, styles),
        ),
    ]
    for kind, section, title, caption, spec in charts:
        if spec is not None:
            yield Figure(f"{kind}-{at}", section, title, caption, spec, table=table)
