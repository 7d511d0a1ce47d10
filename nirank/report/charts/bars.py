"""Bars from the left, a line of text above each, and behind them paler ones of what was possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nirank.report.charts.theme import GAIN, Spec, cut_name

_LINE, _TOP, _END = 38, 24, 6  # px, of a label with its bar, of the label, and below all


class Bar(NamedTuple):
    """A bar: what it is of, its length, the text of its value, and the end of the paler bar; None: there is none."""

    label: str
    value: float
    text: str
    limit: float | None = None


def draw_bars(bars: Sequence[Bar], title: str, *, format: str = "~g", end: float | None = None) -> Spec:
    """Return a chart of bars in their order, each below its label and value.

    title, format  of the axis; end: where it ends, None: as far as the bars go
    """
    values = [
        {
            **bar._asdict(),
            "says": f"{bar.text} · {cut_name(bar.label, 120)}",
            "y": _LINE * at + _TOP,
            "y2": _LINE * (at + 1),
        }
        for at, bar in enumerate(bars)
    ]
    height = _LINE * len(bars) + _END
    scale = {} if end is None else {"scale": {"domain": [0, end]}}
    x: Spec = {"type": "quantitative", "axis": {"title": title, "format": format, "tickCount": 5}, **scale}
    y: Spec = {"type": "quantitative", "axis": None, "scale": {"domain": [0, height], "reverse": True, "nice": False}}
    across = {"y": {"field": "y", **y}, "y2": {"field": "y2"}}
    tooltip = [{"field": "label", "title": "of"}, {"field": "text", "title": "value"}]
    return {
        "width": "container",
        "height": height,
        "data": {"values": values},
        "layer": [
            {
                "transform": [{"filter": "isValid(datum.limit)"}],
                "mark": {"type": "rect", "color": GAIN, "opacity": 0.25},
                "encoding": {"x": {"field": "limit", **x}, "x2": {"datum": 0}, **across, "tooltip": tooltip},
            },
            {
                "mark": {"type": "rect", "color": GAIN},
                "encoding": {"x": {"field": "value", **x}, "x2": {"datum": 0}, **across, "tooltip": tooltip},
            },
            {
                "mark": {"type": "text", "align": "left", "baseline": "bottom", "dy": -3, "limit": {"expr": "width"}},
                "encoding": {"x": {"value": 0}, "y": {"field": "y", **y}, "text": {"field": "says"}},
            },
        ],
    }
