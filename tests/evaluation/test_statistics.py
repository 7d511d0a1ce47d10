"""Tests, intervals and corrections: against scipy and statsmodels, and by simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nirank.errors import ConfigError, StageError
from nirank.evaluation import statistics
from nirank.evaluation.comparisons import Significance, compare
from nirank.evaluation.evaluate import Evaluation

RANDOM = np.random.default_rng(20)
FIXED = RANDOM.normal(0.1, 1, (12, 3))


def make_evaluations(**values: np.ndarray) -> dict[str, Evaluation]:
    n = len(next(iter(values.values())))
    ids = [f"q{number}" for number in range(n)]
    return {name: Evaluation(ids, {"m": column}, {"m": float(column.mean())}) for name, column in values.items()}


def test_p_values_are_scipys() -> None:
    theirs = [
        stats.permutation_test(
            (FIXED[:, at],), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
        ).pvalue
        for at in range(3)
    ]
    assert statistics.randomisation_test(FIXED, 5_000, 0) == pytest.approx(theirs, abs=1e-12)  # 2^12: exact
    sampled = statistics.randomisation_test(FIXED, 4_000, 0)  # random signs
    assert sampled == pytest.approx(theirs, abs=0.03)
    x = RANDOM.random((40, 2))
    y = x + RANDOM.normal(0, 0.2, (40, 2))
    assert statistics.t_test(y - x) == pytest.approx(stats.ttest_rel(y, x, axis=0).pvalue, abs=1e-12)


def test_corrections_are_statsmodels() -> None:
    p = np.array([0.01, 0.04, 0.03, 0.5])
    assert statistics.adjust(p, "holm") == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert statistics.adjust(p, "bonferroni") == pytest.approx([0.04, 0.16, 0.12, 1.0])
    assert statistics.adjust(p, "none") is p
    with pytest.raises(ConfigError, match="correction 'hol'.*did you mean 'holm'"):
        statistics.adjust(p, "hol")


def test_nothing_differs_and_everything_does() -> None:
    equal, shifted = np.zeros((20, 1)), np.full((20, 1), 0.25)
    for test in (statistics.t_test, lambda d: statistics.randomisation_test(d, 1_000, 1)):
        assert test(equal)[0] == 1
        assert test(shifted)[0] < 0.01
    assert statistics.effect_size(np.hstack((equal, shifted, -shifted))).tolist() == [0, np.inf, -np.inf]
    assert statistics.count_outcomes(np.array([[0.5], [0.0], [-1.0], [1e-12]])).tolist() == [[1, 2, 1]]


def test_effect_and_detectable_difference() -> None:
    assert statistics.effect_size(FIXED) == pytest.approx(FIXED.mean(0) / FIXED.std(0, ddof=1))
    differences = RANDOM.normal(0, 1, (50, 1))
    detectable = statistics.minimum_detectable(differences, 0.05)[0] / differences.std(ddof=1)
    assert detectable == pytest.approx(0.404, abs=0.002)  # G*Power: n 50, two-sided, power 0.8


@pytest.mark.parametrize(
    "settings",
    [{"alpha": "0.05"}, {"alpha": True}, {"resamples": 1e4}, {"resamples": "1000"}, {"seed": None}, {"baseline": 3},
     {"correction": False}, {"test": ["t"]}],
    ids=str,
)  # fmt: skip
def test_settings_of_a_wrong_type_are_refused_in_a_sentence(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        Significance(**settings).check(["A", "B"])
    Significance(alpha=np.float64(0.1), resamples=np.int64(500)).check(["A"])  # type: ignore[arg-type]


def test_a_p_value_of_random_signs_counts_the_observed_ones() -> None:
    """p = (1 + b) / (1 + n): no resample reaches the difference, and all do."""
    constant = np.full((40, 1), 0.5)
    zeros = np.zeros((40, 1))
    assert statistics.randomisation_test(constant, 999, 0) == pytest.approx([1 / 1000], abs=1e-15)
    assert statistics.randomisation_test(zeros, 999, 0) == pytest.approx([1.0], abs=1e-15)
    five = np.full((5, 1), 0.5)  # all 32 signs: exact, the observed ones are among them
    assert statistics.randomisation_test(five, 999, 0) == pytest.approx([2 / 32], abs=1e-15)


@pytest.mark.slow
def test_the_false_positive_rate_is_five_in_a_hundred() -> None:
    """2,000 comparisons of equal systems at once, 50 queries."""
    random = np.random.default_rng(3)
    null = random.choice([0, 0, 0.2, 0.5, 1.0], (50, 2_000)) - random.choice([0, 0, 0.2, 0.5, 1.0], (50, 2_000))
    for p in (statistics.randomisation_test(null, 2_000, 1), statistics.t_test(null)):
        assert abs((p < 0.05).mean() - 0.05) < 0.015


@pytest.mark.slow
def test_the_family_wise_rate_after_holm() -> None:
    """Ten equal systems, 45 pairs: a false discovery in at most 6 % of 1,000 experiments."""
    random = np.random.default_rng(4)
    pairs = [(a, b) for a in range(10) for b in range(a)]
    n_false = 0
    for _ in range(1_000):
        values = random.beta(0.5, 1, (40, 10))
        differences = np.stack([values[:, a] - values[:, b] for a, b in pairs], axis=1)
        n_false += statistics.adjust(statistics.t_test(differences), "holm").min() < 0.05
    assert n_false / 1_000 <= 0.06


@pytest.mark.slow
def test_intervals_cover() -> None:
    """The true mean, 1/3, of 500 samples of 80 queries lies in about 95 % of the intervals."""
    values = np.random.default_rng(5).beta(0.5, 1, (80, 500))
    low, high = statistics.bootstrap_intervals(values, 0.95, 2_000, 0).T
    assert 0.92 <= ((low <= 1 / 3) & (high >= 1 / 3)).mean() <= 0.97


def test_intervals_are_seeded_and_agree_with_scipy() -> None:
    values = RANDOM.random((60, 2))
    ours = statistics.bootstrap_intervals(values, 0.95, 9_000, 7)
    assert np.array_equal(ours, statistics.bootstrap_intervals(values, 0.95, 9_000, 7))
    theirs = stats.bootstrap((values[:, 0],), np.mean, method="percentile", n_resamples=9_000, rng=1)
    assert ours[0] == pytest.approx(theirs.confidence_interval, abs=0.005)


@given(
    st.integers(1, 9).flatmap(lambda m: st.tuples(st.lists(st.booleans(), min_size=m * m, max_size=m * m), st.just(m)))
)
def test_letters_say_exactly_who_can_be_told_apart(drawn: tuple[list[bool], int]) -> None:
    flat, m = drawn
    upper = np.triu(np.array(flat).reshape(m, m), 1)
    different = upper | upper.T
    letters = statistics.assign_letters([-float(at) for at in range(m)], different)
    for system in range(m):
        assert letters[system]
        for rival in range(system):
            assert bool(set(letters[system]) & set(letters[rival])) != bool(different[system, rival])
    assert "a" in letters[0]


def test_trap_44_all_pairs_of_a_table_are_one_family() -> None:
    random = np.random.default_rng(6)
    base = random.random(100)
    noise = random.normal(0, 0.1, 100)
    close = base + noise - noise.mean() + 0.001
    result = compare(make_evaluations(A=base, B=close, C=base + 0.2), Significance(test="t", baseline="C"))
    by_pair = {(comparison.a, comparison.b): comparison for comparison in result.pairs}
    assert set(by_pair) == {("A", "B"), ("C", "A"), ("C", "B")}
    raw = np.array([comparison.p for comparison in result.pairs])
    assert [comparison.p_adjusted for comparison in result.pairs] == pytest.approx(statistics.adjust(raw, "holm"))
    assert by_pair["A", "B"].p_baseline is None
    assert by_pair["C", "A"].p_baseline == pytest.approx(2 * by_pair["C", "A"].p, abs=1e-12)
    assert by_pair["C", "A"].difference == pytest.approx(-0.2)
    assert (by_pair["C", "A"].wins, by_pair["C", "A"].losses) == (0, 100)
    assert result.groups["m"]["C"] == "a"
    assert result.groups["m"]["A"] == result.groups["m"]["B"] == "b"
    low, high = result.intervals["m"]["A"]
    assert low < base.mean() < high


def test_trap_44_by_the_numbers() -> None:
    assert statistics.adjust(np.array([0.03, 0.2]), "holm").tolist() == pytest.approx([0.06, 0.2])
    values = np.random.default_rng(1).random(20)
    comparison = compare(make_evaluations(A=values, B=values)).pairs[0]
    assert (comparison.p, comparison.p_adjusted, comparison.ties, comparison.difference) == (1, 1, 20, 0)


def test_trap_45_only_the_same_queries_are_paired() -> None:
    def evaluate_queries(queries: str, *values: float) -> Evaluation:
        return Evaluation(list(queries), {"m": np.array(values)}, {"m": float(np.mean(values))})

    evaluations = {
        "A": evaluate_queries("123", 0.9, 0.5, 0.7),
        "B": evaluate_queries("342", 0.7, 0.1, 0.5),
    }  # equal on 2 and 3
    with pytest.raises(StageError, match="different queries .2 of 4 are shared"):
        compare(evaluations)
    result = compare(evaluations, common_queries=True)
    (pair,) = result.pairs
    assert (pair.n, pair.difference, pair.p, pair.ties, result.left_out) == (2, 0, 1, 2, 2)
    assert result.to_dict()["queries_left_out"] == 2
    assert "2 queries left out that not all have" in result.describe_tests()
    disjoint = compare({"A": evaluate_queries("12", 1, 2), "B": evaluate_queries("34", 1, 2)}, common_queries=True)
    assert (disjoint.pairs, disjoint.left_out) == ([], 4)


def test_queries_that_a_measure_leaves_out_are_left_out_of_its_tests_alone() -> None:
    random = np.random.default_rng(2)
    all_queries, part = random.random((2, 40)), random.random((2, 40))
    part[:, :10] = np.nan
    queries = [f"q{at}" for at in range(40)]
    evaluations = {
        name: Evaluation(queries, {"m": all_queries[at], "last_rel": part[at]}, {"m": 0.0, "last_rel": 0.0})
        for at, name in enumerate("AB")
    }
    comparisons = {comparison.measure: comparison for comparison in compare(evaluations, Significance(test="t")).pairs}
    assert (comparisons["m"].n, comparisons["last_rel"].n) == (40, 30)
    assert (comparisons["m"].no_value, comparisons["last_rel"].no_value) == (0, 10)
    assert ", 10 queries without a value of last_rel" in compare(evaluations, Significance(test="t")).describe_tests()
    assert comparisons["m"].p == pytest.approx(stats.ttest_rel(all_queries[0], all_queries[1]).pvalue)
    assert comparisons["last_rel"].p == pytest.approx(stats.ttest_rel(part[0, 10:], part[1, 10:]).pvalue)
    adjusted = statistics.adjust(np.array([comparisons["m"].p, comparisons["last_rel"].p]), "holm")
    assert [comparisons["m"].p_adjusted, comparisons["last_rel"].p_adjusted] == pytest.approx(adjusted.tolist())


def test_differences_that_are_equal_but_for_rounding_have_no_spread() -> None:
    column = np.array([[0.3 - 0.2], [0.4 - 0.3], [0.9 - 0.8], [0.6 - 0.5]])
    assert np.ptp(column) > 0
    assert statistics.effect_size(column).tolist() == [np.inf]
    assert statistics.minimum_detectable(column, 0.05).tolist() == [0]


def test_too_few_queries_are_said_to_be_too_few() -> None:
    random = np.random.default_rng(3)
    three_systems = make_evaluations(A=random.random(8), B=random.random(8) + 5, C=random.random(8))
    assert "too few" not in compare(three_systems).describe_tests(), (
        "three comparisons of eight queries can be significant"
    )
    nine_systems = compare({f"{name}{at}": evaluation for name, evaluation in three_systems.items() for at in range(3)})
    assert nine_systems.describe_tests().endswith(
        "too few to tell anything apart here: the least p that they can give is 0.0078, 0.28 after correction"
    )
    assert not any(evaluation.p_adjusted < 0.05 for evaluation in nine_systems.pairs)
    based = compare(
        {f"{name}{at}": evaluation for name, evaluation in three_systems.items() for at in range(3)},
        Significance(baseline="A0"),
    )
    assert "too few" in based.describe_tests(), "eight comparisons with the baseline: 0.0625"
    assert "too few" not in compare(make_evaluations(A=random.random(50), B=random.random(50))).describe_tests()
    assert "too few" not in compare(three_systems, Significance(test="t")).describe_tests()


def test_of_what_is_better_low_the_lower_wins() -> None:
    values = np.arange(1.0, 21)
    evaluations = {
        name: Evaluation([str(at) for at in range(20)], {"last_rel": values + shift}, {"last_rel": 0.0})
        for name, shift in (("late", 5.0), ("early", 0.0))
    }
    result = compare(evaluations, Significance(baseline="late"))
    (pair,) = result.pairs
    assert (pair.a, pair.b, pair.difference) == ("late", "early", -5)
    assert (pair.wins, pair.losses) == (20, 0)
    assert result.groups["last_rel"] == {"early": "a", "late": "b"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test": "wilcoxon"}, "expected randomisation or t"),
        ({"alpha": 1.0}, "alpha must lie between"),
        ({"resamples": 5}, "resamples must be a whole number, 100 or more"),
        ({"seed": -1}, "seed must be a whole number, 0 or more"),
        ({"baseline": "BM26"}, "there is no system 'BM26'; did you mean 'BM25'"),
        ({"correction": "holms"}, "did you mean 'holm'"),
    ],
)
def test_mistakes(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Significance(**options).check(["BM25"])


def test_one_system_and_one_query() -> None:
    assert compare(make_evaluations(A=np.array([0.5, 1.0]))).pairs == []
    single = compare(make_evaluations(A=np.array([0.5]), B=np.array([0.7])))
    assert single.pairs[0].p == 1
    assert single.groups["m"] == {"A": "", "B": ""}, "nothing was tested"
    assert single.describe_tests() == "a single query: nothing can be tested"
