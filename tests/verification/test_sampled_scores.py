"""What a sample says of the mean over all queries."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nirank.verification.sampling import estimate_interval


def test_the_interval_is_the_textbooks() -> None:
    values = np.array([20.0, 45.0, 90.0, np.nan])
    kept = values[:3]
    half = stats.t.ppf(0.9995, 2) * kept.std(ddof=1) / np.sqrt(3) * np.sqrt(1 - 3 / 30)
    interval = estimate_interval(values, 30)
    assert interval == pytest.approx((kept.mean() - half, kept.mean() + half), rel=1e-9)


def test_all_queries_are_no_sample() -> None:
    assert estimate_interval(np.array([0.2, 0.4]), 2) == pytest.approx((0.3, 0.3))


def test_equal_values_say_that_others_are_rare_where_these_have_bounds() -> None:
    low, high = estimate_interval(np.ones(30), 300) or (0.0, 0.0)
    assert 0.6 < low < 0.9
    assert high > 1
    assert estimate_interval(np.full(20, 55.0), 300) is None
    assert estimate_interval(np.array([55.0]), 300) is None
    assert estimate_interval(np.array([np.nan]), 300) is None


@pytest.mark.parametrize("kind", ["even", "zeros and ones", "reciprocal ranks", "a few wrong", "a few right", "ranks"])
def test_scores_that_are_right_are_plausible(kind: str) -> None:
    """The mean of 300 queries is called off in about one of a thousand samples of 30, whatever the values."""
    random = np.random.default_rng(7)
    values = {
        "even": random.random(300),
        "zeros and ones": (random.random(300) < 0.6).astype(float),
        "reciprocal ranks": 1 / random.integers(1, 12, 300),
        "a few wrong": (random.random(300) < 0.97).astype(float),
        "a few right": np.where(random.random(300) < 0.02, 1.0, 0.02),
        "ranks": random.integers(1, 100, 300).astype(float),
    }[kind]
    intervals = np.array([estimate_interval(random.choice(values, 30, replace=False), 300) for _ in range(3_000)])
    missed = (values.mean() < intervals[:, 0]) | (values.mean() > intervals[:, 1])
    assert missed.mean() <= 0.003
    assert np.mean(intervals[:, 1] - intervals[:, 0]) < 0.65 * np.ptp(values), "what holds everything is never missed"
