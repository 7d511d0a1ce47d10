"""Survival curves: which matches hashing stages kept, by how alike their records are, beside what theory says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nirank.report.charts.theme import GAIN, LOSS, Spec
from nirank.results.row import Row, SurvivalCurve

_CELL, _HEIGHT = 270, 180  # px
_FRAME = 64  # px, of axes and gaps beside a cell


def draw_survival(rows: Sequence[Row]) -> dict[str, Spec]:
    """Return a chart for each likeness of one table, with a small chart of every hashing stage that has it."""
    curves = list_curves(rows)
    likenesses = dict.fromkeys(curve.likeness for curve in curves)
    return {
        likeness: _draw_stages({curve: of for curve, of in curves.items() if curve.likeness == likeness}, likeness)
        for likeness in likenesses
    }


def list_curves(rows: Sequence[Row]) -> dict[SurvivalCurve, list[str]]:
    """Return each distinct curve of one table's rows, and the systems that have it."""
    curves: dict[SurvivalCurve, list[str]] = {}
    for row in rows:
        for curve in row.survival:
            curves.setdefault(curve, []).append(row.system)
    return curves


def _draw_stages(curves: dict[SurvivalCurve, list[str]], likeness: str) -> Spec:
    values: list[dict[str, Any]] = []
    for number, (curve, systems) in enumerate(curves.items()):
        facet = {"stage": f"{', '.join(systems)}: {curve.stage}", "number": number}
        values += [{**facet, "x": float(f"{x:.4g}"), "theory": round(share, 4)} for x, share in curve.theory]
        values += [
            {
                **facet,
                "x": float(f"{part.mean:.4g}"),
                "share": round(part.kept / part.matches, 4),
                "matches": part.matches,
                "says": f"{part.kept:,} of {part.matches:,} matches from {part.low:.3g} to {part.high:.3g}",
            }
            for part in curve.bins
            if part.matches
        ]
    x = {"field": "x", "type": "quantitative", "axis": {"title": likeness, "tickCount": 5}}
    axis = {"format": "%", "tickCount": 5, "title": None}
    y: Spec = {"type": "quantitative", "scale": {"domain": [0, 1]}, "axis": axis}
    return {
        "data": {"values": values},
        "facet": {
            "field": "stage",
            "type": "nominal",
            "sort": {"field": "number", "op": "min"},
            "header": {"title": None, "labelLimit": _CELL},
        },
        "columns": 1,
        "usermeta": {"cell": _CELL + _FRAME, "wide": len(curves) > 1},
        "resolve": {"scale": {"x": "independent"}},
        "spec": {
            "width": _CELL,
            "height": _HEIGHT,
            "layer": [
                {
                    "transform": [{"filter": "isValid(datum.theory)"}],
                    "mark": {"type": "line", "color": LOSS},
                    "encoding": {"x": x, "y": {"field": "theory", **y}},
                },
                {
                    "transform": [{"filter": "isValid(datum.share)"}],
                    "mark": {"type": "point", "filled": True, "color": GAIN, "opacity": 0.8},
                    "encoding": {
                        "x": x,
                        "y": {"field": "share", **y},
                        "size": {
                            "field": "matches",
                            "type": "quantitative",
                            "scale": {"range": [12, 160]},
                            "legend": None,
                        },
                        "tooltip": [{"field": "says", "title": "kept"}, {"field": "share", "format": ".4f"}],
                    },
                },
            ],
        },
    }
