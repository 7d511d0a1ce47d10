"""Unjudged documents: condensed lists, and bounds that no judging of them can pass."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.evaluation.evaluate import evaluate
from nirank.flow.ids import Ids
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking

NAMES = ("P@3", "R@3", "R@9", "RR", "RR@2", "Rcap@2", "Success@2", "nDCG", "nDCG@3", "nDCG_exp@3")
DOCS = [f"d{i}" for i in range(6)]


def compute_values(run: list[str], grades: dict[str, int], *names: str) -> dict[str, float | None]:
    ranking = Ranking.from_dict({"q": {doc: float(-at) for at, doc in enumerate(run)}}, Ids.of(["q"]), Ids.of(DOCS))
    return dict(evaluate(ranking, Qrels.from_dict({"q": grades}, ranking.queries, ranking.docs), names).means)


def count_holes(run: list[str], grades: dict[str, int], *names: str) -> dict[str, dict[str, float | None]]:
    ranking = Ranking.from_dict({"q": {doc: float(-at) for at, doc in enumerate(run)}}, Ids.of(["q"]), Ids.of(DOCS))
    evaluation = evaluate(ranking, Qrels.from_dict({"q": grades}, ranking.queries, ranking.docs), names)
    return {name: dict(hole_counts) for name, hole_counts in evaluation.holes.items()}


@given(
    run=st.lists(st.sampled_from(DOCS), unique=True, max_size=6),
    grades=st.dictionaries(st.sampled_from(DOCS), st.integers(-1, 2), min_size=1, max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_no_judging_of_the_unjudged_passes_the_bound(run: list[str], grades: dict[str, int]) -> None:
    bounds = count_holes(run, grades, *NAMES)
    unjudged = [doc for doc in run if doc not in grades]
    top = max(*grades.values(), 1, 1)
    greatest = dict.fromkeys(NAMES, 0.0)
    for labels in product((0, top), repeat=len(unjudged)):
        labelled = compute_values(run, grades | dict(zip(unjudged, labels, strict=True)), *NAMES)
        for name in NAMES:
            greatest[name] = max(greatest[name], labelled[name] or 0.0)
    measured = compute_values(run, grades, *NAMES)
    for name in NAMES:
        bound = bounds[name]["at_most"] if name in bounds else measured[name]
        assert bound is not None
        assert greatest[name] <= bound + 1e-12 <= 1 + 2e-12, name
        if name[:2] in ("P@", "RR", "Su"):
            assert greatest[name] == pytest.approx(bound), f"{name} reaches its bound"


@given(
    run=st.lists(st.sampled_from(DOCS), unique=True, max_size=6),
    grades=st.dictionaries(st.sampled_from(DOCS), st.integers(0, 2), min_size=1, max_size=5),
)
@settings(max_examples=60, deadline=None)
def test_condensed_is_the_value_without_the_unjudged(run: list[str], grades: dict[str, int]) -> None:
    names = ("AP", "nDCG@2", "P@2", "RR", "Rprec", "R@2")
    bounds = count_holes(run, grades, *names)
    condensed = compute_values([doc for doc in run if doc in grades], grades, *names)
    measured = compute_values(run, grades, *names)
    for name in names:
        if name in bounds and min(grades.values()) < 1:
            assert bounds[name]["condensed"] == pytest.approx(condensed[name])
        elif name in bounds:
            assert bounds[name]["condensed"] is None, "only relevant ones are judged"
        elif min(grades.values()) < 1:
            assert measured[name] == pytest.approx(condensed[name])
        if name in ("AP", "Rprec") and name in bounds:
            assert bounds[name]["at_most"] is None


def test_by_hand() -> None:
    bounds = count_holes(["d0", "d1", "d2"], {"d2": 1, "d5": 0}, "P@2", "nDCG@2", "AP")
    assert "AP" not in count_holes(["d0", "d1", "d2"], {"d2": 1}, "AP"), "neither is defined"
    assert bounds["P@2"] == {"condensed": 0.5, "at_most": 1.0}
    assert bounds["AP"] == {"condensed": 1.0, "at_most": None}
    assert bounds["nDCG@2"] == {"condensed": 1.0, "at_most": 1.0}
    late_bound = count_holes(["d0", "d1", "d2"], {"d0": 2, "d1": 0, "d3": 2}, "nDCG@3")["nDCG@3"]["at_most"]
    assert late_bound == pytest.approx((2 + 2 / np.log2(4)) / (2 + 2 / np.log2(3)))


def test_nothing_is_said_where_all_is_judged() -> None:
    assert count_holes(["d0"], {"d0": 1}, "P@3", "AP", "last_rel") == {}
    assert count_holes(["d0", "d1"], {"d0": 1}, "P@1") == {}, "the hole is below the cut-off"
    assert count_holes(["d1"], {"d0": 1}, "last_rel", "Judged@3") == {}, (
        "neither measure has a bound or a condensed list"
    )
