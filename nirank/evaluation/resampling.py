"""Resampling of sums over records, where a measure is a function of the sums and no mean of values.

Records with the same numbers are drawn together: what counts is how often each of them comes up. Where there are too
many unlike ones for that, sums are drawn from the normal distribution that sums of so many have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Sums = NDArray[np.float64]
Table = NDArray[np.int64] | NDArray[np.float64]

_HELD = 4_000_000  # numbers drawn at a time
_FEW = 8  # records in a group of equal ones, from which drawing groups is faster
_MOST = 1_500_000_000  # numbers drawn in all, beyond which sums are drawn as normal ones
_SAME = 1e-12  # relative: sums of the same numbers in another order


def draw_sums(table: Table, draws: int, seed: int) -> Sums:
    """Return sums over as many records as there are, drawn with replacement, (draws, m).

    table  (n, m)
    Efron and Tibshirani 1993, section 13.3.
    """
    n = len(table)
    if not n:
        return np.zeros((draws, table.shape[1]))
    random = np.random.default_rng(seed)
    distinct, often = np.unique(table, axis=0, return_counts=True)
    grouped = len(distinct) * _FEW <= n
    rows = (distinct if grouped else table).astype(np.float64)
    if draws * len(rows) > _MOST:
        spread = np.cov(np.asarray(table, np.float64).T, ddof=0).reshape(table.shape[1], -1)
        return _draw_normal(n * np.asarray(table.mean(0)), n * spread, draws, random)
    parts = []
    for size in _split_draws(draws, len(rows)):
        if grouped:
            times = random.multinomial(n, often / n, size)
        else:
            rows_drawn = random.integers(0, n, (size, n)) + np.arange(size)[:, None] * n
            times = np.bincount(rows_drawn.ravel(), minlength=size * n).reshape(size, n)
        parts.append(times @ rows)
    return np.concatenate(parts)


def run_swap_test(a: Table, b: Table, measure: Callable[[Sums], Sums], resamples: int, seed: int) -> float:
    """Return the two-sided p-value of a paired randomisation test on a measure of sums.

    a, b     (n, m) of two systems; under the null hypothesis each record's numbers could be either one's
    measure  of sums, (…, m), NaN where there is none; such a draw counts as one beyond what was observed
    All 2^n exchanges where they are at most `resamples`, n counting the records that differ; otherwise random ones,
    with p = (1 + b) / (1 + resamples). Yeh, COLING 2000, section 3: for precision, recall and F, which t tests
    on means do not fit.
    """
    differences = np.asarray(b, np.float64) - a
    differences = differences[differences.any(axis=1)]
    total_sums = np.asarray(a, np.float64).sum(0) + np.asarray(b, np.float64).sum(0)
    observed = float(_compute_difference(total_sums, differences.sum(0)[None], measure)[0])
    least = abs(observed) * (1 - _SAME) - _SAME
    exact = 2 ** len(differences) <= resamples
    beyond = total = 0
    for shifts in _enumerate_shifts(differences) if exact else _draw_shifts(differences, resamples, seed):
        beyond += int((~(np.abs(_compute_difference(total_sums, shifts, measure)) < least)).sum())
        total += len(shifts)
    return beyond / total if exact else (1 + beyond) / (1 + total)


def _compute_difference(whole: Sums, shifts: Sums, measure: Callable[[Sums], Sums]) -> Sums:
    """Return the measure's difference where the sums of both are `whole` and differ by `shifts`, (draws, m)."""
    return measure((whole + shifts) / 2) - measure((whole - shifts) / 2)


def _enumerate_shifts(differences: Sums) -> Iterator[Sums]:
    numbers = np.arange(2 ** len(differences))
    bits = numbers[:, None] >> np.arange(len(differences)) & 1
    yield (bits * 2.0 - 1) @ differences


def _draw_shifts(differences: Sums, resamples: int, seed: int) -> Iterator[Sums]:
    random = np.random.default_rng(seed)
    distinct, often = np.unique(differences, axis=0, return_counts=True)
    if resamples * len(distinct) > _MOST:
        yield _draw_normal(np.zeros(differences.shape[1]), differences.T @ differences, resamples, random)
        return
    for size in _split_draws(resamples, len(distinct)):
        yield (2.0 * random.binomial(often, 0.5, (size, len(often))) - often) @ distinct


def _draw_normal(mean: Sums, spread: Sums, draws: int, random: np.random.Generator) -> Sums:
    drawn: Sums = random.multivariate_normal(mean, spread, draws, method="eigh")
    return drawn


def _split_draws(draws: int, columns: int) -> Iterator[int]:
    most = max(1, _HELD // max(columns, 1))
    for start in range(0, draws, most):
        yield min(most, draws - start)
