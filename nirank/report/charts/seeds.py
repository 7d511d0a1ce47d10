"""Systems and seeds: every seed's value, and by how much they spread around their mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nirank.report.charts.theme import (
    AXIS_FORMAT,
    NAME_LIMIT,
    Spec,
    SystemStyles,
    choose_value,
    round_value,
    write_chosen,
)
from nirank.report.grid import format_value
from nirank.results.row import Row

_LINE = 30  # px


def draw_seeds(rows: Sequence[Row], measures: Sequence[str], styles: SystemStyles) -> Spec | None:
    """Return the chart of the systems of one table that have several seeds; None where there are none.

    A point a seed, an upright stroke for their mean, and one standard deviation on both sides of it.
    """
    values = [record for row in rows if row.spread for record in _list_means(row, measures)]
    systems = list(dict.fromkeys(record["system"] for record in values))
    shown = [name for name in measures if any(record["measure"] == name for record in values)]
    if not values:
        return None
    values += [
        {
            "system": row.seed_of,
            "measure": measure,
            "seed": row.seed,
            "value": round_value(value, 6),
            "shown": format_value(measure, value),
        }
        for row in rows
        for measure in shown
        if row.seed_of in systems and (value := row.measures.get(measure)) is not None
    ]
    colour = styles.colour(systems, legend=False)
    axis = {"title": "value of each seed", "format": AXIS_FORMAT, "tickCount": 6}
    return {
        "width": "container",
        "height": _LINE * len(systems),
        "data": {"values": values},
        "params": [choose_value("measure", shown)],
        "transform": [{"filter": "datum.measure === measure"}],
        "encoding": {
            "y": {
                "field": "system",
                "type": "nominal",
                "sort": systems,
                "axis": {"title": None, "labelLimit": NAME_LIMIT, "ticks": False},
            }
        },
        "layer": [
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "rule", "strokeWidth": 8, "opacity": 0.25},
                "encoding": {
                    "x": {"field": "low", "type": "quantitative", "scale": {"zero": False}, "axis": axis},
                    "x2": {"field": "high"},
                    "color": colour,
                },
            },
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "tick", "thickness": 2, "size": 18},
                "encoding": {
                    "x": {"field": "value", "type": "quantitative"},
                    "color": colour,
                    "tooltip": [
                        {"field": "system"},
                        {"field": "shown", "title": "mean"},
                        {"field": "sd", "title": "standard deviation"},
                    ],
                },
            },
            {
                "transform": [{"filter": "isValid(datum.seed)"}],
                "mark": {"type": "point", "filled": True, "size": 36, "opacity": 0.8},
                "encoding": {
                    "x": {"field": "value", "type": "quantitative"},
                    "color": colour,
                    "tooltip": [{"field": "system"}, {"field": "seed"}, {"field": "shown", "title": "value"}],
                },
            },
            write_chosen("measure"),
        ],
    }


def _list_means(row: Row, measures: Sequence[str]) -> list[dict[str, Any]]:
    records = []
    for measure in measures:
        value, spread = row.measures.get(measure), row.spread.get(measure)
        if value is not None and spread is not None:
            records.append(
                {
                    "system": row.system,
                    "measure": measure,
                    "value": round_value(value, 6),
                    "low": round_value(value - spread.sd, 6),
                    "high": round_value(value + spread.sd, 6),
                    "sd": format_value(measure, spread.sd),
                    "shown": format_value(measure, value),
                }
            )
    return records
