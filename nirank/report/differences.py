"""Tables of what can be told from chance: intervals, groups, differences from the baseline."""

from __future__ import annotations

from collections.abc import Sequence

from nirank.report.grid import Cell, Grid, shown_as
from nirank.results.row import Difference, Row


def difference_grids(rows: Sequence[Row], measures: Sequence[str]) -> list[Grid]:
    """Return for each collection and judgement set a table of intervals, groups and differences from the baseline."""
    groups: dict[tuple[str, str | None, str | None], list[Row]] = {}
    for row in rows:
        if row.intervals:
            groups.setdefault((row.collection, row.split, row.qrels), []).append(row)
    return [_statistics(key, group, measures) for key, group in groups.items() if len(group) > 1]


def _statistics(key: tuple[str, str | None, str | None], rows: Sequence[Row], measures: Sequence[str]) -> Grid:
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
            interval = f"{shown_as(measure, low)} to {shown_as(measure, high)}"
            cells = [shown_as(measure, row.measures[measure] or 0.0), interval, row.groups[measure]]
            if base:
                cells += _show_difference(measure, row.differences.get(measure))
            body.append([Cell(measure), Cell(row.system), *(Cell(text, number=True) for text in cells)])
    name, split, qrels = key
    title = " ".join(filter(None, ("Intervals and differences:", name, split, qrels)))
    return Grid(title, head, body, [])


def _show_difference(measure: str, found: Difference | None) -> list[str]:
    if found is None:
        return [""] * 7
    mean, low, high = (shown_as(measure, value, "+") for value in (found.difference, *found.interval))
    effect = "-" if found.effect is None else f"{found.effect:.4f}"
    least = "-" if found.minimum_detectable is None else shown_as(measure, found.minimum_detectable)
    counts = "-" if found.wins is None else f"{found.wins} / {found.ties} / {found.losses}"
    return [mean, f"{low} to {high}", f"{found.p:.4f}", f"{found.p_baseline:.4f}", effect, counts, least]
