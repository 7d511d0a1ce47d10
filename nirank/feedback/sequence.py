"""The sequence of judging: initial orders, and batches that are gone on with wherever they were left."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nirank.feedback.batches import Batches
from nirank.feedback.policy import Labels, Proposal, Rows, Scores

Ranker = Callable[[Rows, Labels, int], tuple[Rows, Scores | None]]


def order_initially(initial: Rows | None, n: int) -> Rows:
    """Return all of n documents: those of an initial list as they stand there, then the others in their order."""
    if initial is None:
        return np.arange(n)
    listed = np.asarray(initial, np.int64)
    return np.concatenate((listed, np.setdiff1d(np.arange(n), listed)))


class JudgedBatches:
    """What is proposed inside and between batches.

    A ranking is made of what was judged before the batch began, so that within the batch the order stays, whether
    somebody asks after every document or at its end. The last ranking is remembered.
    """

    def __init__(self, batches: Batches, priors: int) -> None:
        self._batches, self._priors = batches, priors
        self._key: bytes | None = None
        self._ranking: tuple[Rows, Scores | None] | None = None

    def propose(self, judged: Rows, labels: Labels, rank: Ranker) -> Proposal:
        """Return what comes next; `rank` is given what was judged before the batch, and the batch's number."""
        judged, labels = np.asarray(judged, np.int64), np.asarray(labels, np.int8)
        number, begin, end = self._batches.locate(max(len(judged) - self._priors, 0))
        before = min(self._priors + begin, len(judged))
        key = judged[:before].tobytes() + labels[:before].tobytes()
        if self._ranking is None or key != self._key:
            self._ranking, self._key = rank(judged[:before], labels[:before], number), key
        order, scores = self._ranking
        is_judged = np.zeros(int(order.max(initial=-1)) + 1 if scores is None else len(scores), np.bool_)
        inside = judged[judged < len(is_judged)]
        is_judged[inside] = True
        left = order[~is_judged[order]]
        return Proposal(left, min(self._priors + end - len(judged), len(left)) if len(left) else 0, scores)
