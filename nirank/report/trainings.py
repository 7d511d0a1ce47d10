"""How models were trained: their curves as charts, and what training read as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nirank.report.effort import HEIGHT, WIDTH, Line, coloured
from nirank.report.grid import Cell, Grid, Row


@dataclass(frozen=True)
class Curve:
    """One model's loss by step, and the measure on what watched it.

    loss       points of an SVG polyline; `watched` too, '' where nothing watched
    highest    loss at the top of the chart, `steps` at its right
    least, greatest   of the measure, at the chart's bottom and top
    """

    title: str
    loss: Line
    watched: Line | None
    highest: float
    steps: int
    measure: str
    least: float
    greatest: float


def curves(rows: Sequence[Row]) -> list[Curve]:
    """Return a chart for each training, however many systems use its model."""
    return [_curve(one) for one in _distinct(rows) if one.get("loss")]


def training_grids(rows: Sequence[Row]) -> list[Grid]:
    """Return the tables of what training read and what each filter removed, and of what soups were made of."""
    found = []
    trained = [one for one in _distinct(rows) if "examples_by_reason" in one]
    if trained:
        reasons = list(dict.fromkeys(name for one in trained for name in one["examples_by_reason"]))
        head = ["model", "steps", "seconds", *reasons]
        body = [
            [
                Cell(one["model"]),
                Cell(f"{one['steps']:,}", number=True),
                Cell(f"{one['seconds']:.0f}", number=True),
                *(_count(one["examples_by_reason"].get(name)) for name in reasons),
            ]
            for one in trained
        ]
        found.append(Grid("What training read", head, body, ()))
    chosen = [(row, one) for row in rows for one in row.get("chosen", ())]
    if chosen:
        body = [
            [
                Cell(row["system"]),
                Cell(candidate["pipeline"]),
                Cell(one["measure"]),
                Cell(f"{candidate['value']:.4f}", number=True, best=at == one["chosen"]),
                Cell(f"{one['queries']:,}", number=True),
            ]
            for row, one in chosen
            for at, candidate in enumerate(one["candidates"])
        ]
        found.append(Grid("What was tuned", ["system", "candidate", "measure", "value", "queries"], body, ()))
    return found


def _distinct(rows: Sequence[Row]) -> Iterator[Mapping[str, Any]]:
    seen = set()
    for row in rows:
        for one in row.get("trainings", ()):
            key = (one["model"], str(one.get("loss")))
            if key not in seen:
                seen.add(key)
                yield one


def _curve(one: Mapping[str, Any]) -> Curve:
    points, watched = one["loss"], one["evaluations"]
    steps = max([points[-1][0], *(step for step, _ in watched)])
    highest = max(max(loss for _, loss in points), 1e-9)
    values = [value for _, value in watched]
    least, greatest = (min(values), max(values)) if values else (0.0, 1.0)
    span = max(greatest - least, 1e-9)
    line = _polyline([(WIDTH * step / steps, HEIGHT * (1 - loss / highest)) for step, loss in points])
    other = _polyline([(WIDTH * step / steps, HEIGHT * (1 - (value - least) / span)) for step, value in watched])
    watched_line = coloured(one["measure"] or "", other, 1) if watched else None
    return Curve(
        one["model"],
        coloured("loss", line, 0),
        watched_line,
        highest,
        int(steps),
        one["measure"] or "",
        least,
        greatest,
    )


def _polyline(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _count(value: Any) -> Cell:
    return Cell("-" if value is None else f"{value:,}", number=True)
