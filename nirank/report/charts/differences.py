"""Differences: what one system has over another on each query, sorted from the greatest gain to the greatest loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nirank.evaluation.measures import lower_is_better
from nirank.report.charts.theme import GAIN, HEIGHT, LOSS, NEUTRAL, Spec, round_value
from nirank.results.query_set import QuerySet

DATA = "differences"


def draw_differences(values: Sequence[dict[str, Any]] | None = None) -> Spec:
    """Return the chart: a bar a query, gains upward and losses downward, and their mean as a line.

    values  records with `at` (0 is the leftmost), `query`, `text`, `a`, `b` and `difference`; None: a page gives them
            under the name `differences`. The difference is a gain: a - b, of measures that are the better the lower
            b - a

    A click on a bar, or above or below it, sets the parameter `chosen` to the query's id.
    """
    across: Spec = {
        "x": {
            "field": "at",
            "type": "quantitative",
            "scale": {"nice": False, "zero": False},
            "axis": {"title": "queries, sorted", "grid": False, "format": "d", "tickMinStep": 1},
        },
        "x2": {"field": "end"},
    }
    whole: Spec = {"x": {"value": 0}, "x2": {"value": "width"}}
    axis = {"title": "gain of A over B", "format": "+.2~f", "tickCount": 6}
    return {
        "width": "container",
        "height": HEIGHT,
        "data": {"name": DATA} if values is None else {"name": DATA, "values": list(values)},
        "transform": [{"calculate": "datum.at + 1", "as": "end"}],
        "params": [
            {"name": "chosen", "select": {"type": "point", "fields": ["query"], "on": "click"}, "views": ["bars"]}
        ],
        "layer": [
            {
                "mark": {"type": "rect"},
                "encoding": {
                    **across,
                    "y": {"field": "difference", "type": "quantitative", "axis": axis},
                    "y2": {"datum": 0},
                    "color": {"condition": {"test": "datum.difference > 0", "value": GAIN}, "value": LOSS},
                },
            },
            {
                "mark": {"type": "rule", "style": "zero"},
                "encoding": {"y": {"datum": 0, "type": "quantitative"}},
            },
            {
                "transform": [{"aggregate": [{"op": "mean", "field": "difference", "as": "mean"}]}],
                "mark": {"type": "rule", "strokeDash": [5, 4], "style": "zero"},
                "encoding": {"y": {"field": "mean", "type": "quantitative"}, **whole},
            },
            {
                "name": "bars",
                "mark": {"type": "rect", "cursor": "pointer", "color": NEUTRAL},
                "encoding": {
                    **across,
                    "y": {"value": 0},
                    "y2": {"value": "height"},
                    "opacity": {"condition": {"param": "chosen", "value": 0.3, "empty": False}, "value": 0},
                    "tooltip": [
                        {"field": "query"},
                        {"field": "text"},
                        {"field": "a", "title": "A", "format": ".4~f"},
                        {"field": "b", "title": "B", "format": ".4~f"},
                        {"field": "difference", "title": "gain of A", "format": "+.4~f"},
                    ],
                },
            },
        ],
    }


def list_differences(query_set: QuerySet, a: str, b: str, measure: str) -> list[dict[str, Any]]:
    """Return the records of two systems, sorted; queries that the measure leaves out have none."""
    sign = -1 if lower_is_better(measure) else 1
    left, right = (np.asarray(query_set.values[system][measure], np.float64) for system in (a, b))
    difference = sign * (left - right)
    known = np.flatnonzero(~np.isnan(difference))
    order = known[np.argsort(-difference[known], kind="stable")]
    return [
        {
            "at": at,
            "query": query_set.ids[row],
            "text": query_set.texts[row] if query_set.texts else "",
            "a": round_value(float(left[row])),
            "b": round_value(float(right[row])),
            "difference": round_value(float(difference[row])),
        }
        for at, row in enumerate(order.tolist())
    ]
