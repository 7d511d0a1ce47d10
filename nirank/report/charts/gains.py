"""Gains by topic: what each system has over the baseline on every topic, sorted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nirank.report.charts.theme import GAIN, HEIGHT, LOSS, Spec, choose_value, round_value
from nirank.report.topics import group_systems, list_topic_gains
from nirank.results.row import Row

_MEASURES = 3  # the first that are asked for


def draw_gains(rows: Sequence[Row], measures: Sequence[str]) -> Spec | None:
    """Return the chart of the systems of one table; None where fewer than two have values by topic.

    The baseline is the one that was asked for, else the first system. The parameters `system` and `measure` say what is
    shown.
    """
    shown_rows = next(iter(group_systems(rows).values()), [])
    if len(shown_rows) < 2:
        return None
    base = next((row for row in shown_rows if row.system == shown_rows[0].baseline), shown_rows[0])
    values: list[dict[str, Any]] = []
    for row in shown_rows:
        for measure in measures if row is not base else ():
            gains = list_topic_gains(base, row, measure)
            if gains:
                topics, numbers = zip(*gains, strict=True)
                values.append(
                    {
                        "system": row.system,
                        "measure": measure,
                        "topic": list(topics),
                        "gain": [round_value(gain, 3) for gain in numbers],
                    }
                )
    shown = list(dict.fromkeys(record["measure"] for record in values))[:_MEASURES]
    values = [record for record in values if record["measure"] in shown]
    if not values:
        return None
    return {
        "width": "container",
        "height": HEIGHT * 3 // 4,
        "data": {"values": values},
        "params": [
            choose_value("system", list(dict.fromkeys(r["system"] for r in values))),
            choose_value("measure", shown),
        ],
        "transform": [
            {"filter": "datum.system === system && datum.measure === measure"},
            {"flatten": ["topic", "gain"]},
            {"window": [{"op": "row_number", "as": "place"}]},
            {"calculate": "datum.place - 0.4", "as": "from"},
            {"calculate": "datum.place + 0.4", "as": "to"},
        ],
        "layer": [
            {
                "mark": {"type": "rect"},
                "encoding": {
                    "x": {
                        "field": "from",
                        "type": "quantitative",
                        "scale": {"nice": False, "zero": False},
                        "axis": {"title": "topics, sorted", "grid": False, "format": "d", "tickMinStep": 1},
                    },
                    "x2": {"field": "to"},
                    "y": {
                        "field": "gain",
                        "type": "quantitative",
                        "axis": {"title": f"gain over {base.system}", "tickCount": 6, "format": "+,.3~r"},
                    },
                    "y2": {"datum": 0},
                    "color": {"condition": {"test": "datum.gain > 0", "value": GAIN}, "value": LOSS},
                    "tooltip": [{"field": "topic"}, {"field": "gain", "format": "+.4~f"}],
                },
            },
            {"mark": {"type": "rule", "style": "zero"}, "encoding": {"y": {"datum": 0, "type": "quantitative"}}},
        ],
    }
