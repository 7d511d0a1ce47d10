"""Systems compared on measures of pairs: records are drawn and exchanged with all their pairs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.evaluation import resampling
from nirank.evaluation.comparisons import Significance, compare
from nirank.evaluation.evaluate import Evaluation, evaluate
from nirank.evaluation.pair_measures import PairCounts, compute_measures, count_pairs, mask_sums
from nirank.evaluation.resampling import draw_sums, run_swap_test
from nirank.evaluation.statistics import randomisation_test
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels

FAMILIES = ("PC", "PQ", "F1", "reduction_ratio", "CSSR", "candidates")


def make_counts(seed: int, n: int, quality: float) -> PairCounts:
    random = np.random.default_rng(seed)
    matches = np.random.default_rng(0).integers(0, 3, n)
    hits = random.binomial(matches, quality)
    return PairCounts(hits, hits + random.integers(0, 4, n), matches, n * n, n)


def measure(family: str, sums: np.ndarray, n: int) -> np.ndarray:
    return compute_measures(family, sums, n * n, n)


@given(st.integers(0, 99), st.integers(2, 8), st.sampled_from(FAMILIES))
@settings(max_examples=80, deadline=None)
def test_the_test_equals_exchanging_records_one_by_one(seed: int, n: int, family: str) -> None:
    a, b = make_counts(seed, n, 0.5).table, make_counts(seed + 100, n, 0.8).table
    observed = measure(family, b.sum(0), n) - measure(family, a.sum(0), n)
    beyond = []
    for swapped in itertools.product([False, True], repeat=n):
        at = np.array(swapped)[:, None]
        difference = measure(family, np.where(at, a, b).sum(0), n) - measure(family, np.where(at, b, a).sum(0), n)
        beyond.append(not abs(difference) < abs(observed) - 1e-9)
    p = run_swap_test(a, b, lambda sums: measure(family, sums, n), 10_000, 1)
    assert p == pytest.approx(np.mean(beyond))


def test_for_completeness_it_is_fishers_test_on_records_hits() -> None:
    """PC is linear in a record's hits, its matches being the same for both systems."""
    a, b = make_counts(4, 200, 0.5).table, make_counts(24, 200, 0.5).table
    p = run_swap_test(a, b, lambda sums: measure("PC", sums, 200), 20_000, 3)
    p_of_hits = randomisation_test((b - a)[:, :1], 20_000, 4)[0]
    assert 0.2 < p_of_hits < 0.3
    assert p == pytest.approx(p_of_hits, abs=0.015)


def test_groups_of_equal_records_are_drawn_as_single_ones_would_be() -> None:
    random = np.random.default_rng(5)
    hits = random.integers(0, 2, (400, 2))
    grouped = draw_sums(hits, 4000, 1)
    ungrouped = draw_sums(hits + random.random((400, 2)) * 1e-9, 4000, 1)  # all unlike
    assert grouped.mean(0) == pytest.approx(hits.sum(0), rel=0.01)
    assert grouped.std(0) == pytest.approx(ungrouped.std(0), rel=0.06)
    assert np.corrcoef(grouped.T)[0, 1] == pytest.approx(np.corrcoef(hits.T)[0, 1], abs=0.06)
    assert draw_sums(hits[:0], 3, 1).tolist() == [[0, 0]] * 3


def test_sums_of_many_unlike_records_are_drawn_as_normal_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = make_counts(1, 3000, 0.5).table, make_counts(2, 3000, 0.52).table
    plain = draw_sums(a, 3000, 1), run_swap_test(a, b, lambda sums: measure("F1", sums, 3000), 3000, 1)
    monkeypatch.setattr(resampling, "_MOST", 0)
    normal = draw_sums(a, 3000, 1), run_swap_test(a, b, lambda sums: measure("F1", sums, 3000), 3000, 1)
    assert normal[0].mean(0) == pytest.approx(plain[0].mean(0), rel=0.005)
    assert np.cov(normal[0].T).ravel() == pytest.approx(np.cov(plain[0].T).ravel(), rel=0.15)
    assert 0.01 < plain[1] < 0.99
    assert normal[1] == pytest.approx(plain[1], abs=0.04)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_measure_does_not_read_changes_nothing(family: str) -> None:
    sums = make_counts(3, 40, 0.6).table.sum(0)
    assert measure(family, sums * mask_sums(family), 40) == measure(family, sums, 40)


