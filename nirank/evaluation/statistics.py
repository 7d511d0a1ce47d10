"""The arithmetic of comparing systems: paired tests, intervals, corrections, groups. Arrays in, arrays out.

Everything is paired by query: a column holds one system's values, or one pair's differences, of the same queries.
What scipy and statsmodels compute is computed by them; resampling is done here, for all columns at once, since
they would draw anew for every pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nirank.errors import ConfigError, suggest

Values = NDArray[np.float64]

CORRECTIONS = (
    *("holm", "bonferroni", "sidak", "holm-sidak", "simes-hochberg", "hommel"),
    *("fdr_bh", "fdr_by", "fdr_tsbh", "fdr_tsbky", "none"),
)  # as statsmodels calls them

_CHUNK = 500  # resamples held at a time
_POWER = 0.8
_TIE = 1e-9  # differences of a query up to this size are ties
_SAME = 1e-12  # relative: sums of the same numbers in another order


def randomisation_test(differences: Values, resamples: int, seed: int) -> Values:
    """Return two-sided p-values of Fisher's paired randomisation test on the mean, (m,).

    differences  (n, m): n queries, m comparisons
    All 2^n signs where they are at most `resamples`, then p is exact; otherwise random ones, with
    p = (1 + b) / (1 + resamples), which never understates (Smucker, Allan and Carterette, CIKM 2007, section 3.1;
    Davison and Hinkley 1997, section 4.2.1).
    """
    observed = np.abs(differences.sum(0))
    least = observed - _SAME * np.abs(differences).sum(0)
    exact = 2 ** len(differences) <= resamples
    sign_blocks = _enumerate_signs(len(differences)) if exact else _draw_signs(len(differences), resamples, seed)
    beyond = np.zeros(differences.shape[1], np.int64)
    total = 0
    for signs in sign_blocks:
        beyond += (np.abs(signs @ differences) >= least).sum(0)
        total += len(signs)
    p: Values = beyond / total if exact else (1 + beyond) / (1 + total)
    return p


def _enumerate_signs(n: int) -> Iterator[Values]:
    numbers = np.arange(2**n)
    for start in range(0, len(numbers), _CHUNK):
        bits = numbers[start : start + _CHUNK, None] >> np.arange(n) & 1
        yield bits.astype(np.float64) * 2 - 1


def _draw_signs(n: int, resamples: int, seed: int) -> Iterator[Values]:
    random = np.random.default_rng(seed)
    for start in range(0, resamples, _CHUNK):
        rows = min(_CHUNK, resamples - start)
        bits = np.unpackbits(np.frombuffer(random.bytes(rows * -(-n // 8)), np.uint8)).reshape(rows, -1)
        yield bits[:, :n].astype(np.float64) * 2 - 1


def t_test(differences: Values) -> Values:
    """Return two-sided p-values of the paired t test, (m,), as scipy computes them; 1 where nothing differs."""
    from scipy import stats

    greatest = np.abs(differences).max(0, initial=0)
    varies = np.ptp(differences, axis=0) > _SAME * greatest
    p = np.where(greatest > 0, 0.0, 1.0) if len(differences) > 1 else np.ones(differences.shape[1])
    if len(differences) > 1 and varies.any():
        p[varies] = stats.ttest_1samp(differences[:, varies], 0, axis=0).pvalue
    return p


def bootstrap_intervals(values: Values, level: float, resamples: int, seed: int) -> Values:
    """Return percentile bootstrap intervals of the mean, (m, 2): queries drawn with replacement, the same for all.

    Efron and Tibshirani 1993, section 13.3.
    """
    n = len(values)
    random = np.random.default_rng(seed)
    means = np.empty((resamples, values.shape[1]))
    for start in range(0, resamples, _CHUNK):
        rows = min(_CHUNK, resamples - start)
        drawn = random.integers(0, n, (rows, n)) + np.arange(rows)[:, None] * n
        times = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
        means[start : start + rows] = times @ values / n
    tail = (1 - level) / 2
    bounds: Values = np.quantile(means, [tail, 1 - tail], axis=0).T
    return bounds


def adjust(p: Values, method: str) -> Values:
    """Return p-values corrected for being many, by one of statsmodels' methods ('holm', 'bonferroni', 'fdr_bh' …)."""
    check_correction(method)
    if not len(p) or method == "none":
        return p
    if method == "holm":  # here too, since importing statsmodels takes longer than a stored run
        order = np.argsort(p, kind="stable")
        stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
        corrected = np.empty(len(p))
        corrected[order] = np.minimum(stepped, 1)
        return corrected
    from statsmodels.stats.multitest import multipletests

    p_values: Values = multipletests(p, method=method)[1]
    return p_values


