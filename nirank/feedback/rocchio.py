"""Rocchio: the query's vector moves towards what was judged relevant, and away from the rest."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nirank.base.values import fit_fields
from nirank.errors import ConfigError
from nirank.feedback.batches import Batches
from nirank.feedback.policy import Features, Labels, Proposal, Rows, Scores
from nirank.feedback.sequence import JudgedBatches, order_initially


@dataclass(frozen=True)
class Rocchio:
    """Rank by the inner product with a query vector that moves after every batch.

    q ← α q + β × mean of the batch's relevant documents - γ × mean of its others; a batch without relevant documents,
    or without others, adds nothing for them. Without the topic's vector, q begins as zero, and documents come in the
    initial order until q has moved.

    Rocchio 1971; Mao, Zhuang, Koopman and Zuccon, SIGIR 2024.
    """

    weights: tuple[float, float, float] = (1.0, 0.8, 0.2)
    batches: Batches = field(default_factory=lambda: Batches(25))

    def __post_init__(self) -> None:
        fit_fields(self, "rocchio")
        if len(self.weights) != 3 or min(self.weights) < 0:
            raise ConfigError(f"rocchio: weights are three numbers from 0, such as [1, 0.8, 0.2], got {self.weights}")

    @property
    def draws(self) -> bool:
        """Tell whether another seed can give another order."""
        return False

    def begin(
        self,
        features: Features,
        seed: int,
        initial: Rows | None = None,
        *,
        topic: Features | None = None,
        priors: int = 0,
    ) -> RocchioReview:
        del seed  # nothing is drawn
        return RocchioReview(self, features, order_initially(initial, features.shape[0]), topic, priors)


class RocchioReview:
    """One topic under Rocchio.

    initial  all documents, in the order in which they are judged while q is zero
    """

    def __init__(self, policy: Rocchio, features: Features, initial: Rows, topic: Features | None, priors: int) -> None:
        self.policy, self.features, self.initial, self.priors = policy, features, initial, priors
        start = np.zeros(features.shape[1]) if topic is None else _to_dense(topic)[0]
        self._start = start.astype(np.float64)
        self._reached = (np.zeros(0, np.int64), np.zeros(0, np.int8), self._start)
        self._batches = JudgedBatches(policy.batches, priors)

    def propose(self, judged: Rows, labels: Labels) -> Proposal:
        return self._batches.propose(judged, labels, self._rank)

    def find_query(self, judged: Rows, labels: Labels) -> NDArray[np.float64]:
        """Return the query's vector after all these batches, priors being one of their own, (d,).

        Where they go on from those of the last call, so does the vector.
        """
        reached, known, query = self._reached
        at = len(reached)
        if not (np.array_equal(judged[:at], reached) and np.array_equal(labels[:at], known)):
            at, query = 0, self._start
        while at < len(judged):
            end = self.priors if at < self.priors else self.priors + self.policy.batches.locate(at - self.priors)[2]
            batch = slice(at, min(end, len(judged)))
            query = self._move(query, judged[batch], labels[batch])
            at = batch.stop
        self._reached = (judged.copy(), labels.copy(), query)
        return query

    def _move(self, query: NDArray[np.float64], rows: Rows, labels: Labels) -> NDArray[np.float64]:
        alpha, beta, gamma = self.policy.weights
        moved: NDArray[np.float64] = alpha * query
        for weight, chosen in ((beta, rows[labels == 1]), (-gamma, rows[labels != 1])):
            if len(chosen):
                moved = moved + weight * _to_dense(self.features[chosen]).mean(axis=0)
        return moved

    def _rank(self, judged: Rows, labels: Labels, number: int) -> tuple[Rows, Scores | None]:
        query = self.find_query(judged, labels)
        if not query.any():
            return self.initial, None
        scores = np.asarray(self.features @ query, np.float64)
        # Documents that score alike stay in the initial order.
        return self.initial[np.argsort(-scores[self.initial], kind="stable")], scores


def _to_dense(features: Features) -> NDArray[np.float64]:
    return np.asarray(features.toarray() if hasattr(features, "toarray") else features, np.float64)
