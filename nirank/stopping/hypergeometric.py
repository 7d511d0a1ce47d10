"""The hypergeometric test of what is left (Callaghan and Müller-Hansen, Systematic Reviews 9, 2020).

Of s documents read, r are relevant; N documents are there in all. Every suffix of the labels counts as a sample without
replacement from the urn of those documents that were not read before it. With ρ relevant ones in a suffix of length i,
the urn of N − (s − i) documents holds at least K = ⌊r / τ⌋ + 1 − (r − ρ) relevant ones if the target recall τ is not
reached; p = P[X ≤ ρ], X ~ Hypergeometric(N − (s − i), K, i), and p is the least over all suffixes. K above the urn's
size: the target cannot be missed, p = 0. Nothing found: K = 1.

Taking the least over suffixes tests many times, and a ranking is no random sample: the guarantee is strict only for a
truly random end of reading. How often it holds all the same is what an evaluation shows.

Among suffixes with the same ρ the longest has the least p, so only those that begin behind a relevant document count;
and p never rises while irrelevant documents are appended. Both make a review of 80,000 documents a matter of seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import lgamma
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nirank.base.loops import compile_loop
from nirank.errors import ConfigError
from nirank.stopping.rule import Evidence, Labels, Promise, StoppingRule, mark_end, require_share

_ROUNDING = 1e-9  # more than the error of r / τ


@dataclass(frozen=True)
class Hypergeometric(StoppingRule):
    """Stop once p < 1 − confidence.

    target      recall τ
    confidence  that the target is not missed
    bias        how many times likelier than an irrelevant document a relevant one is read next, by Wallenius'
                distribution; 1: a random order, as in the paper. More than 1 stops earlier, on the strength of a
                belief about the ranking; each p then takes a thousand times longer
    """

    target: float = 0.95
    confidence: float = 0.95
    bias: float = 1.0

    name: ClassVar = "hypergeometric"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_share(self, "confidence")
        if not 0 < self.target <= 1:
            raise ConfigError(
                f"stopping rule 'hypergeometric': target must be above 0 and at most 1; got {self.target}"
            )
        if self.bias < 1:
            raise ConfigError(f"stopping rule 'hypergeometric': bias must be 1 or more; got {self.bias}")

    @property
    def promise(self) -> Promise:
        return Promise(self.target, self.confidence)

    def mark_stops(self, labels: Labels, size: int) -> NDArray[np.bool_]:
        stops = np.zeros(len(labels), np.bool_)
        positions = np.flatnonzero(labels) + 1
        starts = np.unique(np.append(1, positions))  # between them p never rises
        ends = np.append(starts[1:] - 1, len(labels))
        for low, end in zip(starts.tolist(), ends.tolist(), strict=True):
            high = end
            if low > end or not self._stops_after(positions, end, size):
                continue
            while low < high:
                middle = (low + high) // 2
                if self._stops_after(positions, middle, size):
                    high = middle
                else:
                    low = middle + 1
            stops[low - 1 : end] = True
        return mark_end(stops, size)

    def compute_p(self, labels: Labels, size: int) -> float:
        """Return the least p of all suffixes; 1 where nothing is read."""
        return self._test(np.flatnonzero(labels) + 1, len(labels), size) if len(labels) else 1.0

    def _judge(self, labels: Labels, size: int) -> Evidence:
        p = self.compute_p(labels, size)
        alpha = 1 - self.confidence
        sentence = (
            f"if less than {100 * self.target:.4g}% of the relevant documents were found, so few among those read last "
            f"would have a probability of {p:.3g} at most; the rule asks for less than {alpha:.3g}"
        )
        return Evidence(p < alpha, sentence, p)

    def _stops_after(self, positions: NDArray[np.int64], read: int, size: int) -> bool:
        return self._test(positions[: np.searchsorted(positions, read, side="right")], read, size) < 1 - self.confidence

    def _test(self, positions: NDArray[np.int64], read: int, size: int) -> float:
        """Return the least p where the relevant documents stand at these positions, from 1."""
        found = len(positions)
        least = int(np.floor(found / self.target + _ROUNDING)) + 1  # relevant in all, if the target is missed
        if self.bias == 1:
            return float(_find_least_p(positions, read, size, least))
        from scipy.stats import nchypergeom_wallenius

        begins = np.append(0, positions)  # suffixes that begin behind so many documents
        inside = found - np.arange(found + 1)
        inside, begins = inside[begins < read], begins[begins < read]
        urn, wanted, drawn = size - begins, least - found + inside, read - begins
        if (wanted > urn).any():
            return 0.0
        return float(nchypergeom_wallenius.cdf(inside, urn, wanted, drawn, self.bias).min(initial=1.0))


@compile_loop
def _compute_cdf(most, urn, relevant, drawn):  # type: ignore[no-untyped-def]
    """Return P[X ≤ most], X ~ Hypergeometric(urn, relevant, drawn), summed from its greatest term, or 1 − the rest."""
    if relevant > urn or drawn - most > urn - relevant:  # so few are impossible
        return 0.0
    if most >= min(relevant, drawn):
        return 1.0
    in_upper_half = most >= (drawn + 1) * (relevant + 1) // (urn + 2)  # from the mode on the smaller part is the rest
    x = most + 1 if in_upper_half else most
    term = np.exp(
        lgamma(relevant + 1.0)
        - lgamma(x + 1.0)
        - lgamma(relevant - x + 1.0)
        + lgamma(urn - relevant + 1.0)
        - lgamma(drawn - x + 1.0)
        - lgamma(urn - relevant - drawn + x + 1.0)
        - lgamma(urn + 1.0)
        + lgamma(drawn + 1.0)
        + lgamma(urn - drawn + 1.0)
    )
    total = 0.0
    while term > total * 1e-17:
        total += term
        if in_upper_half:
            term *= (relevant - x) * (drawn - x) / ((x + 1.0) * (urn - relevant - drawn + x + 1.0))
            x += 1
        else:
            term *= x * (urn - relevant - drawn + x) / ((relevant - x + 1.0) * (drawn - x + 1.0))
            x -= 1
    return 1.0 - total if in_upper_half else total


@compile_loop
def _find_least_p(positions, read, size, least):  # type: ignore[no-untyped-def]
    """Return the least p of the suffixes that begin behind no document and behind each relevant one."""
    found = len(positions)
    smallest = 1.0
    for before in range(found + 1):
        begin = positions[before - 1] if before else 0
        if begin < read:
            smallest = min(smallest, _compute_cdf(found - before, size - begin, least - before, read - begin))
    return smallest
