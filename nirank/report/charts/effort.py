"""Recall by effort, for screening: how much has been found after reading how much, of all topics and of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nirank.report.charts.curves import simplify_curve
from nirank.report.charts.lines import draw_lines
from nirank.report.charts.theme import Spec, SystemStyles
from nirank.results.row import Row

_CELL, _GAP = 112, 20  # px, of one topic and between two
_TOLERANCE = 0.004  # of recall, in the curves of single topics
_SHARES: Spec = {"scale": {"domain": [0, 1]}, "type": "quantitative"}


def draw_effort(rows: Sequence[Row], styles: SystemStyles) -> Spec | None:
    """Return the chart of the systems of one table; None where there are no screening measures."""
    shown = [row for row in rows if row.seed_of is None and row.effort]
    if not shown:
        return None
    values = [record for row in shown for record in _list_points(row.system, row.effort, 0.001)]
    return draw_lines(
        values,
        [row.system for row in shown],
        styles,
        {"field": "read", **_SHARES, "axis": {"title": "share of the candidates read", "format": "%", "tickCount": 5}},
        {"field": "recall", **_SHARES, "axis": {"title": "recall", "format": "%", "tickCount": 5}},
        dots=False,
    )


def draw_topics(rows: Sequence[Row], styles: SystemStyles) -> Spec | None:
    """Return small charts of one table, one a topic; None where there are no topics.

    Their number side by side is `columns`; who knows the room that there is may change it.
    """
    shown = [row for row in rows if row.seed_of is None and row.topics]
    if not shown:
        return None
    systems = [row.system for row in shown]
    values = [
        {"topic": topic.topic, "system": row.system, **_pack_curve(topic.effort)}
        for row in shown
        for topic in row.topics
    ]
    legend = styles.colour(systems, line=True)
    dash = styles.dash(systems)
    for channel in (legend, dash):
        if channel["legend"]:
            channel["legend"] |= {"columns": 2}
    axis = {"format": "%", "values": [0, 0.5, 1]}
    return {
        "data": {"values": values},
        "transform": [{"flatten": ["read", "recall"]}],
        "facet": {"field": "topic", "type": "nominal", "sort": None, "header": {"title": None, "labelLimit": _CELL}},
        "columns": 2,
        "spacing": _GAP,
        "usermeta": {"cell": _CELL + _GAP + 12, "wide": True},
        "spec": {
            "width": _CELL,
            "height": _CELL * 2 // 3,
            "mark": {"type": "line", "strokeWidth": 1.5},
            "encoding": {
                "x": {"field": "read", **_SHARES, "axis": {"title": None, **axis}},
                "y": {"field": "recall", **_SHARES, "axis": {"title": None, **axis}},
                "color": legend,
                "strokeDash": dash,
                "tooltip": [{"field": "topic"}, {"field": "system"}],
            },
        },
    }


def _list_points(system: str, effort: Sequence[float], tolerance: float) -> list[dict[str, Any]]:
    return [{"system": system, "read": x, "recall": y} for x, y in simplify_curve(_measure_points(effort), tolerance)]


def _pack_curve(effort: Sequence[float]) -> dict[str, list[float]]:
    points = simplify_curve(_measure_points(effort), _TOLERANCE)
    return {"read": [x for x, _ in points], "recall": [round(y, 3) for _, y in points]}


def _measure_points(effort: Sequence[float]) -> list[tuple[float, float]]:
    last = max(len(effort) - 1, 1)
    return [(round(at / last, 4), round(recall, 4)) for at, recall in enumerate(effort)]
