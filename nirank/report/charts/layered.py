"""Layout of a graph without circles in layers, from left to right, with few crossings and short ways.

After Sugiyama, Tagawa and Toda (IEEE Transactions on Systems, Man, and Cybernetics, 1981): layers by the longest way, a
waypoint in each layer that a line passes, the order within layers by barycentres, and then places as near to the
neighbours as the distances allow.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Edge = tuple[str, str]
_Point = Hashable  # a node, or a waypoint: its edge and layer

_SWEEPS = 12
_WAY = 0.45  # room of a waypoint, where a node has 1


@dataclass(frozen=True)
class Layout:
    """Where the nodes stand and where the lines between them go.

    places  {node: (layer, height)}, from 0; two nodes of a layer are at least 1 apart
    ways    {edge: (layer, height) from its beginning to its end}
    layers, height  how far the places go
    """

    places: Mapping[str, tuple[int, float]]
    ways: Mapping[Edge, Sequence[tuple[int, float]]]
    layers: int
    height: float


def lay_out(nodes: Sequence[str], edges: Sequence[Edge]) -> Layout:
    """Return the layout of a graph; `nodes` stand behind all that have an edge to them.

    Parts that nothing joins stand one below the other, and single nodes below all.
    """
    places: dict[str, tuple[int, float]] = {}
    ways: dict[Edge, Sequence[tuple[int, float]]] = {}
    base, layers = 0.0, 0
    for part in _split(nodes, edges):
        inside = set(part)
        layout = _lay_out_part(part, [edge for edge in edges if edge[0] in inside])
        places |= {node: (layer, base + height) for node, (layer, height) in layout.places.items()}
        ways |= {edge: [(layer, base + height) for layer, height in way] for edge, way in layout.ways.items()}
        base, layers = base + layout.height + 1, max(layers, layout.layers)
    return Layout(places, ways, layers, max((height for _, height in places.values()), default=0.0))


def _split(nodes: Sequence[str], edges: Sequence[Edge]) -> list[list[str]]:
    """Return the parts of the graph that have no edge between them, in the order of their first nodes."""
    neighbours: dict[str, list[str]] = {node: [] for node in nodes}
    for first, second in edges:
        neighbours[first].append(second)
        neighbours[second].append(first)
    part_of: dict[str, int] = {}
    for node in nodes:
        waiting = [] if node in part_of else [node]
        number = len(set(part_of.values())) if waiting else 0
        while waiting:
            near = waiting.pop()
            if near not in part_of:
                part_of[near] = number
                waiting += neighbours[near]
    parts: dict[int, list[str]] = {}
    for node in nodes:
        parts.setdefault(part_of[node], []).append(node)
    return sorted(parts.values(), key=lambda part: len(part) == 1)


def _lay_out_part(nodes: Sequence[str], edges: Sequence[Edge]) -> Layout:
    layer = _assign_layers(nodes, edges)
    ways: dict[Edge, list[_Point]] = {
        edge: [edge[0], *((edge, at) for at in range(layer[edge[0]] + 1, layer[edge[1]])), edge[1]] for edge in edges
    }
    order: list[list[_Point]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for node in nodes:
        order[layer[node]].append(node)
    above: dict[_Point, list[_Point]] = {}
    below: dict[_Point, list[_Point]] = {}
    for edge, way in ways.items():
        for at, (first, second) in enumerate(pairwise(way), layer[edge[0]]):
            below.setdefault(first, []).append(second)
            above.setdefault(second, []).append(first)
            if second != edge[1]:
                order[at + 1].append(second)
    _reduce_crossings(order, above, below)
    heights = _choose_heights(order, above, below, set(nodes))
    return Layout(
        {node: (layer[node], heights[node]) for node in nodes},
        {edge: [(at, heights[point]) for at, point in enumerate(way, layer[edge[0]])] for edge, way in ways.items()},
        len(order),
        max(heights.values(), default=0.0),
    )


def _assign_layers(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Return the length of the longest way to each node; what nothing leads to stands just before what needs it."""
    inputs: dict[str, list[str]] = {}
    outputs: dict[str, list[str]] = {}
    for first, second in edges:
        inputs.setdefault(second, []).append(first)
        outputs.setdefault(first, []).append(second)
    layer: dict[str, int] = {}
    for node in nodes:
        layer[node] = max((layer[before] + 1 for before in inputs.get(node, ())), default=0)
    for node in nodes:
        if node not in inputs and node in outputs:
            layer[node] = min(layer[after] for after in outputs[node]) - 1
    return layer


def _reduce_crossings(
    order: list[list[_Point]], above: Mapping[_Point, list[_Point]], below: Mapping[_Point, list[_Point]]
) -> None:
    """Order each layer by the mean place of its neighbours, forth and back."""
    for sweep in range(_SWEEPS):
        neighbours = above if sweep % 2 == 0 else below
        layers = order if sweep % 2 == 0 else order[::-1]
        places: dict[_Point, float] = {}
        for nodes in layers:
            means = {
                node: sum(places[each] for each in near) / len(near) if (near := neighbours.get(node)) else float(at)
                for at, node in enumerate(nodes)
            }
            nodes.sort(key=means.__getitem__)
            places |= {node: float(at) for at, node in enumerate(nodes)}


def _choose_heights(
    order: Sequence[Sequence[_Point]],
    above: Mapping[_Point, list[_Point]],
    below: Mapping[_Point, list[_Point]],
    nodes: set[_Point],
) -> dict[_Point, float]:
    """Return heights in the order of each layer, near to those of the neighbours."""
    heights: dict[_Point, float] = {}
    gaps = []
    for layer in order:
        room = [1.0 if node in nodes else _WAY for node in layer]
        gaps.append([0.0, *((a + b) / 2 for a, b in pairwise(room))])
        total = 0.0
        for node, gap in zip(layer, gaps[-1], strict=True):
            total += gap
            heights[node] = total
    for sweep in range(_SWEEPS):
        for at in range(len(order)) if sweep % 2 == 0 else reversed(range(len(order))):
            wishes = []
            for node in order[at]:
                near = [heights[each] for each in (*above.get(node, ()), *below.get(node, ()))]
                wishes.append(sum(near) / len(near) if near else heights[node])
            heights |= dict(zip(order[at], _keep_gaps(wishes, gaps[at]), strict=True))
    least = min(heights.values(), default=0.0)
    return {node: height - least for node, height in heights.items()}


def _keep_gaps(wishes: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """Return ascending heights with at least those gaps that are nearest to the wishes (least squares)."""
    shift, shifts = 0.0, []
    for gap in gaps:
        shift += gap
        shifts.append(shift)
    blocks: list[list[float]] = []  # sum and count of wishes that share a place once the gaps are taken off
    for wish, moved in zip(wishes, shifts, strict=True):
        blocks.append([wish - moved, 1.0])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    flat = [total / count for total, count in blocks for _ in range(int(count))]
    return [place + moved for place, moved in zip(flat, shifts, strict=True)]
