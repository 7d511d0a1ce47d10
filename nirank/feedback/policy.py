"""What a review policy is asked, and what it proposes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Labels = NDArray[np.int8]
Scores = NDArray[np.float64]
Features = Any  # scipy's csr_matrix, or a dense array: a row a document


class Fit(NamedTuple):
    """What a fit is told beside its data.

    seed   of what is drawn
    batch  how many documents there will be more at the next fit
    """

    seed: int
    batch: int


@dataclass(frozen=True)
class Proposal:
    """What to judge next.

    order   all documents that are not judged yet, (n - s,), best first
    batch   how many of them to judge before asking again; at least 1 where any is left
    scores  the model's score of each document, (n,); None before there is a model
    """

    order: Rows
    batch: int
    scores: Scores | None = None


class Review(Protocol):
    """One topic's documents under one policy and one seed."""

    def propose(self, judged: Rows, labels: Labels) -> Proposal:
        """Return what to judge next.

        judged  the documents judged so far, in the order of judging, priors first, (s,)
        labels  1 relevant, 0 not relevant, (s,)

        A function of its arguments, the policy and the seed alone: a review goes on after a crash from its decisions,
        and a simulation and a person see the same order. Asked inside a batch, it goes on with that batch.
        """
        ...


class Policy(Protocol):
    """How the next documents are chosen: a frozen value with options."""

    def begin(
        self,
        features: Features,
        seed: int,
        initial: Rows | None = None,
        *,
        topic: Features | None = None,
        priors: int = 0,
    ) -> Review:
        """Return the review of one topic.

        features  a row a document, (n, d)
        initial   documents in the order in which they are shown until there is a model; those left out follow in the
                  order of the rows; None: all in the order of the rows
        topic     the topic's own text as a row of features, (1, d); None: there is none
        priors    how many of the judged documents were known before: they are part of no batch
        """
        ...
