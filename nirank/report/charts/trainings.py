"""Training curves: the loss of each model by step, and the measure on the queries that watched its training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nirank.report.charts.curves import simplify_curve
from nirank.report.charts.lines import draw_lines
from nirank.report.charts.theme import Spec, SystemStyles, axis_format
from nirank.report.trainings import list_trainings
from nirank.results.row import Row
from nirank.results.row_training import Training

_DETAIL = 0.004  # of a curve's height: what is smaller cannot be seen

_DOTS = 12  # points of a line that are drawn as dots, at most


def draw_loss(rows: Sequence[Row]) -> Spec | None:
    """Return the losses of all models, however many systems use each; None where nothing was trained."""
    trainings = {name: training for name, training in _name_trainings(rows) if training.loss}
    return _draw_curves({name: training.loss for name, training in trainings.items()}, "loss", ".3~g")


def draw_watched(rows: Sequence[Row]) -> dict[str, Spec]:
    """Return for each measure that watched trainings its curves."""
    charts: dict[str, Spec] = {}
    trainings = dict(_name_trainings(rows))
    for measure in dict.fromkeys(training.measure for training in trainings.values()):
        curves = {name: each.evaluations for name, each in trainings.items() if each.measure == measure}
        spec = _draw_curves(curves, f"{measure} on the queries that watched", axis_format(measure or ""))
        if measure and spec is not None:
            charts[measure] = spec
    return charts


def _draw_curves(curves: dict[str, tuple[tuple[float, float], ...]], title: str, format: str) -> Spec | None:
    values: list[dict[str, Any]] = []
    heights = [y for curve in curves.values() for _, y in curve]
    span = max(heights, default=0.0) - min(heights, default=0.0)
    drawn = {name: curve for name, curve in curves.items() if curve}
    for name, curve in drawn.items():
        points = simplify_curve(curve, _DETAIL * span)
        values += [{"system": name, "step": x, "value": float(f"{y:.5g}")} for x, y in points]
    if not drawn:
        return None
    styles = SystemStyles(tuple(drawn))
    return draw_lines(
        values,
        list(drawn),
        styles,
        {"field": "step", "type": "quantitative", "axis": {"title": "step", "grid": False, "format": "~s"}},
        {
            "field": "value",
            "type": "quantitative",
            "scale": {"zero": False},
            "axis": {"title": title, "format": format, "tickCount": 6},
        },
        dots=len(values) < _DOTS * len(drawn),
    )


def _name_trainings(rows: Sequence[Row]) -> Iterator[tuple[str, Training]]:
    """Yield each training once, under the names of the systems that use its model; several of these are numbered."""
    systems: dict[tuple[str, tuple[tuple[float, float], ...]], list[str]] = {}
    for row in rows:
        for training in list_trainings([row]):
            users = systems.setdefault((training.model, training.loss), [])
            users += [row.system] if row.system not in users else []
    seen: dict[str, int] = {}
    for training in list_trainings(rows):
        first, *others = systems[training.model, training.loss]
        name = f"{first} and {len(others)} more" if len(others) > 1 else ", ".join([first, *others])
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name} ({seen[name]})", training
