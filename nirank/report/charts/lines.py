"""Lines of systems, in their colours and dashes: what charts of recall have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nirank.report.charts.theme import HEIGHT, Spec, SystemStyles


def draw_lines(
    values: Sequence[Mapping[str, Any]],
    systems: Sequence[str],
    styles: SystemStyles,
    x: Spec,
    y: Spec,
    *,
    dots: bool = True,
    line: str = "system",
) -> Spec:
    """Return a chart of lines with a point of each record, which has a `system`.

    x, y  encodings, by the field's name, with scales and axes
    line  field that tells lines apart, where a system has several
    dots  whether the points can be seen; if not, they still have their tooltips

    A click on the legend shows one system alone.
    """
    return {
        "width": "container",
        "height": HEIGHT,
        "data": {"values": list(values)},
        "encoding": {
            "x": x,
            "y": y,
            "color": styles.colour(systems, line=True),
            "opacity": {"condition": {"param": "picked", "value": 1}, "value": 0.12},
        },
        "params": [
            {"name": "picked", "select": {"type": "point", "fields": ["system"]}, "bind": "legend", "views": ["lines"]}
        ],
        "layer": [
            {
                "name": "lines",
                "mark": {"type": "line"},
                "encoding": {
                    "strokeDash": styles.dash(systems),
                    "detail": {"field": line, "type": "nominal"},
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 40},
                "encoding": {
                    **({} if dots else {"opacity": {"value": 0}}),
                    "tooltip": [
                        {"field": line, "title": "system"},
                        *({"field": each["field"], "title": each["axis"]["title"]} for each in (x, y)),
                    ],
                },
            },
        ],
    }
