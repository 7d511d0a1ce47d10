"""Bars from the left, a line of text beside each, and behind them paler ones of what was possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nirank.report.charts.theme import GAIN, Spec

_LINE = 26  # px


class Bar(NamedTuple):
    """A bar: what it is of, its length, the text behind it, and the end of the paler bar; None: there is none."""

    label: str
    value: float
    text: str
    limit: float | None = None


def draw_bars(bars: Sequence[Bar], title: str, *, format: str = "~g", end: float | None = None) -> Spec:
    """Return a chart of bars in their order.

    title, format  of the axis; end: where it ends, None: as far as the bars go
    """
    values = [{"at": at, **bar._asdict()} for at, bar in enumerate(bars)]
    for at, record in enumerate(values):
        if any(record["label"] == other["label"] for other in values[:at]):
            record["label"] = f"{record['label']} ({at + 1})"  # each has a line of its own
    scale = {} if end is None else {"scale": {"domain": [0, end]}}
    x: Spec = {"type": "quantitative", "axis": {"title": title, "format": format, "tickCount": 5}, **scale}
    tooltip = [{"field": "label", "title": "of"}, {"field": "text", "title": "value"}]
    return {
        "width": "container",
        "height": {"step": _LINE},
        "data": {"values": values},
        "encoding": {
            "y": {
                "field": "label",
                "type": "nominal",
                "sort": {"field": "at", "op": "min"},
                "axis": {"title": None, "labelLimit": {"expr": "width < 400 ? 130 : 300"}, "ticks": False},
            }
        },
        "layer": [
            {
                "transform": [{"filter": "isValid(datum.limit)"}],
                "mark": {"type": "bar", "color": GAIN, "opacity": 0.25, "height": {"band": 0.65}},
                "encoding": {"x": {"field": "limit", **x}, "tooltip": tooltip},
            },
            {
                "mark": {"type": "bar", "color": GAIN, "height": {"band": 0.65}},
                "encoding": {"x": {"field": "value", **x}, "tooltip": tooltip},
            },
            {
                "transform": [{"calculate": "max(datum.value, datum.limit || 0)", "as": "outer"}],
                "mark": {"type": "text", "align": "left", "dx": 5, "style": "note"},
                "encoding": {"x": {"field": "outer", "type": "quantitative"}, "text": {"field": "text"}},
            },
        ],
    }
