"""Reciprocal rank fusion: the formula, and nothing but ranks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from handmade_lists import combine_runs, make_random_run, make_rankings

from nirank.algebra.context import Context
from nirank.errors import ConfigError
from nirank.flow.ids import Ids
from nirank.flow.ranking import Ranking
from nirank.stages.cut import Cut
from nirank.stages.rrf import RRF, rrf


def test_trap_27_rrf_dialect() -> None:
    scores = combine_runs(RRF(), {"q": {"X": 3, "a": 2, "Y": 1}}, {"q": {"b": 3, "c": 2, "Y": 1}})["q"]
    assert list(scores) == ["Y", "b", "X", "c", "a"]
    assert list(scores.values()) == pytest.approx([2 / 63, 1 / 61, 1 / 61, 1 / 62, 1 / 62])
    assert scores["Y"] == pytest.approx(0.031746, abs=1e-6)


def test_trap_27_ties_take_ranks_in_standard_order() -> None:
    scores = combine_runs(RRF(), {"q": {"a": 1, "b": 1, "c": 1}}, {"q": {}})["q"]
    assert scores == pytest.approx({"c": 1 / 61, "b": 1 / 62, "a": 1 / 63})


def test_trap_27_the_constant_is_declared() -> None:
    assert RRF().describe_conventions()["k"] == 60


def test_scores_are_ignored_and_float64() -> None:
    first, second = {"q": {"a": 9.0, "b": -5.0}}, {"q": {"b": 0.2, "a": 0.1}}
    other_scores = {"q": {"a": 0.5, "b": 0.4}}
    assert combine_runs(RRF(), first, second) == combine_runs(RRF(), other_scores, second)
    single = [
        Ranking(r.queries, r.docs, r.offsets, r.rows, r.scores.astype(np.float32)) for r in make_rankings(first, second)
    ]
    assert RRF().combine(single, Context()).scores.dtype == np.float64


def test_k_is_in_the_formula() -> None:
    scores = combine_runs(RRF(0), {"q": {"a": 2, "b": 1}}, {"q": {"b": 1}})["q"]
    assert scores == pytest.approx({"b": 1.5, "a": 1.0})
    scores_k1 = combine_runs(RRF(k=1), {"q": {"a": 2, "b": 1}}, {"q": {"b": 1}})["q"]  # a whole number divides, too
    assert scores_k1 == pytest.approx({"b": 1 / 3 + 1 / 2, "a": 1 / 2})


def test_agrees_with_a_loop_and_with_every_order_of_lists() -> None:
    random = np.random.default_rng(3)
    for _ in range(20):
        runs = [make_random_run(random) for _ in range(3)]
        expected: dict[str, dict[str, float]] = {}
        for ranking in make_rankings(*runs):
            for query, scores in ranking.to_dict().items():
                for rank, doc in enumerate(scores, 1):
                    place = expected.setdefault(query, {})
                    place[doc] = place.get(doc, 0.0) + 1 / (60 + rank)
        lists = make_rankings(*runs)
        fused = RRF().combine(lists, Context())
        assert fused.to_dict() == {query: pytest.approx(scores) for query, scores in expected.items()}
        for permuted in itertools.permutations(lists):
            assert RRF().combine(permuted, Context()) == fused  # to the last bit


def test_trap_25_the_cut_comes_after_fusion() -> None:
    """A document at rank 51 of both lists is first at depth 100, and gone at depth 50."""
    names = [f"a{i:03}" for i in range(99)], [f"b{i:03}" for i in range(99)]
    runs = [{"q": {doc: float(-i) for i, doc in enumerate([*ids[:50], "shared", *ids[50:]])}} for ids in names]
    deep = make_rankings(*runs, depth=100)
    fused = RRF().combine(deep, Context())
    assert fused.ranks[list(fused.docs.take(fused.rows)).index("shared")] == 1
    cut = RRF().combine([Cut(50).combine([ranking], Context()) for ranking in deep], Context())
    assert "shared" not in cut.docs.take(cut.rows)


def test_unequal_depths_are_counted_and_the_shallowest_is_the_depth() -> None:
    run = {"q": {"a": 2.0, "b": 1.0}}
    ctx = Context()
    fused = RRF().combine(make_rankings(run, run, run, depth=(None, 100, 1000)), ctx)
    assert fused.depth == 100 and ctx.counts["unequal_depths"] == 2
    ctx = Context()
    assert RRF().combine(make_rankings(run, run, depth=50), ctx).depth == 50 and not ctx.counts
    assert RRF().combine(make_rankings(run, run), ctx).depth is None and not ctx.counts


def test_no_queries_and_no_documents() -> None:
    no_ranking = Ranking.from_dict({}, Ids.of([]), Ids.of(["a"]))
    assert len(RRF().combine([no_ranking, no_ranking], Context())) == 0
    assert combine_runs(RRF(), {"q": {}}, {"q": {}}) == {"q": {}}


def test_refusals() -> None:
    with pytest.raises(ConfigError, match="rrf: k must be 0 or more, got -1"):
        RRF(-1)
    with pytest.raises(ConfigError, match="rrf: k must be a finite number, got nan"):
        RRF(float("nan"))
    with pytest.raises(ConfigError, match="expected 2 lists or more, got 0"):
        rrf()
