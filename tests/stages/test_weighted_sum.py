"""The weighted sum: its normalisations on hand-made lists, and the laws of `+` and `*`."""

from __future__ import annotations

import numpy as np
import pytest
from handmade_lists import combine_runs, make_random_run, make_rankings
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.algebra.context import Context
from nirank.errors import ConfigError
from nirank.stages.cut import Cut
from nirank.stages.weighted_sum import WeightedSum, normalise, weighted_sum


def normalise_scores(scores: list[float], method: str) -> list[float]:
    (ranking,) = make_rankings({"q": {f"d{9 - i}": score for i, score in enumerate(scores)}})
    return normalise(ranking, method)[0].tolist()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scores", "method", "expected"),
    [
        ([5, 5], "minmax", [1, 1]),
        ([7], "minmax", [1]),
        ([0], "minmax", [1]),
        ([20, 19, 18, 2], "minmax", [1, 17 / 18, 16 / 18, 0]),
        ([20, 19, 18], "minmax", [1, 0.5, 0]),
        ([-1, -3], "minmax", [1, 0]),
        ([5, 5], "zscore", [1, 1]),
        ([7], "zscore", [1]),
        ([3, 1], "zscore", [1, -1]),
        ([4, 2, 2, 0], "zscore", [2**0.5, 0, 0, -(2**0.5)]),
        ([1e-200, 0], "zscore", [1, 1]),
        ([5, 5], "sum", [0.5, 0.5]),
        ([7], "sum", [1]),
        ([4, 3, 1], "sum", [0.6, 0.4, 0]),
        ([5, 5], "rank", [1, 0.5]),
        ([7], "rank", [1]),
        ([9, 8, 1, 0], "rank", [1, 0.75, 0.5, 0.25]),
        ([9, -8], "none", [9, -8]),
    ],
)
def test_trap_25_normalisation_of_odd_lists(scores: list[float], method: str, expected: list[float]) -> None:
    assert normalise_scores(scores, method) == pytest.approx(expected, abs=1e-12)


def test_trap_25_normalised_over_the_whole_list() -> None:
    """The third of [20, 19, 18, 2] is 0.89 at depth 4 and 0 at depth 3: the depth decides, so it is counted."""
    run, other_run = {"q": {"d": 20.0, "c": 19.0, "b": 18.0, "a": 2.0}}, {"q": {"d": 1.0}}
    deep, _ = make_rankings(run, other_run, depth=4)
    ctx = Context()
    fused = WeightedSum().combine([deep, Cut(3).combine([deep], ctx)], ctx)
    assert fused.to_dict()["q"] == pytest.approx({"d": 2.0, "c": 17 / 18 + 0.5, "b": 16 / 18 + 0.0, "a": 0.0})
    assert ctx.counts["unequal_depths"] == 1
    assert fused.depth == 3


def test_r5_weights_of_0_and_1_keep_the_order_of_one_list() -> None:
    """What the other list alone has stands at the end, with a score all the same."""
    first, second = {"q": {"a": 3.0, "b": 2.5, "c": 1.0}}, {"q": {"c": 9.0, "d": 7.0, "a": 5.0}}
    for weights, expected in (((1.0, 1e-9), ["a", "b", "c", "d"]), ((1e-9, 1.0), ["c", "d", "a", "b"])):
        fused = WeightedSum(weights).combine(make_rankings(first, second), Context()).to_dict()["q"]
        assert list(fused) == expected and all(np.isfinite(list(fused.values())))
    for weights, run in (((1.0, 0.0), first), ((0.0, 1.0), second)):
        assert list(WeightedSum(weights).combine(make_rankings(first, second), Context()).to_dict()["q"]) == list(
            run["q"]
        )


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=5), st.floats(0, 1), st.floats(0.001, 1))
def test_r5_a_sum_is_monotone_in_each_list(scores: list[float], weight: float, gain: float) -> None:
    """A document that one list scores higher, within the list's ends, never has less in the sum."""
    ends = {"top": 1.0, "bottom": 0.0}
    listed = {f"d{number}": score for number, score in enumerate(scores)}
    other = {"q": {**ends, **{f"d{number}": 0.5 for number in range(len(scores))}}}
    higher = {**listed, "d0": min(listed["d0"] + gain, 1.0)}
    before, after = (
        WeightedSum((weight, 1.0)).combine(make_rankings({"q": {**ends, **run}}, other), Context()).to_dict()["q"]["d0"]
        for run in (listed, higher)
    )
    assert after >= before


@pytest.mark.parametrize("method", ["minmax", "zscore", "sum", "rank"])
def test_r6_equal_scores_are_no_division_by_zero(method: str) -> None:
    """Min-max gives all of them 1, and not 0: a document that is in the list is ahead of one that is not."""
    shares = normalise_scores([2.5] * 4, method)
    assert all(np.isfinite(shares)) and (method == "rank" or len(set(shares)) == 1)
    if method == "minmax":
        assert shares == [1.0] * 4


