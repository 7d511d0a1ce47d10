"""Charts of effort: how much has been found after reading how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nirank.results.groups import group_rows
from nirank.results.row import Row

WIDTH, HEIGHT = 400, 200  # of the plotted area, in the chart's own units
_COLOURS = ("#0b5c8a", "#c2571a", "#3d8b37", "#8a4fa3", "#b0892a", "#5c6370", "#c2417c", "#2a9d8f")
_DASHES = ("", "6 3", "2 3")  # where there are more systems than colours


@dataclass(frozen=True)
class Line:
    """One system's recall at 0 % to 100 % of its candidates read, as points of an SVG polyline."""

    system: str
    points: str
    colour: str
    dash: str


@dataclass(frozen=True)
class Chart:
    """The lines of one collection and judgement set."""

    title: str
    lines: Sequence[Line]


def make_effort_charts(rows: Sequence[Row]) -> list[Chart]:
    """Return a chart for each collection and judgement set with screening measures; of several seeds, their mean."""
    groups = group_rows(row for row in rows if row.effort and row.seed_of is None)
    return [
        Chart(key.title, [draw_line(row.system, row.effort, at) for at, row in enumerate(group)])
        for key, group in groups.items()
    ]


def draw_line(label: str, effort: Sequence[float], at: int) -> Line:
    """Return a curve of recall by effort as the at-th line of a chart."""
    last = len(effort) - 1
    points = " ".join(f"{WIDTH * step / last:.1f},{HEIGHT * (1 - recall):.1f}" for step, recall in enumerate(effort))
    return colour_line(label, points, at)


def colour_line(label: str, points: str, at: int) -> Line:
    """Return a line in the colour and dash of the at-th of a chart."""
    dash = _DASHES[at // len(_COLOURS) % len(_DASHES)]
    return Line(label, points, _COLOURS[at % len(_COLOURS)], dash)
