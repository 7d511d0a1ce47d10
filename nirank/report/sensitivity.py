"""Tables of what a value hangs on beside the ranking: the order of ties, documents that nobody judged."""

from __future__ import annotations

from collections.abc import Sequence

from nirank.evaluation.measures import parse_measure
from nirank.report.columns import show_value
from nirank.report.grid import Cell, Grid, format_value
from nirank.results.groups import JudgedSplit, group_rows
from nirank.results.row import Row

_HEAD = (
    *("measure", "system", "mean", "ties: worst to best", "queries affected", "judged"),
    *("condensed lists", "if unjudged were relevant"),
)
_TWINS = "equal texts share labels"


def make_sensitivity_grids(rows: Sequence[Row], measures: Sequence[str]) -> list[Grid]:
    """Return for each collection and judgement set how far ties and holes in the judgements could move the values.

    Only systems with a value that either could move have a line. `condensed` is the mean over the lists without
    their unjudged documents, `at most` what the mean would be if those were all relevant. Where documents have equal
    texts and unequal labels, what the value is if they share their best label stands there too.
    """
    groups = group_rows(row for row in rows if row.ties or row.holes or row.twins)
    return [_make_grid(key, group, measures) for key, group in groups.items()]


def _make_grid(key: JudgedSplit, rows: Sequence[Row], measures: Sequence[str]) -> Grid:
    body = []
    twins = any(row.twins for row in rows)
    for measure in measures:
        for row in rows:
            ties, holes, value = row.ties.get(measure), row.holes.get(measure), row.measures.get(measure)
            if value is None or (ties is None and holes is None and measure not in row.twins):
                continue
            bounds = () if holes is None else (holes.condensed, holes.at_most)
            cells = [
                format_value(measure, value),
                "" if ties is None else f"{format_value(measure, ties.worst)} to {format_value(measure, ties.best)}",
                "" if ties is None else f"{ties.queries:,} of {row.queries.judged:,}",
                _format_judged_share(row, measure),
                *("" if bound is None else format_value(measure, bound) for bound in bounds or (None, None)),
            ]
            if twins:
                cells.append(show_value(measure, row.twins.get(measure)))
            body.append([Cell(measure), Cell(row.system), *(Cell(text, number=True) for text in cells)])
    return Grid(f"Ties and unjudged documents: {key.title}", [*_HEAD, *([_TWINS] if twins else [])], body, [])


def _format_judged_share(row: Row, measure: str) -> str:
    share = row.judged_at.get(str(parse_measure(measure).cutoff))
    return "" if share is None else f"{share:.0%}"