def test_intervals_resample_records() -> None:
    table = Ids.of([str(row) for row in range(6)])
    rows = np.arange(3)
    qrels = Qrels.from_dict({str(row): {str(row): 1} for row in range(6)}, table, table)
    counts = count_pairs(Pairs.build(table, table, rows, rows, source="x"), qrels)
    low, high = counts.find_interval("PC", 500, seed=1) or (0, 0)
    assert low < 0.5 < high
    assert counts.find_interval("PC", 500, seed=1) == (low, high)
    no_pairs = Pairs.build(table, table, rows[:0], rows[:0], source="x")
    no_matches = Qrels.from_dict({str(row): {} for row in range(6)}, table, table)
    assert count_pairs(no_pairs, no_matches).find_interval("PC", 10, seed=1) is None


def make_evaluation(hits: range, n: int = 60, extra: int = 0) -> Evaluation:
    table = Ids.of([str(row) for row in range(n)])
    qrels = Qrels.from_dict({str(row): {str(row): 1} for row in range(n)}, table, table, name="complete")
    q = np.concatenate((np.array(hits), np.repeat(np.arange(n), extra)))
    d = np.concatenate((np.array(hits), (np.repeat(np.arange(n), extra) + 1 + np.tile(np.arange(extra), n)) % n))
    return evaluate(Pairs.build(table, table, q, d, source="x"), qrels, ["PC", "PQ", "candidates", "CSSR"])


def test_systems_are_compared_on_measures_of_pairs() -> None:
    systems = {
        "few": make_evaluation(range(30)),
        "many": make_evaluation(range(59), extra=2),
        "same": make_evaluation(range(30)),
    }
    result = compare(systems, Significance(resamples=2000))
    comparisons = {(comparison.measure, comparison.a, comparison.b): comparison for comparison in result.pairs}
    assert len(comparisons) == 12
    better = comparisons["PC", "few", "many"]
    assert better.difference == pytest.approx(29 / 60)
    assert better.interval[0] > 0.3
    assert (better.p_adjusted < 0.05, better.n) == (True, 60)
    assert (better.wins, better.ties, better.losses) == (29, 31, 0)
    assert (comparisons["PC", "few", "same"].p, comparisons["PC", "few", "same"].interval) == (1.0, (0.0, 0.0))
    worse = comparisons["candidates", "few", "many"]
    assert worse.losses == 60  # fewer are better
    assert (comparisons["PQ", "few", "many"].wins, comparisons["PQ", "few", "many"].to_dict()["effect"]) == (None, None)
    assert result.groups["PC"] == {"few": "b", "many": "a", "same": "b"}
    assert result.groups["CSSR"] == {"few": "a", "many": "b", "same": "a"}
    low, high = result.intervals["PC"]["few"]
    assert low < 0.5 < high
    assert "what two systems found for a record exchanged" in result.describe_tests()
    assert (
        "paired t test; measures of pairs" in compare(systems, Significance(test="t", resamples=200)).describe_tests()
    )


def test_marks_speak_of_the_baseline() -> None:
    systems = {"few": make_evaluation(range(30)), "many": make_evaluation(range(59), extra=2)}
    result = compare(systems, Significance(resamples=500, baseline="many"))
    against = result.describe_system("few")["against"]
    assert against["PC"]["difference"] < 0
    assert against["candidates"]["difference"] < 0
    assert against["PC"]["p_baseline"] < 0.05


def test_counts_of_several_seeds_are_meaned_by_record() -> None:
    mean = PairCounts.average([make_counts(1, 50, 0.5), make_counts(2, 50, 0.9)])
    values = [make_counts(seed, 50, quality).measure("PC") or 0.0 for seed, quality in ((1, 0.5), (2, 0.9))]
    assert mean.measure("PC") == pytest.approx(np.mean(values))
    assert mean.find_interval("PC", 50, seed=1) is not None
