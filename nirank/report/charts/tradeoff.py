"""Effectiveness against cost: a measure by milliseconds a query, with the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from nirank.evaluation.measures import lower_is_better
from nirank.report.charts.labels import place_names
from nirank.report.charts.pareto import find_front
from nirank.report.charts.theme import (
    AXIS_FORMAT,
    HEIGHT,
    NEUTRAL,
    Spec,
    SystemStyles,
    choose_value,
    cut_name,
    make_legend,
    round_value,
    write_chosen,
)
from nirank.report.grid import format_value
from nirank.results.row import Row

_WIDTH = 460  # px, for which names find their places
_NARROW = 400  # px, below which no names stand beside points
_SIDE, _EDGE = 24, 12  # px, free at both ends of each axis
_ANSWERS = {"yes": "circle", "no": "square", "unknown": "diamond", "mixed": "triangle-up"}
_WORDS = {"yes": "zero-shot", "no": "not zero-shot", "unknown": "zero-shot unknown", "mixed": "zero-shot in part"}


def draw_tradeoff(rows: Sequence[Row], measures: Sequence[str], styles: SystemStyles) -> Spec | None:
    """Return the chart of the systems of one table; None where fewer than two have a value and a cost.

    The parameter `measure` says which measure is shown. The line joins the systems of the front in steps: what the best
    system reaches that costs no more.
    """
    timed = [row for row in rows if row.seed_of is None and (row.cost.ms_per_query or 0) > 0]
    groups = {name: group for name in measures if len(group := _have_values(timed, name)) > 1}
    if not groups:
        return None
    values = [record for name, group in groups.items() for record in _list_points(group, name)]
    systems = [name for name in styles.names if any(record["system"] == name for record in values)]
    answers = [answer for answer in _ANSWERS if any(record["zero_shot"] == _WORDS[answer] for record in values)]
    return {
        "width": "container",
        "height": HEIGHT,
        "data": {"values": values},
        "params": [choose_value("measure", list(groups))],
        "transform": [{"filter": "datum.measure === measure"}],
        "encoding": {
            "x": {
                "field": "ms",
                "type": "quantitative",
                "scale": {"type": "log", "nice": False, "padding": _SIDE},
                "axis": {"title": "milliseconds per query (log scale)", "format": "~g", "tickCount": 6, "grid": False},
            },
            "y": {
                "field": "value",
                "type": "quantitative",
                "scale": {"zero": False, "nice": False, "padding": _EDGE, "reverse": all(map(lower_is_better, groups))},
                "axis": {"title": None, "format": AXIS_FORMAT, "tickCount": 6},
            },
        },
        "layer": [
            {
                "transform": [{"filter": "datum.front"}],
                "mark": {"type": "line", "interpolate": "step-after", "color": NEUTRAL, "strokeDash": [4, 3]},
            },
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "rule", "strokeWidth": 1.5, "opacity": 0.6},
                "encoding": {
                    "y": {"field": "low", "type": "quantitative"},
                    "y2": {"field": "high"},
                    "color": styles.colour(systems),
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
                "encoding": {
                    "color": styles.colour(systems),
                    "shape": {
                        "field": "zero_shot",
                        "type": "nominal",
                        "scale": {
                            "domain": [_WORDS[answer] for answer in answers],
                            "range": [_ANSWERS[answer] for answer in answers],
                        },
                        "legend": {**make_legend(), "orient": "top", "offset": 22} if len(answers) > 1 else None,
                    },
                    "tooltip": [
                        {"field": "system"},
                        {"field": "shown", "title": "value"},
                        {"field": "interval"},
                        {"field": "ms", "title": "ms per query"},
                        {"field": "zero_shot", "title": "models"},
                    ],
                },
            },
            {
                "transform": [{"filter": "isValid(datum.align)"}],
                "mark": {
                    "type": "text",
                    "dx": {"expr": "datum.dx"},
                    "dy": {"expr": "datum.dy"},
                    "align": {"expr": "datum.align"},
                    "opacity": {"expr": f"width < {_NARROW} ? 0 : 1"},
                },
                "encoding": {"text": {"field": "name"}},
            },
            write_chosen("measure"),
        ],
    }


def _have_values(rows: Sequence[Row], measure: str) -> list[Row]:
    return [row for row in rows if row.measures.get(measure) is not None]


def _list_points(rows: Sequence[Row], measure: str) -> Iterator[dict[str, Any]]:
    costs = [row.cost.ms_per_query or 0.0 for row in rows]
    values = [row.measures[measure] or 0.0 for row in rows]
    sign = -1 if lower_is_better(measure) else 1
    front = find_front(costs, [sign * value for value in values])
    names = [cut_name(row.system) for row in rows]
    reach = [*values, *(end for row in rows for end in row.intervals.get(measure, ()))]
    across = _place(list(map(math.log, costs)), list(map(math.log, costs)), _WIDTH, _SIDE)
    downward = [HEIGHT - y for y in _place(values, reach, HEIGHT, _EDGE)]
    points = list(zip(across, downward, strict=True))
    places = place_names(points, names, _WIDTH, HEIGHT)
    for row, cost, value, is_front, name, place in zip(rows, costs, values, front, names, places, strict=True):
        record: dict[str, Any] = {
            "system": row.system,
            "measure": measure,
            "ms": round_value(cost),
            "value": round_value(value, 6),
            "shown": format_value(measure, value),
            "zero_shot": _WORDS[row.zero_shot or "unknown"],
            "front": is_front,
            "interval": "-",
        }
        if measure in row.intervals:
            low, high = row.intervals[measure]
            record |= {"low": round_value(low), "high": round_value(high)}
            record["interval"] = f"{format_value(measure, low)} to {format_value(measure, high)}"
        if place is not None:
            record |= {"name": name, **place._asdict()}
        yield record


def _place(values: Sequence[float], reach: Sequence[float], length: float, free: float) -> list[float]:
    """Return where values lie on an axis of that length over all that is drawn, with free room at both ends."""
    low, high = min(reach), max(reach)
    span = (high - low) or 1.0
    return [free + (length - 2 * free) * (value - low) / span for value in values]
