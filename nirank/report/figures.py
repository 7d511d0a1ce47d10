"""The figures of a report, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nirank.report.charts.depth import draw_depth
from nirank.report.charts.diagnostics import draw_diagnostics
from nirank.report.charts.differences import DATA, draw_differences
from nirank.report.charts.effort import draw_effort, draw_topics
from nirank.report.charts.figure import Figure
from nirank.report.charts.gains import draw_gains
from nirank.report.charts.intervals import draw_intervals
from nirank.report.charts.losses import draw_losses, name_documents
from nirank.report.charts.plan import draw_plan
from nirank.report.charts.seeds import draw_seeds
from nirank.report.charts.stopping import draw_stopping
from nirank.report.charts.survival import draw_survival
from nirank.report.charts.theme import Spec, SystemStyles
from nirank.report.charts.tradeoff import draw_tradeoff
from nirank.report.charts.trainings import draw_loss, draw_watched
from nirank.report.charts.written import draw_funnel, draw_map
from nirank.report.report import Report
from nirank.report.written import list_written_sets
from nirank.results.groups import JudgedSplit, group_rows
from nirank.results.row import Row

QUERIES = "Query by query"
_OF_TABLES: dict[str, tuple[str, str, str]] = {  # kind: section, title, caption
    "tradeoff": (
        "Effectiveness and cost",
        "Effectiveness and cost",
        "The dashed line is the Pareto front: nothing left of it is as good. Upright lines: intervals of the mean.",
    ),
    "intervals": (
        "Means and intervals",
        "Intervals of the means",
        "The best system on top; systems that share a letter cannot be told apart. Dotted: the baseline.",
    ),
    "seeds": (
        "Means and intervals",
        "Systems and seeds",
        "A point a seed; the upright stroke is their mean, the band one standard deviation on both sides.",
    ),
    "depth": (
        "Recall",
        "Recall by depth",
        "The share of the relevant documents among the first of each list, mean over the queries;"
        " where pairs are counted, the share of all matches (PC).",
    ),
    "effort": (
        "Recall",
        "Recall by effort",
        "Relevant documents found after reading a share of the candidates, mean over the topics.",
    ),
    "topics": (
        "Recall",
        "Recall by effort, topic by topic",
        "Across: the share of a topic's candidates that is read; upward: recall.",
    ),
    "gains": (
        "Recall",
        "Gain and loss, topic by topic",
        "A bar a topic: better than the baseline upward, worse downward.",
    ),
    "losses": (
        "What was lost where",
        "{} from list to list",
        "A bar is all {}, its filled part those in the list. Blue bands: what a list has of those that "
        "it was made of; orange: what is lost.",
    ),
    "stopping": (
        "Stopping rules",
        "Where rules ended the reviews",
        "Large points are means over the reviews, small ones single reviews; dashed: the recall that rules promise.",
    ),
}


def list_figures(report: Report) -> list[Figure]:
    """Return the figures for which the report has what they show; their order and ids depend on the report alone.

    Those of one section stand together, first those of the first table.
    """
    styles = SystemStyles.of(report.rows)
    figures = [
        figure
        for at, (table, rows) in enumerate(group_rows(report.rows).items())
        for figure in _list_table_figures(at, table, rows, report.measures, styles)
    ]
    sections = {section: at for at, section in enumerate(dict.fromkeys(figure.section for figure in figures))}
    figures.sort(key=lambda figure: sections[figure.section])
    figures += _list_training_figures(report.rows)
    plan = draw_plan(report.manifest.get("plan", ()))
    if plan is not None:
        caption = "What is computed from what, from left to right. Dashed boxes were found in the store."
        figures.append(Figure("plan", "Plan", "What was computed", caption, plan))
    if report.query_sets:
        caption = (
            "A bar a query: gains of A over B upward, losses downward; dashed: their mean. A click shows the query."
        )
        figures.append(Figure("differences", QUERIES, "Differences on each query", caption, draw_differences(), DATA))
    return figures


def _list_table_figures(
    at: int, table: JudgedSplit, rows: Sequence[Row], measures: Sequence[str], styles: SystemStyles
) -> Iterator[Figure]:
    specs: dict[str, Spec | None] = {
        "tradeoff": draw_tradeoff(rows, measures, styles),
        "intervals": draw_intervals(rows, measures, styles),
        "seeds": draw_seeds(rows, measures, styles),
        "depth": draw_depth(rows, styles),
        "effort": draw_effort(rows, styles),
        "topics": draw_topics(rows, styles),
        "gains": draw_gains(rows, measures),
        "losses": draw_losses(rows),
        "stopping": draw_stopping(rows),
    }
    for kind, spec in specs.items():
        if spec is not None:
            section, title, caption = _OF_TABLES[kind]
            if kind == "losses":
                counted = name_documents(rows)
                title, caption = title.format(counted.capitalize()), caption.format(counted)
            yield Figure(f"{kind}-{at}", section, title, caption, spec, table=table)
    for number, (likeness, spec) in enumerate(draw_survival(rows).items()):
        title = f"Which matches hashing kept, by {likeness}"
        caption = "The share of the known matches that became candidates; larger points are more matches. Line: theory."
        yield Figure(f"survival-{at}-{number}", "Hashing", title, caption, spec, table=table)
    for number, (title, caption, spec) in enumerate(draw_diagnostics(rows)):
        yield Figure(f"diagnostics-{at}-{number}", "Diagnostics", title, caption, spec, table=table)


def _list_training_figures(rows: Sequence[Row]) -> Iterator[Figure]:
    loss = draw_loss(rows)
    if loss is not None:
        yield Figure("loss", "Training", "Loss", "The mean loss over stretches of each training.", loss)
    for number, (measure, spec) in enumerate(draw_watched(rows).items()):
        caption = f"{measure} on the held-out queries that watched each training."
        yield Figure(f"watched-{number}", "Training", f"{measure} while training", caption, spec)
    for number, written in enumerate(list_written_sets(rows)):
        title = " ".join(written.what.split())
        caption = "Pale: the queries that each filter was given; full: those that it kept."
        yield Figure(f"funnel-{number}", "Written queries", title, caption, draw_funnel(written))
        if written.map is not None:
            caption = (
                "Documents in the plane of their vectors' first two principal components, which has "
                f"{100 * written.map.variance:.1f} % of the variance; colours tell neighbouring clusters apart."
            )
            yield Figure(f"map-{number}", "Written queries", f"Map: {title}", caption, draw_map(written.map))
