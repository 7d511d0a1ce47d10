"""Tables of what can be told from chance: intervals, groups, differences from the baseline."""

from __future__ import annotations

from collections.abc import Sequence

from nirank.report.grid import Cell, Grid, format_value
from nirank.results.groups import JudgedSplit, group_rows
from nirank.results.row import Difference, Row


def make_difference_grids(rows: Sequence[Row], measures: Sequence[str]) -> list[Grid]:
    """Return for each collection and judgement set a table of intervals, groups and differences from the baseline."""
    groups = group_rows(row for row in rows if row.intervals)
    return [_make_grid(key, group, measures) for key, group in groups.items() if len(group) > 1]


def _make_grid(key: JudgedSplit, rows: Sequence[Row], measures: Sequence[str]) -> Grid:
    base = rows[0].baseline
    level = f"{1 - (rows[0].alpha or 0.0):.0%} interval"
    head = ["measure", "system", "mean", level, "letters"]
    if base:
        head += [f"− {base}", level, "p", "adjusted p", "Cohen's d", "wins / ties / losses", "minimum detectable"]
    body = []
    for measure in measures:
        for row in rows:
            if measure not in row.intervals:
                continue
            low, high = row.intervals[measure]
            interval = f"{format_value(measure, low)} to {format_value(measure, high)}"
            cells = [format_value(measure, row.measures[measure] or 0.0), interval, row.groups.get(measure, "-")]
            if base:
                cells += _show_difference(measure, row.differences.get(measure))
            body.append([Cell(measure), Cell(row.system), *(Cell(text, number=True) for text in cells)])
    return Grid(f"Intervals and differences: {key.title}", head, body, [])


def _show_difference(measure: str, difference: Difference | None) -> list[str]:
    if difference is None:
        return [""] * 7
    mean, low, high = (format_value(measure, value, "+") for value in (difference.difference, *difference.interval))
    effect = "-" if difference.effect is None else f"{difference.effect:.4f}"
    least = "-" if difference.minimum_detectable is None else format_value(measure, difference.minimum_detectable)
    counts = "-" if difference.wins is None else f"{difference.wins} / {difference.ties} / {difference.losses}"
    return [mean, f"{low} to {high}", f"{difference.p:.4f}", f"{difference.p_baseline:.4f}", effect, counts, least]
