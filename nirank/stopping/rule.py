"""What a stopping rule is given, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Promise:
    """What a rule claims where it stops: at least this recall, in this share of reviews."""

    recall: float
    confidence: float


@dataclass(frozen=True)
class Evidence:
    """What a rule says of a review as it stands.

    stops     whether reading may end
    sentence  why, in words for a reviewer: what was counted, and what can be claimed, or that nothing can
    value     the rule's own figure (a p-value, a ratio), None where it has none
    """

    stops: bool
    sentence: str
    value: float | None = None


class StoppingRule(Protocol):
    """A frozen value with options; `promise` is None for rules that claim no recall."""

    @property
    def promise(self) -> Promise | None:
        """What the rule claims."""
        ...

    def weigh(self, labels: NDArray[np.int8], size: int) -> Evidence:
        """Return what the rule says after the documents judged so far.

        labels  in the order of judging, priors left out: 1 relevant, 0 not, (s,)
        size    how many documents there are to judge in all, priors left out
        """
        ...

    def find_stop(self, labels: NDArray[np.int8], size: int) -> int | None:
        """Return after how many of the labels a review ends first, None where the rule never ends it.

        The same as asking `weigh` after every document, but in one pass.
        """
        ...
