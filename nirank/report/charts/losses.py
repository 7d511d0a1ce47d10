"""The loss ledger as a flow: what of the relevant documents each list has, and what the next one drops of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from nirank.report.charts.bars import Bar, draw_bars
from nirank.report.charts.layered import lay_out
from nirank.report.charts.list_names import name_lists
from nirank.report.charts.theme import GAIN, LOSS, Spec, cut_name
from nirank.results.row import Row, StageRecall

_BAR, _ROOM = 44, 84  # px, of a list's bar and of the list
_WIDE = 2  # lists side by side, beyond which a chart asks for all the room that there is
_NARROW = 140  # px for a list, below which its counts are a share
_POINTS = 12  # of a band's edge
_WEDGE = 0.3  # of the way to the next list, along which what is lost fades


def name_documents(rows: Sequence[Row]) -> str:
    """Return what a table's judgements are of: relevant documents, or matches where pairs are counted."""
    return "matches" if any(row.pairs for row in rows) else "relevant documents"


def draw_losses(rows: Sequence[Row]) -> Spec | None:
    """Return the chart of the systems of one table; None where no system has more than one list.

    A list that several systems share stands once. A bar's height is all relevant documents, its filled part those in
    the list. Bands join a list with those that it was made of: as thick as what both have; what is lost runs out.
    """
    shown = [row for row in rows if row.seed_of is None and row.stages]
    if not any(len(row.stages) > 1 for row in shown):
        return None
    known: dict[tuple[str, tuple[str, ...]], str] = {}
    lists: dict[str, tuple[StageRecall, list[str]]] = {}  # each behind those that it was made of
    edges: dict[tuple[str, str], int] = {}
    owners: dict[str, list[str]] = {}
    for row in shown:
        keys: list[str] = []
        for stage in row.stages:  # the same where it says the same and was made of the same lists
            made_of = tuple(keys[source.at] for source in stage.sources)
            key = known.setdefault((repr(replace(stage, sources=())), made_of), str(len(known)))
            keys.append(key)
            systems = lists.setdefault(key, (stage, []))[1]
            if row.system not in systems:
                systems.append(row.system)
            edges |= {(keys[source.at], key): source.shared for source in stage.sources}
        owners.setdefault(keys[-1], []).append(row.system)
    names = name_lists({key: stage.stage for key, (stage, _) in lists.items()}, owners)
    if not edges:
        others = {key: of for key, (_, of) in lists.items() if of != owners.get(key)}
        return _draw_counts(lists, names, others, name_documents(rows))
    layout = lay_out(list(lists), list(edges))
    height = _ROOM * (layout.height + 1)
    records: list[dict[str, Any]] = []
    for key, (stage, systems) in lists.items():
        layer, place = layout.places[key]
        records.append(_describe_list(stage, systems, layer, _ROOM * place, _list_sources(key, edges, lists)))
        records[-1]["name"] = names[key]
    for number, ((before, after), way) in enumerate(layout.ways.items()):
        source, target = lists[before][0], lists[after][0]
        records += _draw_edge(number, source, target, edges[before, after], way)
    x = {
        "field": "x",
        "type": "quantitative",
        "scale": {"domain": [-0.02, layout.layers], "nice": False},
        "axis": None,
    }
    y = {"field": "y", "type": "quantitative", "scale": {"domain": [0, height], "reverse": True}, "axis": None}
    room = f"width / {layout.layers} - 12"
    label = {"type": "text", "align": "left", "baseline": "bottom", "limit": {"expr": room}}
    return {
        "width": "container",
        "height": round(height),
        "usermeta": {"wide": layout.layers > _WIDE},
        "data": {"values": records},
        "encoding": {"x": x, "y": y},
        "layer": [
            {
                "transform": [{"filter": "isValid(datum.band)"}],
                "mark": {"type": "area", "opacity": 0.35, "line": False},
                "encoding": {
                    "y2": {"field": "y2"},
                    "detail": {"field": "band", "type": "nominal"},
                    "color": {
                        "field": "kind",
                        "type": "nominal",
                        "scale": {"domain": ["kept", "lost"], "range": [GAIN, LOSS]},
                        "legend": None,
                    },
                    "tooltip": [{"field": "says", "title": name_documents(rows)}],
                },
            },
            {
                "transform": [{"filter": "isValid(datum.stage)"}],
                "mark": {"type": "rule", "strokeWidth": 10, "opacity": 0.25},
                "encoding": {"y2": {"field": "bottom"}},
            },
            {
                "transform": [{"filter": "isValid(datum.stage)"}],
                "mark": {"type": "rule", "strokeWidth": 10, "color": GAIN},
                "encoding": {
                    "y2": {"field": "filled"},
                    "tooltip": [
                        {"field": "stage", "title": "list"},
                        {"field": "relevant", "title": name_documents(rows)},
                        {"field": "recall", "format": ".4f"},
                        {"field": "change", "title": "against what it was made of"},
                        {"field": "systems"},
                    ],
                },
            },
            {
                "transform": [{"filter": "isValid(datum.stage)"}],
                "mark": {**label, "dx": -5, "dy": -16},
                "encoding": {"text": {"field": "name"}},
            },
            {
                "transform": [{"filter": "isValid(datum.stage)"}],
                "mark": {
                    **label,
                    "style": "note",
                    "dx": -5,
                    "dy": -3,
                    "text": {"expr": f"width < {_NARROW * layout.layers} ? datum.percent : datum.short"},
                },
            },
        ],
    }


