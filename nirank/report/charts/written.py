"""Written queries: what each filter left of them, and where in the collection the documents lie that have some."""

from __future__ import annotations

from typing import Any

from nirank.report.charts.bars import Bar, draw_bars
from nirank.report.charts.theme import COLOURS, Spec, make_legend
from nirank.results.row_training import DocMap, WrittenQueries

_SIZE = 330  # px, of the map
# Faint, since they lie behind what was chosen; which cluster has which says nothing, only that neighbours differ.
_OF_CLUSTERS = ("#9aa1ad", "#8fb8d6", "#d6a98f", "#a3c49f", "#bda6c9", "#cfc08f", "#d39fb6", "#93c9c2")
_KINDS = {"chosen, no query kept": COLOURS[1], "chosen": COLOURS[0], "evaluated queries": COLOURS[2]}


def draw_funnel(written: WrittenQueries) -> Spec:
    """Return how many queries were written, and what each filter left of those that it was given."""
    bars = [Bar("written", written.written, f"{written.written:,}")]
    for sieve in written.sieves:
        share = f", {sieve.left / sieve.entered:.0%}" if sieve.entered else ""
        label = " ".join(sieve.what.split())
        bars.append(Bar(label, sieve.left, f"{sieve.left:,} of {sieve.entered:,}{share}", sieve.entered))
    return draw_bars(bars, "queries", format="~s")


def draw_map(plane: DocMap) -> Spec:
    """Return the documents in the plane of their vectors' first two principal components."""
    clusters = [f"cluster {at}" for at in range(min(len(plane.docs), len(_OF_CLUSTERS)))]
    chosen = zip(_KINDS, (plane.without, plane.chosen, plane.queries), strict=True)
    groups: list[dict[str, Any]] = [
        *({"kind": kind, "size": 6} | _read_points(text) for kind, text in zip(clusters, plane.docs, strict=False)),
        *({"kind": kind, "size": 26} | _read_points(text) for kind, text in chosen),
    ]
    drawn = [group for group in groups if group["x"]]
    kinds = [group["kind"] for group in drawn]
    colours = dict(zip(clusters, _OF_CLUSTERS, strict=False)) | _KINDS
    axis = {"axis": None, "scale": {"domain": [0, 1000]}}
    return {
        "width": _SIZE,
        "height": _SIZE,
        "view": {"stroke": "#9aa1ad", "strokeOpacity": 0.4},
        "data": {"values": drawn},
        "transform": [{"flatten": ["x", "y"]}],
        "mark": {"type": "point", "filled": True, "opacity": 0.75},
        "encoding": {
            "x": {"field": "x", "type": "quantitative", **axis},
            "y": {"field": "y", "type": "quantitative", "axis": None, "scale": {"domain": [0, 1000], "reverse": True}},
            "size": {"field": "size", "type": "quantitative", "scale": None},
            "color": {
                "field": "kind",
                "type": "nominal",
                "scale": {"domain": kinds, "range": [colours[kind] for kind in kinds]},
                "legend": {**make_legend(), "values": [kind for kind in kinds if kind in _KINDS]},
            },
        },
    }


def _read_points(text: str) -> dict[str, Any]:
    points = [point.split(",") for point in text.split()]
    return {"x": [int(x) for x, _ in points], "y": [int(y) for _, y in points]}
