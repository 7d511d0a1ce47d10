"""Tables of what can be told from chance: intervals, groups, differences from the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nirank.report.table import Cell, Grid, Row


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
            cells = [f"{row['measures'][measure]:.4f}", f"{low:.4f} to {high:.4f}", row["groups"][measure]]
            if base:
                cells += _difference(row["against"].get(measure))
            body.append([Cell(measure), Cell(row["system"]), *(Cell(text, number=True) for text in cells)])
    name, split, qrels = key
    title = " ".join(filter(None, ("Intervals and differences:", name, split, qrels)))
    return Grid(title, head, body, [])


def _difference(one: Mapping[str, Any] | None) -> list[str]:
    if one is None:
        return [""] * 7
    low, high = one["interval"]
    effect, least = (("-" if one[name] is None else f"{one[name]:.4f}") for name in ("effect", "minimum_detectable"))
    counts = f"{one['wins']} / {one['ties']} / {one['losses']}"
    p = [f"{one[name]:.4f}" for name in ("p", "p_baseline")]
    return [f"{one['difference']:+.4f}", f"{low:+.4f} to {high:+.4f}", *p, effect, counts, least]
