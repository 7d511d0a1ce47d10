"""Stopping rules: how much was read and found where each rule ended the reviews."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nirank.report.charts.theme import COLOURS, HEIGHT, Spec, choose_value, make_legend
from nirank.results.row import Row

_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross")
_ENDS = 1500  # single reviews in a chart, at most
_SHARES: Spec = {"type": "quantitative", "scale": {"domain": [0, 1]}}


def draw_stopping(rows: Sequence[Row]) -> Spec | None:
    """Return the chart of the systems of one table; None where no stopping rules were evaluated.

    Large points are means, small ones single reviews (of very many, some). The parameter `system` says whose lists were
    read. Dashed lines: the recall that rules promise.
    """
    shown = [row for row in rows if row.seed_of is None and row.stopping]
    if not shown:
        return None
    every = -(-sum(len(outcome.ends) for row in shown for outcome in row.stopping) // _ENDS) or 1
    values: list[dict[str, Any]] = []
    for row in shown:
        for outcome in row.stopping:
            facts = {"system": row.system, "rule": outcome.rule}
            values.append(
                {
                    **facts,
                    "read": round(outcome.effort, 4),
                    "recall": round(outcome.recall, 4),
                    "promise": None if outcome.promise is None else outcome.promise.recall,
                    "promised": "-" if outcome.promise is None else f"{outcome.promise.recall:.4g}",
                    "says": f"{outcome.reviews:,} reviews, least recall {outcome.least_recall:.4f}",
                }
            )
            values += [
                {**facts, "topic": end.topic, "read": round(end.effort, 3), "recall": round(end.recall, 3)}
                for end in outcome.ends[::every]
            ]
    rules = list(dict.fromkeys(outcome.rule for row in shown for outcome in row.stopping))
    colour = {
        "field": "rule",
        "type": "nominal",
        "scale": {"domain": rules, "range": [COLOURS[at % len(COLOURS)] for at in range(len(rules))]},
        "legend": make_legend(),
    }
    shape = {
        "field": "rule",
        "type": "nominal",
        "scale": {
            "domain": rules,
            "range": [_SHAPES[at // len(COLOURS) % len(_SHAPES)] for at in range(len(rules))],
        },
        "legend": make_legend(),
    }
    return {
        "width": "container",
        "height": HEIGHT + 60,
        "data": {"values": values},
        "params": [choose_value("system", [row.system for row in shown])],
        "transform": [{"filter": "datum.system === system"}],
        "encoding": {
            "x": {"field": "read", **_SHARES, "axis": {"title": "share of the candidates read", "format": "%"}},
            "y": {"field": "recall", **_SHARES, "axis": {"title": "recall", "format": "%", "tickCount": 6}},
            "color": colour,
        },
        "layer": [
            {
                "transform": [
                    {"filter": "isValid(datum.promise)"},
                    {"aggregate": [{"op": "count", "as": "n"}], "groupby": ["promise"]},
                ],
                "mark": {"type": "rule", "style": "zero", "strokeDash": [5, 4]},
                "encoding": {
                    "x": {"value": 0},
                    "x2": {"value": "width"},
                    "y": {"field": "promise", **_SHARES},
                    "color": {"value": COLOURS[-1]},
                },
            },
            {
                "transform": [{"filter": "isValid(datum.topic)"}],
                "mark": {"type": "point", "filled": True, "size": 18, "opacity": 0.35},
                "encoding": {
                    "tooltip": [{"field": "rule"}, {"field": "topic"}, {"field": "read"}, {"field": "recall"}]
                },
            },
            {
                "transform": [{"filter": "!isValid(datum.topic)"}],
                "mark": {"type": "point", "filled": True, "size": 130, "opacity": 1},
                "encoding": {
                    "shape": shape,
                    "tooltip": [
                        {"field": "rule"},
                        {"field": "read", "format": ".1%"},
                        {"field": "recall", "format": ".4f"},
                        {"field": "promised", "title": "promised recall"},
                        {"field": "says", "title": "of"},
                    ],
                },
            },
        ],
    }