def check_correction(method: str) -> None:
    """Raise ConfigError for a correction that is not offered."""
    if method not in CORRECTIONS:
        raise ConfigError(
            f"correction '{method}': expected one of {', '.join(CORRECTIONS)}{suggest(str(method), CORRECTIONS)}"
        )


def effect_size(differences: Values) -> Values:
    """Return Cohen's d of paired values, mean / standard deviation of the differences; 0 where nothing differs."""
    means, spread = differences.mean(0), _measure_spread(differences)
    sizes: Values = np.divide(means, spread, out=np.sign(means) * np.where(means != 0, np.inf, 0.0), where=spread > 0)
    return np.nan_to_num(sizes, nan=0.0, posinf=np.inf, neginf=-np.inf)


def minimum_detectable(differences: Values, alpha: float) -> Values:
    """Return the mean difference that a paired t test would find with power 0.8 at this n and spread, (m,).

    (t(1 - alpha / 2) + t(0.8)) · s / sqrt(n), n - 1 degrees of freedom (Rosner, Fundamentals of Biostatistics, 8.10);
    NaN for a single query.
    """
    from scipy.special import stdtrit

    n = len(differences)
    if n < 2:
        return np.full(differences.shape[1], np.nan)
    quantiles = stdtrit(n - 1, 1 - alpha / 2) + stdtrit(n - 1, _POWER)
    least: Values = quantiles * _measure_spread(differences) / np.sqrt(n)
    return least


def _measure_spread(differences: Values) -> Values:
    if len(differences) < 2:
        return np.zeros(differences.shape[1])
    same = np.ptp(differences, axis=0) <= _SAME * np.abs(differences).max(0)  # but for rounding
    spread: Values = np.where(same, 0.0, differences.std(0, ddof=1))
    return spread


def count_outcomes(differences: Values) -> NDArray[np.int64]:
    """Return how many queries are won, tied and lost, (m, 3); ties are equal to 1e-9."""
    won, lost = (differences > _TIE).sum(0), (differences < -_TIE).sum(0)
    return np.stack((won, len(differences) - won - lost, lost), axis=1)


def assign_letters(means: Sequence[float], different: NDArray[np.bool_]) -> list[str]:
    """Return letters such that two systems share one exactly if they cannot be told apart.

    different  (m, m) symmetric
    Piepho, Journal of Computational and Graphical Statistics 13(2), 2004: insert and absorb. 'a' is the best system's.
    """
    m = len(means)
    groups: list[set[int]] = [set(range(m))]
    for first, second in zip(*np.nonzero(np.triu(different)), strict=True):
        split: list[set[int]] = []
        for group in groups:
            split += [group - {int(first)}, group - {int(second)}] if {int(first), int(second)} <= group else [group]
        groups = []
        for group in sorted(split, key=len, reverse=True):
            if not any(group <= kept for kept in groups):
                groups.append(group)
    order = {system: place for place, system in enumerate(sorted(range(m), key=lambda at: (-means[at], at)))}
    groups.sort(key=lambda group: sorted(order[at] for at in group))
    return ["".join(_name_letter(place) for place, group in enumerate(groups) if at in group) for at in range(m)]


def _name_letter(place: int) -> str:
    return chr(ord("a") + place % 26) + "'" * (place // 26)