def test_trap_26_missing_documents_and_weight_zero() -> None:
    a, b = {"q": {"a": 9.0, "b": 8.0}}, {"q": {"c": -1.0, "d": -2.0}}
    for method in ("minmax", "zscore", "sum", "rank"):
        assert list(combine_runs(WeightedSum((0, 1), method), a, b)["q"]) == ["c", "d"]
    raw = WeightedSum((0, 1), "none", allow_raw=True)
    assert combine_runs(raw, a, b)["q"] == {"c": -1.0, "d": -2.0}


def test_trap_26_the_interpolation_example() -> None:
    """Half BM25, half a logit: the document without a logit must not win by its absence."""
    bm25, logit = {"q": {"p": 3.0, "q": 1.0, "n": 1.0}}, {"q": {"p": -7.0, "q": -8.0}}
    with pytest.raises(ConfigError, match="allow_raw"):
        WeightedSum((0.5, 0.5), "none")
    assert next(iter(combine_runs(WeightedSum((0.5, 0.5)), bm25, logit)["q"])) == "p"
    assert combine_runs(WeightedSum((0.5, 0.5)), bm25, logit)["q"]["n"] == 0.0
    raw = combine_runs(WeightedSum((0.5, 0.5), "none", True), bm25, logit)["q"]
    assert raw == {"p": -2.0, "q": -3.5, "n": -3.5}  # n gets the least logit, not 0
    last = combine_runs(WeightedSum(), {"q": {"p": 3.0, "q": 2.0, "n": 1.0}}, logit)["q"]
    assert list(last)[-1] == "n"


def test_trap_26_the_rule_is_declared() -> None:
    conventions = {"normalise": "minmax", "weights": 1.0, "missing": "the least of the list"}
    assert WeightedSum().describe_conventions() == conventions
    assert WeightedSum((1, 2), "rank").describe_conventions() == {**conventions, "normalise": "rank", "weights": (1, 2)}


@pytest.mark.parametrize(
    ("method", "expected"),
    [("minmax", 0.0), ("sum", 0.0), ("rank", 0.0), ("zscore", -1.0), ("none", 1.0)],
)
def test_what_an_absent_document_gets(method: str, expected: float) -> None:
    stage = WeightedSum(None, method, allow_raw=True)  # type: ignore[arg-type]
    (ranking,) = make_rankings({"q": {"a": 3.0, "b": 1.0}})
    scores = stage.combine([ranking], Context()).to_dict()["q"]
    with_absent = combine_runs(stage, {"q": {"a": 3.0, "b": 1.0}}, {"q": {"z": 0.0, "y": 0.0}})["q"]
    absent_score = combine_runs(stage, {"q": {"z": 0.0, "y": 0.0}})["q"]["z"]
    assert with_absent["z"] == pytest.approx(expected + absent_score)
    assert min(scores.values()) >= expected


@given(st.integers(0, 10_000), st.sampled_from(["minmax", "zscore", "sum", "rank", "none"]))
@settings(max_examples=30, deadline=None)
def test_the_sum_is_linear_and_symmetric(seed: int, method: str) -> None:
    random = np.random.default_rng(seed)
    first, second, third = make_rankings(*(make_random_run(random) for _ in range(3)))
    ctx = Context()

    def sum_lists(weights: tuple[float, ...] | None, *lists: object) -> object:
        return WeightedSum(weights, method, allow_raw=True).combine(lists, ctx)  # type: ignore[arg-type]

    assert sum_lists(None, first, second, third) == sum_lists(None, third, first, second)  # to the last bit
    base, double = sum_lists((1, 0.5), first, second), sum_lists((2, 1), first, second)
    assert np.array_equal(2 * base.scores, double.scores)  # type: ignore[attr-defined]
    assert np.array_equal(base.rows, double.rows)  # type: ignore[attr-defined]
    assert sum_lists((1, 0, 2), first, second, third) == sum_lists((1, 2), first, third)


def test_one_list_keeps_its_order() -> None:
    run = {"q": {"a": 3.0, "b": -1.0, "c": 0.5}}
    for method in ("minmax", "zscore", "sum", "rank"):
        assert list(combine_runs(WeightedSum(None, method), run)["q"]) == ["a", "c", "b"]


def test_empty_sides() -> None:
    run = {"q": {"a": 2.0, "b": 1.0}}
    for method in ("minmax", "zscore", "sum", "rank", "none"):
        stage = WeightedSum(None, method, allow_raw=True)
        assert list(combine_runs(stage, run, {"q": {}})["q"]) == ["a", "b"]
        assert combine_runs(stage, {"q": {}}, {"q": {}}) == {"q": {}}
    assert combine_runs(WeightedSum((0, 0)), run, run) == {"q": {}}


def test_refusals() -> None:
    for options, message in (
        ({"normalise": "minimax"}, "did you mean 'minmax'"),
        ({"normalise": "none"}, "allow_raw: true"),
        ({"weights": ()}, "at least one weight"),
        ({"weights": (1, float("inf"))}, r"weights must be a finite number, got \(1, inf\)"),
    ):
        with pytest.raises(ConfigError, match=message):
            WeightedSum(**options)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="one weight a list, got 1 for 2 lists"):
        weighted_sum(Cut(1), Cut(2), weights=[1])
