"""Rules that fit a curve to what was found, and ask what it says of the rest.

`Poisson`: relevant documents come up by a Poisson process whose rate falls exponentially with the position x,
λ(x) = a e^(−k x) (Sneyd and Stevenson, EMNLP 2019 and TOIS 2021; they fit it to windows by least squares, here it is
the maximum likelihood of the positions, k ≥ 0). With Λ = ∫ λ from s to N and m the Poisson quantile of Λ at the
confidence, at most m are left: stop once r ≥ τ (r + m).

`Quant`: p is each document's probability of being relevant. A = Σ p over those read, U = Σ p over the rest; recall is
estimated as A / (A + U), with variance A² / (A + U)⁴ Σ p (1 − p) over all + 1 / (A + U)² Σ p (1 − p) over those read;
stop once the estimate less z standard deviations is τ (Yang, Lewis and Frieder, DocEng 2021). There p comes from a
classifier; here from where a document stands: a logistic regression of the labels on the logarithm of the position,
fitted anew after every hundredth of the documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nirank.stopping.rule import Evidence, Labels, Promise, StoppingRule, mark_end, require_share

Values = NDArray[np.float64]

_BISECTIONS = 60
_STEEPEST = 700.0  # of k s: exp stays finite
_CHECKS = 100  # how often Quant fits anew, in a whole review
_RIDGE = 1.0  # of the squared slope, so that a perfect order has one too
_ITERATIONS = 50


@dataclass(frozen=True)
class _RateRule(StoppingRule):
    """Stop once the recall that a curve leaves room for is at least the target.

    target      recall
    confidence  that no more is left
    """

    target: float = 0.95
    confidence: float = 0.95

    def __post_init__(self) -> None:
        super().__post_init__()
        require_share(self, "target", "confidence")

    @property
    def promise(self) -> Promise:
        return Promise(self.target, self.confidence)


@dataclass(frozen=True)
class Poisson(_RateRule):
    """Stop once the relevant documents that a falling Poisson rate leaves to find are few enough."""

    name: ClassVar = "poisson"

    def mark_stops(self, labels: Labels, size: int) -> NDArray[np.bool_]:
        read, found = np.arange(1, len(labels) + 1), np.cumsum(labels, dtype=np.int64)
        return mark_end((found > 0) & (found >= self.target * (found + self._bound_rest(labels, size, read))), size)

    def _bound_rest(self, labels: Labels, size: int, read: NDArray[np.int64]) -> Values:
        """Return how many are left at most, after so many were read."""
        from scipy.stats import poisson

        found = np.cumsum(labels, dtype=np.int64)[read - 1]
        sums = np.cumsum(np.where(labels > 0, np.arange(1, len(labels) + 1) - 0.5, 0.0))[read - 1]
        steepness = _fit_steepness(sums / np.maximum(found, 1) / read)
        ratio = (size - read) / read
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.exp(-steepness) * -np.expm1(-steepness * ratio) / -np.expm1(-steepness)
        left = found * np.where(steepness > 0, share, ratio)
        bound: Values = poisson.ppf(self.confidence, left)
        return bound

    def _judge(self, labels: Labels, size: int) -> Evidence:
        found = int(labels.sum())
        if not found:
            return Evidence(False, "nothing relevant is found yet")
        left = int(self._bound_rest(labels, size, np.array([len(labels)]))[0])
        sentence = (
            f"as the rate of relevant documents falls, at most {left:,} are left, with "
            f"{100 * self.confidence:.4g}% confidence; the rule asks for {100 * self.target:.4g}% found"
        )
        return Evidence(found >= self.target * (found + left), sentence, float(left))


def _fit_steepness(means: Values) -> Values:
    """Return k s of the likeliest rate for mean positions as shares of s: 0 where it does not fall.

    The mean of the density proportional to e^(−u x) on [0, 1] is 1 / u − 1 / (e^u − 1), which falls from 1/2 to 0.
    """
    low, high = np.zeros(len(means)), np.full(len(means), _STEEPEST)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        is_low = 1 / middle - 1 / np.expm1(middle) > means
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    return np.where(means >= 0.5, 0.0, (low + high) / 2)


@dataclass(frozen=True)
class Quant(_RateRule):
    """Stop once the recall that probabilities give, less what it may be wrong by, is the target."""

    name: ClassVar = "quant"

    def mark_stops(self, labels: Labels, size: int) -> NDArray[np.bool_]:
        stops = np.zeros(len(labels), np.bool_)
        every = _find_interval(size)
        for read in range(every, len(labels) + 1, every):
            stops[read - 1 : read - 1 + every] = self._bound_recall(labels[:read], size) >= self.target
        return mark_end(stops, size)

    def _judge(self, labels: Labels, size: int) -> Evidence:
        every = _find_interval(size)
        read = len(labels) // every * every
        bound = self._bound_recall(labels[:read], size) if read else 0.0
        sentence = (
            f"by where relevant documents stood among the first {read:,}, at least {bound:.1%} of them are found, with "
            f"{100 * self.confidence:.4g}% confidence; the rule asks for {100 * self.target:.4g}%"
        )
        return Evidence(bound >= self.target, sentence, bound)

    def _bound_recall(self, labels: Labels, size: int) -> float:
        from scipy.stats import norm

        if not labels.any():
            return 0.0
        recall, deviation = estimate_recall(_fit_probabilities(labels, size), len(labels))
        return max(recall - float(norm.ppf(self.confidence)) * deviation, 0.0)


def estimate_recall(probabilities: Values, read: int) -> tuple[float, float]:
    """Return the recall after so many documents, and its standard deviation.

    probabilities  of being relevant, calibrated, in the order of judging, (n,)
    """
    variances = probabilities * (1 - probabilities)
    found, total = float(probabilities[:read].sum()), float(probabilities.sum())
    variance = found**2 / total**4 * variances.sum() + variances[:read].sum() / total**2
    return found / total, float(np.sqrt(variance))


def _find_interval(size: int) -> int:
    return max(size // _CHECKS, 1)


def _fit_probabilities(labels: Labels, size: int) -> Values:
    """Return the probability of every position, by logistic regression on its logarithm (Newton's method)."""
    x = np.log(np.arange(1, size + 1))
    x -= x[: len(labels)].mean()
    seen, y = x[: len(labels)], labels.astype(np.float64)
    intercept, slope = 0.0, 0.0
    for _ in range(_ITERATIONS):
        p = _logistic(intercept + slope * seen)
        weights = p * (1 - p) + 1e-9
        gradient = np.array([(y - p).sum(), ((y - p) * seen).sum() - _RIDGE * slope])
        curvature = np.array(
            [[weights.sum(), (weights * seen).sum()], [(weights * seen).sum(), (weights * seen**2).sum() + _RIDGE]]
        )
        step = np.clip(np.linalg.solve(curvature, gradient), -2, 2)
        intercept, slope = intercept + float(step[0]), slope + float(step[1])
        if np.abs(step).max() < 1e-8:
            break
    return _logistic(intercept + slope * x)


def _logistic(values: Values) -> Values:
    result: Values = 1 / (1 + np.exp(-np.clip(values, -500, 500)))
    return result
