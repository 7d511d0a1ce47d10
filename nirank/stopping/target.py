"""Rules that find a random sample's relevant documents again (Cormack and Grossman, SIGIR 2016; QBCB: Lewis, Yang and
Frieder, CIKM 2021).

A random sample is read until it holds so many relevant documents; then the review goes on blind to it. Where a share τ
of all relevant documents has been found, the number of the sample's found again is binomial, so if it stops at the j-th
of n, recall lies below τ with probability P[B ≥ j], B ~ Binomial(n, τ). The least j with which that is at most
1 − confidence is taken. Ten relevant ones and 70 % recall are the target method as published: all ten (0.7^10 < 0.05).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nirank.errors import ConfigError
from nirank.stopping.rule import Asks, Evidence, Labels, Promise, StoppingRule, mark_end, require_count, require_share


@dataclass(frozen=True)
class Target(StoppingRule):
    """Stop once enough of a random sample's relevant documents are found again. Effort counts the sample too.

    relevant    how many the sample has: it is drawn until then, or until it is everything
    recall      that is promised
    confidence  of the promise
    seed        of the sample
    """

    relevant: int = 10
    recall: float = 0.7
    confidence: float = 0.95
    seed: int = 1

    name: ClassVar = "target"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count(self, "relevant")
        require_share(self, "recall", "confidence")
        if self.recall**self.relevant > 1 - self.confidence:
            needed = int(np.ceil(np.log(1 - self.confidence) / np.log(self.recall)))
            raise ConfigError(
                f"stopping rule 'target': a sample with {self.relevant} relevant documents cannot promise "
                f"{self.recall:.4g} recall with {self.confidence:.0%} confidence; it takes {needed} of them"
            )

    @property
    def promise(self) -> Promise:
        return Promise(self.recall, self.confidence)

    @property
    def asks(self) -> Asks:
        return "sample"

    @property
    def found_again(self) -> int:
        """How many of the sample's relevant documents must be found again."""
        from scipy.stats import binom

        enough = binom.sf(np.arange(self.relevant), self.relevant, self.recall) <= 1 - self.confidence
        return int(enough.argmax()) + 1

    def mark_stops(self, labels: Labels, size: int) -> NDArray[np.bool_]:
        sample = self.list_sample(labels, size)
        again = np.sort(sample[labels[sample] > 0])
        stops = np.zeros(len(labels), np.bool_)
        if len(sample) == size:
            stops[:] = True  # all is read before the review begins
        elif len(again) >= self.found_again:
            stops[again[self.found_again - 1] :] = True
        return mark_end(stops, size)

    def list_sample(self, labels: Labels, size: int) -> NDArray[np.int64]:
        if len(labels) < size:
            raise ConfigError(
                "stopping rule 'target' needs a random sample that was read before the review began; "
                "it can be evaluated where all labels are known"
            )
        drawn = np.random.default_rng(self.seed).permutation(size)
        enough = np.cumsum(labels[drawn], dtype=np.int64) >= self.relevant
        return drawn[: int(enough.argmax()) + 1] if enough.any() else drawn

    def _judge(self, labels: Labels, size: int) -> Evidence:
        return Evidence(False, "no random sample was read before the review began, so that nothing can be said")
