"""The law by which documents are drawn from a cluster."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from nirank.synthesis.cluster_sampling import draw_pool

COSINES = np.array([0.9, 0.5, 0.1, 0.7], np.float32)


def draw_often(temperature: float, n: int, cosines: np.ndarray = COSINES) -> np.ndarray:
    """Return how often each document is drawn alone."""
    drawn = [draw_pool(cosines, 1, temperature, 1, seed, 0)[0] for seed in range(n)]
    return np.bincount(drawn, minlength=len(cosines))


def softmax(temperature: float) -> np.ndarray:
    weights = np.exp(COSINES.astype(np.float64) / temperature)
    return weights / weights.sum()


def test_t4_draws_follow_the_softmax_of_cosines() -> None:
    counts = draw_often(0.3, 20_000)
    assert chisquare(counts, 20_000 * softmax(0.3)).pvalue > 0.001
    assert chisquare(counts, 20_000 * softmax(0.4)).pvalue < 1e-6  # the temperature is noticed


def test_t4_uniform_draws_would_be_noticed() -> None:
    counts = np.random.default_rng(1).multinomial(20_000, np.full(4, 0.25))
    assert chisquare(counts, 20_000 * softmax(0.1)).pvalue < 1e-6


def test_t4_several_at_once_are_drawn_without_replacement_one_after_the_other() -> None:
    """P(first two are {0, 1}) = p0 · p1 / (1 − p0) + p1 · p0 / (1 − p1)."""
    p = softmax(0.5)
    pairs = [tuple(draw_pool(COSINES, 2, 0.5, 1, seed, 0).tolist()) for seed in range(2_000)]
    expected = p[0] * p[1] / (1 - p[0]) + p[1] * p[0] / (1 - p[1])
    assert np.mean([pair == (0, 1) for pair in pairs]) == pytest.approx(expected, abs=0.035)
    assert all(len(set(pair)) == 2 for pair in pairs)


def test_t5_a_low_temperature_takes_the_nearest_and_a_high_one_any() -> None:
    assert draw_often(1e-6, 200).tolist() == [200, 0, 0, 0]
    assert draw_pool(COSINES, 2, 1e-6, 5, 0, 0).tolist() == [0, 3]
    assert chisquare(draw_often(1e6, 2_000)).pvalue > 0.001


def test_several_draws_make_one_pool_and_each_cluster_has_draws_of_its_own() -> None:
    cosines = np.full(1000, 0.5, np.float32)
    pools = [draw_pool(cosines, 10, 1.0, 5, 3, cluster) for cluster in range(50)]
    assert all(40 < len(pool) <= 50 for pool in pools)
    assert all(np.array_equal(pool, np.unique(pool)) for pool in pools)
    assert len({pool.tobytes() for pool in pools}) == 50
    assert draw_pool(cosines[:10], 10, 1.0, 5, 3, 0).tolist() == list(range(10))
