"""The plan as a graph: what is computed from what, for how many systems, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from nirank.report.charts.layered import lay_out
from nirank.report.charts.list_names import name_lists
from nirank.report.charts.theme import COLOURS, NEUTRAL, Spec, cut_name

_BOX, _TALL = 184, 38  # px, of a node
_STRIDE, _SLOT = 228, 50  # px, from layer to layer, and from node to node
_NODES = 200  # more are taken together
_LABEL = 40  # characters
_LEVEL = 0.15  # of a line between two layers, at both its ends
_Record = Mapping[str, Any]


def draw_plan(plan: Sequence[_Record]) -> Spec | None:
    """Return the chart of a plan as the manifest has it; None where it has none.

    Beyond 200 nodes, those of one kind and layer are taken together.
    """
    if not plan:
        return None
    nodes = _order_nodes(plan)
    owners = _find_owners(nodes)
    if len(nodes) > _NODES:
        nodes, owners = _order_nodes(_group_nodes(nodes)), {}
    edges = _list_edges(nodes)
    layout = lay_out([node["id"] for node in nodes], edges)
    kinds = list(dict.fromkeys(str(node["kind"]) for node in nodes))
    names = name_lists({node["id"]: str(node["label"]) for node in nodes}, owners)
    boxes = [_describe_node(node, names[node["id"]], *layout.places[node["id"]]) for node in nodes]
    lines = [
        {"line": number, "x": [round(x) for x, _ in points], "y": [round(y) for _, y in points]}
        for number, way in enumerate(layout.ways.values())
        if (points := list(_trace_line(way)))
    ]
    width = _STRIDE * (layout.layers - 1) + _BOX
    height = round(_SLOT * layout.height + _TALL)
    colour = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": kinds, "range": [COLOURS[at % len(COLOURS)] for at in range(len(kinds))]},
        "legend": {"title": None, "orient": "bottom", "columns": 4, "symbolType": "square", "symbolOpacity": 1},
    }
    tooltip = [
        {"field": name, **({"title": title} if title else {})}
        for name, title in (("full", "node"), ("kind", ""), ("state", ""), ("cost", ""), ("systems", ""))
    ]
    text = {"type": "text", "align": "left", "baseline": "middle", "limit": _BOX - 14}
    return {
        "width": width,
        "height": height,
        "usermeta": {"wide": True},
        "data": {"values": [*lines, *boxes]},
        "encoding": {
            "x": {"field": "x", "type": "quantitative", "axis": None, "scale": {"domain": [0, width], "nice": False}},
            "y": {
                "field": "y",
                "type": "quantitative",
                "axis": None,
                "scale": {"domain": [0, height], "reverse": True, "nice": False},
            },
        },
        "layer": [
            {
                "transform": [{"filter": "isValid(datum.line)"}, {"flatten": ["x", "y"]}],
                "mark": {
                    "type": "line",
                    "interpolate": "monotone",
                    "color": NEUTRAL,
                    "strokeWidth": 1.2,
                    "opacity": 0.6,
                },
                "encoding": {"detail": {"field": "line", "type": "nominal"}, "order": {"field": "x"}},
            },
            {
                "transform": [{"filter": "isValid(datum.full)"}],
                "mark": {
                    "type": "rect",
                    "cornerRadius": 4,
                    "fillOpacity": 0.12,
                    "strokeDash": {"expr": "datum.found ? [3, 2] : [1, 0]"},
                },
                "encoding": {
                    "x2": {"field": "right"},
                    "y2": {"field": "bottom"},
                    "fill": colour,
                    "stroke": colour,
                    "tooltip": tooltip,
                },
            },
            {
                "transform": [{"filter": "isValid(datum.full)"}],
                "mark": {**text, "dx": 8, "dy": 12, "fontSize": 11.5},
                "encoding": {"text": {"field": "label"}},
            },
            {
                "transform": [{"filter": "isValid(datum.full)"}],
                "mark": {**text, "style": "note", "dx": 8, "dy": 27, "fontSize": 10.5},
                "encoding": {"text": {"field": "note"}},
            },
        ],
    }


def _order_nodes(plan: Sequence[_Record]) -> list[_Record]:
    """Return the nodes, each behind those that it needs; what is not in the plan is no input."""
    known = {node["id"]: node for node in plan}
    ordered: dict[str, _Record] = {}
    for start in known.values():
        path = [start]
        while path:
            node = path[-1]
            missing = [known[before] for _, before in node["inputs"] if before in known and before not in ordered]
            if missing:
                path.append(missing[0])
            else:
                ordered[node["id"]] = {**node, "inputs": [pair for pair in node["inputs"] if pair[1] in known]}
                path.pop()
    return list(ordered.values())


def _list_edges(nodes: Sequence[_Record]) -> list[tuple[str, str]]:
    """Return the inputs of each node, but those that another input of it needs anyway."""
    needed: dict[str, set[str]] = {}
    edges = []
    for node in nodes:
        inputs = list(dict.fromkeys(before for _, before in node["inputs"]))
        below = set().union(*(needed[before] for before in inputs))
        needed[node["id"]] = below.union(inputs)
        edges += [(before, node["id"]) for before in inputs if before not in below]
    return edges


def _group_nodes(nodes: Sequence[_Record]) -> list[_Record]:
    """Return the nodes of one kind and layer as one: how many they are, and their sums."""
    layer: dict[str, int] = {}
    for node in nodes:
        layer[node["id"]] = max((layer[before] + 1 for _, before in node["inputs"]), default=0)
    members: dict[str, list[_Record]] = {}
    group = {node["id"]: f"{layer[node['id']]}-{node['kind']}" for node in nodes}
    for node in nodes:
        members.setdefault(group[node["id"]], []).append(node)
    return [
        {
            "id": key,
            "kind": of[0]["kind"],
            "label": f"{len(of):,} × {of[0]['kind']}" if len(of) > 1 else of[0]["label"],
            "inputs": [("", before) for before in dict.fromkeys(group[i] for node in of for _, i in node["inputs"])],
            "systems": list(dict.fromkeys(system for node in of for system in node["systems"])),
            "found": all(node["found"] for node in of),
            "seconds": _sum(node.get("seconds") for node in of),
            "bytes": _sum(node.get("bytes") for node in of),
        }
        for key, of in members.items()
    ]


def _sum(numbers: Iterator[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _find_owners(nodes: Sequence[_Record]) -> dict[str, list[str]]:
    """Return the systems whose last computation each node is: none of theirs needs it."""
    passed = {(before, system) for node in nodes for _, before in node["inputs"] for system in node["systems"]}
    return {
        node["id"]: [str(system) for system in node["systems"] if (node["id"], system) not in passed] for node in nodes
    }


def _describe_node(node: _Record, name: str, layer: int, height: float) -> dict[str, Any]:
    x, y = _STRIDE * layer, _SLOT * height
    systems = [str(system) for system in node["systems"]]
    cost = [text for text in (_say_seconds(node.get("seconds")), _say_bytes(node.get("bytes"))) if text]
    shared = [f"{len(systems)} systems"] if len(systems) > 1 else []
    return {
        "x": x,
        "y": round(y, 1),
        "right": x + _BOX,
        "bottom": round(y + _TALL, 1),
        "label": cut_name(name, _LABEL),
        "full": cut_name(str(node["label"]), 300),
        "kind": str(node["kind"]),
        "found": bool(node["found"]),
        "state": "found in the store" if node["found"] else "computed",
        "note": " · ".join([*cost, *shared]),
        "cost": ", ".join(cost) or "-",
        "systems": cut_name(", ".join(systems), 200),
    }


def _trace_line(way: Sequence[tuple[int, float]]) -> Iterator[tuple[float, float]]:
    """Yield points from the right side of the first node to the left side of the last, level at both ends."""
    middle = _TALL / 2
    for at, ((layer, height), (following, other)) in enumerate(pairwise(way)):
        start = _STRIDE * layer + (_BOX if at == 0 else _BOX / 2)
        end = _STRIDE * following + (0 if at == len(way) - 2 else _BOX / 2)
        level = (end - start) * _LEVEL
        yield from ((x, _SLOT * height + middle) for x in (start, start + level))
        yield from ((x, _SLOT * other + middle) for x in (end - level, end))


def _say_seconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:,.1f} s" if seconds < 100 else f"{seconds:,.0f} s"


def _say_bytes(size: float | None) -> str:
    if size is None:
        return ""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"
