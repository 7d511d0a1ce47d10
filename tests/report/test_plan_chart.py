"""The plan as a graph: nodes in layers that do not cover each other, lines between them, sums of what is too much."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import numpy as np
import vl_convert
from hypothesis import given
from hypothesis import strategies as st

from nirank.report.charts.layered import lay_out
from nirank.report.charts.list_names import name_lists
from nirank.report.charts.plan import draw_plan
from nirank.report.charts.theme import make_config


def make_node(name: str, *inputs: str, **options: Any) -> dict[str, Any]:
    return {
        "id": name, "label": f"{name}()", "kind": "ranking", "inputs": [["list", each] for each in inputs],
        "systems": ["S"], "found": False, "seconds": 1.5, "bytes": 2_500_000, "offline": False, "training": False,
        **options,
    }  # fmt: skip


@st.composite
def graphs(draw: Any) -> tuple[list[str], list[tuple[str, str]]]:
    n = draw(st.integers(1, 14))
    nodes = [f"n{at}" for at in range(n)]
    pairs = list(combinations(range(n), 2))
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=30)) if pairs else []
    return nodes, [(nodes[a], nodes[b]) for a, b in chosen]


@given(graphs())
def test_nodes_of_a_layer_are_apart_and_lines_go_to_the_right(graph: tuple[list[str], list[tuple[str, str]]]) -> None:
    nodes, edges = graph
    layout = lay_out(nodes, edges)
    for first, second in combinations(nodes, 2):
        (layer, height), (other, beside) = layout.places[first], layout.places[second]
        assert layer != other or abs(height - beside) >= 1 - 1e-6
    for (before, after), way in layout.ways.items():
        assert way[0] == layout.places[before] and way[-1] == layout.places[after]
        assert [at for at, _ in way] == list(range(way[0][0], way[-1][0] + 1)) and len(way) > 1
    assert all(0 <= height <= layout.height and 0 <= at < layout.layers for at, height in layout.places.values())


def test_a_line_that_need_not_cross_another_does_not() -> None:
    layout = lay_out(["a", "b", "c", "d"], [("a", "d"), ("b", "c")])
    places = layout.places
    assert (places["a"][1] < places["b"][1]) == (places["d"][1] < places["c"][1])


def test_a_node_says_what_it_cost_and_for_how_many() -> None:
    plan = [
        make_node("rrf", "bm25", "dense", systems=["S", "T"]),
        make_node("bm25", found=True, seconds=0.0214, bytes=900),
        make_node("dense", "elsewhere", seconds=None, bytes=None, kind="<vectors>"),
    ]
    spec = draw_plan(plan)
    assert spec is not None
    boxes = {record["label"]: record for record in spec["data"]["values"] if "label" in record}
    assert boxes["S, T"]["note"] == "1.5 s · 2.5 MB · 2 systems"  # under the names of the systems that end there
    assert boxes["S, T"]["full"] == "rrf()"
    assert (boxes["bm25()"]["note"], boxes["bm25()"]["state"]) == ("21 ms · 900 B", "found in the store")
    assert (boxes["dense()"]["note"], boxes["dense()"]["kind"]) == ("", "<vectors>")
    assert boxes["S, T"]["x"] > boxes["bm25()"]["x"] == boxes["dense()"]["x"]
    assert len({record["line"] for record in spec["data"]["values"] if "line" in record}) == 2
    svg = vl_convert.vegalite_to_svg({**spec, "config": make_config()})
    assert "S, T" in svg and "<vectors>" not in svg and "NaN" not in svg
    assert draw_plan([]) is None


def test_a_large_plan_is_taken_together_by_kind() -> None:
    rng = np.random.default_rng(3)
    names = [f"n{at}" for at in range(1000)]
    plan = [
        make_node(
            name, *(names[at - 100 + int(offset)] for offset in rng.integers(0, 20, 2) if at >= 100), kind=f"k{at % 3}"
        )
        for at, name in enumerate(names)
    ]
    spec = draw_plan(plan)
    assert spec is not None
    boxes = [record for record in spec["data"]["values"] if "label" in record]
    counts = [int(box["label"].split()[0]) if "×" in box["label"] else 1 for box in boxes]
    assert sum(counts) == 1000 and len(boxes) < 200
    assert len(json.dumps(spec)) < 300_000
    small = draw_plan(plan[:200])
    assert small is not None and sum("label" in record for record in small["data"]["values"]) == 200


def test_what_another_input_needs_anyway_has_no_line_of_its_own() -> None:
    spec = draw_plan([make_node("q"), make_node("bm25", "q"), make_node("rrf", "bm25", "q")])
    assert spec is not None
    assert sum("line" in record for record in spec["data"]["values"]) == 2


def test_names_lose_their_options_unless_they_would_be_the_same() -> None:
    labels = {
        "a": "Dense('a-model-of-some-length', top=1000)",
        "b": f"BM25({'k1=0.9, ' * 5})",
        "c": f"BM25({'k1=2, ' * 12})",
    }
    names = name_lists({**labels, "d": "RRF()", "e": "Cut(10)"}, {"e": ["S", "T", "U", "V"]})
    assert names == {**labels, "a": "Dense", "c": f"{labels['c'][:59]}…", "d": "RRF()", "e": "S, T and 2 more"}


def test_parts_that_nothing_joins_stand_one_below_the_other() -> None:
    """Two like parts, whose nodes come in turn, and a single node."""
    nodes = ["a", "A", "alone", "b", "B", "c", "C"]
    layout = lay_out(nodes, [("a", "b"), ("A", "B"), ("b", "c"), ("a", "c"), ("B", "C")])
    heights = {node: height for node, (_, height) in layout.places.items()}
    assert max(heights[node] for node in "abc") < min(heights[node] for node in "ABC")
    assert layout.places["alone"] == (0, layout.height)
