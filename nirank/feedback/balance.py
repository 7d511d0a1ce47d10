"""Balance: few documents are relevant, so theirs weigh more while a model is fitted."""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import NDArray

from nirank.feedback.policy import Labels, Rows, Scores

# ASReview v1, "double": found by tuning on reviews
_ONES, _ONES_POWER, _ZEROS, _ZEROS_POWER = 2.155, 0.94, 0.789, 1.0


def weigh_classes(labels: Labels, ratio: float) -> Scores:
    """Return one weight a document, (n,), of mean 1: the relevant ones together weigh `ratio` times the others.

    w₁ = 1 and w₀ = n₁ / (ratio × n₀), scaled. Both classes must occur.
    """
    n_relevant = int(labels.sum())
    weights = np.where(labels == 1, 1.0, n_relevant / (ratio * (len(labels) - n_relevant)))
    scaled: Scores = weights * (len(labels) / weights.sum())
    return scaled


def resample_double(labels: Labels, random: np.random.Generator) -> Rows:
    """Return positions to train on, as many as there are, shuffled: ASReview v1's balance "double".

    A relevant document weighs a × (n₁/n₀)^-α and another 1 - (1 - b) × (1 + ln n)^-β; as many of each class are taken
    as their weights say, rounded up or down at random, whole copies first and the rest drawn.
    """
    ones, zeros = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    n = len(labels)
    one_weight = _ONES * (len(ones) / len(zeros)) ** -_ONES_POWER * len(ones)
    zero_weight = (1 - (1 - _ZEROS) * (1 + log(n)) ** -_ZEROS_POWER) * len(zeros)
    wanted = int(one_weight * n / (one_weight + zero_weight) + random.random())
    n_ones = max(1, min(n - 2, wanted))
    chosen: Rows = np.concatenate((_copy(ones, n_ones, random), _copy(zeros, n - n_ones, random)))
    return random.permutation(chosen)


def _copy(rows: NDArray[np.int64], n: int, random: np.random.Generator) -> Rows:
    """Return n rows: all of them as often as they fit, then some."""
    copies, more = divmod(n, len(rows))
    return np.concatenate((np.tile(rows, copies), random.choice(rows, more, replace=False)))
