"""What a review policy is asked, and what it proposes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Labels = NDArray[np.int8]


@dataclass(frozen=True)
class Proposal:
    """What to judge next.

    order   all documents that are not judged yet, (n - s,), best first
    batch   how many of them to judge before asking again; at least 1 where any is left
    scores  the model's score of each document, (n,); None before there is a model
    """

    order: Rows
    batch: int
    scores: NDArray[np.float64] | None = None


class Review(Protocol):
    """One topic's documents under one policy and one seed."""

    def propose(self, judged: Rows, labels: Labels) -> Proposal:
        """Return what to judge next.

        judged  the documents judged so far, in the order of judging, priors first, (s,)
        labels  1 relevant, 0 not relevant, (s,)

        A function of its arguments, the policy and the seed alone: a review goes on after a crash from its decisions,
        and a simulation and a person see the same order.
        """
        ...
