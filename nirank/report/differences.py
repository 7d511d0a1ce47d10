"""Tables of what can be told from chance: intervals, groups, differences from the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nirank.report.grid import Cell, Grid, Row, shown_as


def difference_grids(rows: Sequence[Row], measures: Sequence[str]) -> list[Grid]:
    """Return for each collection and judgement set a table of intervals, groups and differences from the baseline."""
    groups: dict[tuple[str, str | None, str | None], list[Row]] = {}
    for row in rows:
        if row.get("intervals"):
            groups.setdefault((row["collection"], row["split"], row["qrels"]), []).append(row)
    return [_statistics(key, group, measures) for key, group in groups.items() if len(group) > 1]


def _statistics(key: tuple[str, str | None, str | None], rows: Sequence[Row], measures: Sequence[str]) -> Grid:
    base = rows[0].get("baseline")
    level = f"{1 - rows[0]['alpha']:.0%} interval"
    head = ["measure", "system", "mean", level, "group"]
    if base:
        head += [f"− {base}", level, "p", "adjusted", "effect d", "wins / ties / losses", "detectable"]
    body = []
    for measure in measures:
        for row in rows:
            if measure not in row["intervals"]:
                continue
            low, high = row["intervals"][measure]
            mean, low, high = (shown_as(measure, value) for value in (row["measures"][measure], low, high))
            cells = [mean, f"{low} to {high}", row["groups"][measure]]
            if base:
                cells += _difference(measure, row["against"].get(measure))
            body.append([Cell(measure), Cell(row["system"]), *(Cell(text, number=True) for text in cells)])
    name, split, qrels = key
    title = " ".join(filter(None, ("Intervals and differences:", name, split, qrels)))
    return Grid(title, head, body, [])


def _difference(measure: str, one: Mapping[str, Any] | None) -> list[str]:
    if one is None:
        return [""] * 7
    difference, low, high = (shown_as(measure, value, "+") for value in (one["difference"], *one["interval"]))
    effect = "-" if one["effect"] is None else f"{one['effect']:.4f}"
    least = "-" if one["minimum_detectable"] is None else shown_as(measure, one["minimum_detectable"])
    counts = "-" if one["wins"] is None else f"{one['wins']} / {one['ties']} / {one['losses']}"
    p = [f"{one[name]:.4f}" for name in ("p", "p_baseline")]
    return [difference, f"{low} to {high}", *p, effect, counts, least]
