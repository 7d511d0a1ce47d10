"""Training curves: the loss of each model by step, and the measure on the queries that watched its training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nirank.report.charts.curves import simplify_curve
from nirank.report.charts.lines import draw_lines
from nirank.report.charts.theme import AXIS_FORMAT, Spec, SystemStyles
from nirank.report.trainings import list_trainings
from nirank.results.row import Row
from nirank.results.row_training import Training

Curve = tuple[tuple[float, float], ...]

_DETAIL = 0.004  # of a curve's height: what is smaller cannot be seen

_DOTS = 12  # points of a line that are drawn as dots, at most


def draw_loss(rows: Sequence[Row]) -> Spec | None:
    """Return the losses of all models, however many systems use each; None where nothing was trained.

    Seeds of a system have one colour.
    """
    return _draw_curves([(system, line, each.loss) for system, line, each in _name_trainings(rows)], "loss")


def draw_watched(rows: Sequence[Row]) -> dict[str, Spec]:
    """Return for each measure that watched trainings its curves."""
    charts: dict[str, Spec] = {}
    named = list(_name_trainings(rows))
    for measure in dict.fromkeys(training.measure for *_, training in named):
        curves = [(system, line, each.evaluations) for system, line, each in named if each.measure == measure]
        spec = _draw_curves(curves, f"{measure} on the queries that watched")
        if measure and spec is not None:
            charts[measure] = spec
    return charts


def _draw_curves(curves: Sequence[tuple[str, str, Curve]], title: str) -> Spec | None:
    drawn = [each for each in curves if each[-1]]
    if not drawn:
        return None
    values: list[dict[str, Any]] = []
    heights = [y for *_, curve in drawn for _, y in curve]
    span = max(heights) - min(heights)
    for system, line, curve in drawn:
        for x, y in simplify_curve(curve, _DETAIL * span):
            values.append({"system": system, "line": line, "step": x, "value": float(f"{y:.5g}")})
    systems = list(dict.fromkeys(system for system, *_ in drawn))
    return draw_lines(
        values,
        systems,
        SystemStyles(tuple(systems)),
        {"field": "step", "type": "quantitative", "axis": {"title": "step", "grid": False, "format": "~s"}},
        {
            "field": "value",
            "type": "quantitative",
            "scale": {"zero": False},
            "axis": {"title": title, "format": AXIS_FORMAT, "tickCount": 6},
        },
        dots=len(values) < _DOTS * len(drawn),
        line="line",
    )


def _name_trainings(rows: Sequence[Row]) -> Iterator[tuple[str, str, Training]]:
    """Yield each training once, with the systems that use its model and a name of its own, which has the seed too."""
    users: dict[tuple[str, Curve], dict[str, str]] = {}
    for row in rows:
        for training in list_trainings([row]):
            users.setdefault((training.model, training.loss), {})[row.system] = row.seed_of or row.system
    seen: dict[str, int] = {}
    for training in list_trainings(rows):
        seeded = users[training.model, training.loss]
        system, line = (_join_names(list(dict.fromkeys(names))) for names in (seeded.values(), seeded))
        seen[line] = seen.get(line, 0) + 1
        yield system, line if seen[line] == 1 else f"{line} ({seen[line]})", training


def _join_names(names: Sequence[str]) -> str:
    first, *others = names
    return f"{first} and {len(others)} more" if len(others) > 1 else ", ".join(names)
