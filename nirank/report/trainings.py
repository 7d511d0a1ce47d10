"""Tables of training: what it read, what each filter removed, and what was tuned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nirank.report.grid import Cell, Grid
from nirank.results.row import Row
from nirank.results.row_training import Training


def make_training_grids(rows: Sequence[Row]) -> list[Grid]:
    """Return the tables of what training read and what each filter removed, and of what was tuned."""
    tables = []
    trainings = list(list_trainings(rows))
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


def list_trainings(rows: Sequence[Row]) -> Iterator[Training]:
    """Yield each training once, however many systems use its model."""
    distinct: dict[tuple[str, tuple[tuple[float, float], ...]], Training] = {}
    for training in (model for row in rows for model in row.trainings if isinstance(model, Training)):
        distinct.setdefault((training.model, training.loss), training)
    yield from distinct.values()


def _value_cell(value: float | None) -> Cell:
    return Cell("-" if value is None else f"{value:.4f}", number=True)


def _count_cell(value: int | None) -> Cell:
    return Cell("-" if value is None else f"{value:,}", number=True)
