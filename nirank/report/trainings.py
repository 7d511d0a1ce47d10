"""How models were trained: their curves as charts, and what training read as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nirank.report.effort import HEIGHT, WIDTH, Line, colour_line
from nirank.report.grid import Cell, Grid
from nirank.results.row import Row
from nirank.results.row_training import Training


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


def draw_curves(rows: Sequence[Row]) -> list[Curve]:
    """Return a chart for each training, however many systems use its model."""
    return [_draw_curve(training) for training in _distinct_trainings(rows) if training.loss]


def make_training_grids(rows: Sequence[Row]) -> list[Grid]:
    """Return the tables of what training read and what each filter removed, and of what was tuned."""
    tables = []
    trainings = list(_distinct_trainings(rows))
    if trainings:
        reasons = list(dict.fromkeys(name for training in trainings for name in training.examples_by_reason))
        body = [
            [
                Cell(training.model),
                Cell(f"{training.steps:,}", number=True),
                Cell(f"{training.seconds:.0f}", number=True),
                *(_count_cell(training.examples_by_reason.get(name)) for name in reasons),
            ]
            for training in trainings
        ]
        tables.append(Grid("Training examples", ["model", "steps", "seconds", *reasons], body, ()))
    choices = [(row, choice) for row in rows for choice in row.choices]
    if choices:
        has_bounds = any(choice.subject_to for _, choice in choices)
        body = [
            [
                Cell(row.system),
                Cell(candidate.pipeline),
                Cell(choice.measure),
                Cell(f"{candidate.value:.4f}", number=True, best=at == choice.chosen),
                *([Cell(choice.subject_to or "-"), _value_cell(candidate.bounded)] if has_bounds else []),
                Cell(f"{choice.queries:,}", number=True),
            ]
            for row, choice in choices
            for at, candidate in enumerate(choice.candidates)
        ]
        of_bounds = ["subject to", "its value"] if has_bounds else []
        tables.append(Grid("Tuning", ["system", "candidate", "measure", "value", *of_bounds, "queries"], body, ()))
    return tables


def _distinct_trainings(rows: Sequence[Row]) -> Iterator[Training]:
    """Yield each training once, however many systems use its model."""
    distinct: dict[tuple[str, tuple[tuple[float, float], ...]], Training] = {}
    for training in (model for row in rows for model in row.trainings if isinstance(model, Training)):
        distinct.setdefault((training.model, training.loss), training)
    yield from distinct.values()


def _draw_curve(training: Training) -> Curve:
    points, watched = training.loss, training.evaluations
    steps = max([points[-1][0], *(step for step, _ in watched)])
    highest = max(max(loss for _, loss in points), 1e-9)
    values = [value for _, value in watched]
    least, greatest = (min(values), max(values)) if values else (0.0, 1.0)
    span = max(greatest - least, 1e-9)
    loss_line = _format_polyline([(WIDTH * step / steps, HEIGHT * (1 - loss / highest)) for step, loss in points])
    value_line = _format_polyline(
        [(WIDTH * step / steps, HEIGHT * (1 - (value - least) / span)) for step, value in watched]
    )
    measure = training.measure or ""
    return Curve(
        title=training.model,
        loss=colour_line("loss", loss_line, 0),
        watched=colour_line(measure, value_line, 1) if watched else None,
        highest=highest,
        steps=int(steps),
        measure=measure,
        least=least,
        greatest=greatest,
    )


def _format_polyline(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _value_cell(value: float | None) -> Cell:
    return Cell("-" if value is None else f"{value:.4f}", number=True)


def _count_cell(value: int | None) -> Cell:
    return Cell("-" if value is None else f"{value:,}", number=True)
