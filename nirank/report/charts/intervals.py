"""Intervals: every system's mean with its confidence interval, the best on top, and the letters that part systems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nirank.evaluation.measures import lower_is_better
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

_LINE = 24  # px


def draw_intervals(rows: Sequence[Row], measures: Sequence[str], styles: SystemStyles) -> Spec | None:
    """Return the chart of the systems of one table; None where fewer than two have an interval.

    The parameter `measure` says which measure is shown. Systems that share a letter cannot be told apart.
    """
    known = {name: [row for row in rows if row.seed_of is None and name in row.intervals] for name in measures}
    groups = {name: group for name, group in known.items() if len(group) > 1}
    if not groups:
        return None
    values = [record for name, group in groups.items() for record in _list_intervals(group, name)]
    systems = [name for name in styles.names if any(record["system"] == name for record in values)]
    level = f"{1 - (rows[0].alpha or 0.05):.0%} interval"
    y = {
        "field": "system",
        "type": "nominal",
        "sort": {"field": "place", "op": "min"},
        "axis": {"title": None, "labelLimit": NAME_LIMIT, "ticks": False, "domain": False},
    }
    colour = styles.colour(systems, legend=False)
    tooltip = [{"field": "system"}, {"field": "shown", "title": "mean"}, {"field": "interval", "title": level}]
    tooltip += [{"field": "letters"}] if all("letters" in record for record in values) else []
    letters = max(len(record.get("letters", "")) for record in values)
    room = {"expr": f"width - {7 * letters + 10}"}
    axis = {"title": f"mean, {level}", "format": AXIS_FORMAT, "tickCount": 6}
    return {
        "width": "container",
        "height": _LINE * max(map(len, groups.values())),
        "data": {"values": values},
        "params": [choose_value("measure", list(groups))],
        "transform": [{"filter": "datum.measure === measure"}],
        "encoding": {"y": y},
        "layer": [
            {
                "transform": [{"filter": "datum.baseline"}],
                "mark": {"type": "rule", "style": "zero", "strokeDash": [2, 3]},
                "encoding": {
                    "x": {"field": "value", "type": "quantitative"},
                    "y": {"value": 0},
                    "y2": {"value": "height"},
                },
            },
            {
                "mark": {"type": "rule", "strokeWidth": 2.5},
                "encoding": {
                    "x": {
                        "field": "low",
                        "type": "quantitative",
                        "scale": {"zero": False, "range": [0, room]},
                        "axis": axis,
                    },
                    "x2": {"field": "high"},
                    "color": colour,
                    "tooltip": tooltip,
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
                "encoding": {
                    "x": {"field": "value", "type": "quantitative"},
                    "color": colour,
                    "tooltip": tooltip,
                },
            },
            {
                "transform": [{"filter": "isValid(datum.letters)"}],
                "mark": {"type": "text", "align": "left", "dx": 7, "style": "note"},
                "encoding": {
                    "x": {"field": "high", "type": "quantitative"},
                    "text": {"field": "letters"},
                },
            },
            write_chosen("measure"),
        ],
    }


def _list_intervals(rows: Sequence[Row], measure: str) -> list[dict[str, Any]]:
    sign = 1 if lower_is_better(measure) else -1
    ordered = sorted(rows, key=lambda row: sign * (row.measures.get(measure) or 0.0))
    records = []
    for place, row in enumerate(ordered):
        low, high = row.intervals[measure]
        value = row.measures.get(measure) or 0.0
        record: dict[str, Any] = {
            "system": row.system,
            "measure": measure,
            "place": place,
            "value": round_value(value, 6),
            "low": round_value(low),
            "high": round_value(high),
            "shown": format_value(measure, value),
            "interval": f"{format_value(measure, low)} to {format_value(measure, high)}",
        }
        if row.groups.get(measure):
            record["letters"] = row.groups[measure]
        if row.system == row.baseline:
            record["baseline"] = True
        records.append(record)
    return records
