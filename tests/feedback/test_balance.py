"""Weights and resampling."""

import numpy as np
import pytest

from nirank.feedback.balance import resample_double, weigh_classes


def test_weights_have_mean_1_and_the_ratio():
    """S6, with the numbers of ASReview's definition for 2 relevant of 10."""
    labels = np.array([1, 0, 0, 0, 1, 0, 0, 0, 0, 0], np.int8)
    weights = weigh_classes(labels, 9.8)
    assert weights[labels == 1] == pytest.approx(4.537, abs=5e-4)
    assert weights[labels == 0] == pytest.approx(0.1157, abs=5e-5)
    assert weights.mean() == pytest.approx(1)
    assert weights[labels == 1].sum() / weights[labels == 0].sum() == pytest.approx(9.8)


def test_double_resampling_takes_the_stated_share():
    """For 5 of 50: 2.155 × (5/45)^-0.94 × 5 and (1 - 0.211 / (1 + ln 50)) × 45 share 50 places: 33.14 and 16.86."""
    labels = np.zeros(50, np.int8)
    labels[:5] = 1
    counts = []
    for seed in range(200):
        chosen = resample_double(labels, np.random.default_rng(seed))
        assert len(chosen) == 50
        ones = np.bincount(chosen, minlength=50)[:5]
        assert ones.max() - ones.min() <= 1  # whole copies, then some
        counts.append(labels[chosen].sum())
    one, zero = 2.155 * (5 / 45) ** -0.94 * 5, (1 - 0.211 / (1 + np.log(50))) * 45
    assert set(counts) == {int(50 * one / (one + zero)), int(50 * one / (one + zero)) + 1}
    assert np.mean(counts) == pytest.approx(50 * one / (one + zero), abs=0.1)