def _draw_counts(
    lists: Mapping[str, tuple[StageRecall, Sequence[str]]],
    names: Mapping[str, str],
    systems: Mapping[str, Sequence[str]],
    counted: str,
) -> Spec:
    """Return bars alone: leaderboards of older versions do not say of which lists each was made.

    systems  on whose way a list lies, where its name does not say that
    """
    bars = []
    for key, (stage, _) in lists.items():
        label = names[key] + (f" ({', '.join(systems[key])})" if key in systems else "")
        bars.append(Bar(label, stage.relevant, f"{stage.relevant:,} of {stage.total:,}", stage.total))
    return draw_bars(bars, f"{counted} in the list", format="~s")


def _list_sources(
    key: str, edges: dict[tuple[str, str], int], lists: dict[str, tuple[StageRecall, list[str]]]
) -> list[tuple[StageRecall, int]]:
    return [(lists[before][0], shared) for (before, after), shared in edges.items() if after == key]


def _describe_list(
    stage: StageRecall, systems: Sequence[str], layer: int, top: float, sources: Sequence[tuple[StageRecall, int]]
) -> dict[str, Any]:
    top += _ROOM - _BAR
    change = "; ".join(
        f"lost {source.relevant - shared:,}, gained {stage.relevant - shared:,}" for source, shared in sources
    )
    lost = sources[0][0].relevant - sources[0][1] if len(sources) == 1 else 0
    count = f"{stage.relevant:,} of {stage.total:,}" + (f", lost {lost:,}" if lost else "")
    return {
        "x": layer,
        "y": round(top, 1),
        "bottom": round(top + _BAR, 1),
        "filled": round(top + _measure(stage.relevant, stage), 1),
        "stage": stage.stage,
        "short": count,
        "percent": f"{stage.relevant / max(stage.total, 1):.1%}",
        "relevant": f"{stage.relevant:,} of {stage.total:,}",
        "recall": round(stage.recall, 4),
        "change": change or "-",
        "systems": cut_name(", ".join(systems), 200),
    }


def _draw_edge(
    number: int, source: StageRecall, target: StageRecall, shared: int, way: Sequence[tuple[int, float]]
) -> Iterator[dict[str, Any]]:
    """Yield the points of both bands of an edge: what is kept, and what runs out."""
    thick = _measure(shared, source)
    lost = source.relevant - shared
    says = f"{shared:,} of {source.relevant:,} stay in {cut_name(target.stage, 60)}"
    for x, height in _bend(way):
        top = _ROOM * height + _ROOM - _BAR
        yield {"band": f"k{number}", "kind": "kept", "says": says, **_pair(x, top, top + thick)}
    if lost:
        x, height = way[0]
        top = _ROOM * height + _ROOM - _BAR + thick
        end = _measure(lost, source)
        says = f"{lost:,} of {source.relevant:,} are lost on the way to {cut_name(target.stage, 60)}"
        for at in range(5):
            share = at / 4
            middle = top + end / 2 + 8 * share**2
            half = end / 2 * (1 - share)
            yield {"band": f"l{number}", "kind": "lost", "says": says} | _pair(
                x + _WEDGE * share, middle - half, middle + half
            )


def _pair(x: float, y: float, y2: float) -> dict[str, float]:
    return {"x": round(x, 3), "y": round(y, 1), "y2": round(y2, 1)}


def _bend(way: Sequence[tuple[int, float]]) -> Iterator[tuple[float, float]]:
    """Yield points of a line that leaves and reaches each point of the way level."""
    for (x, height), (end, other) in pairwise(way):
        for at in range(_POINTS):
            share = at / _POINTS
            yield x + (end - x) * share, height + (other - height) * (1 - math.cos(math.pi * share)) / 2
    yield float(way[-1][0]), way[-1][1]


def _measure(documents: int, stage: StageRecall) -> float:
    return _BAR * documents / max(stage.total, 1)
