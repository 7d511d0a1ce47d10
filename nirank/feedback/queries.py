"""Query strategies: which documents a model's scores say to judge next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from nirank.feedback.policy import Rows, Scores

QueryStrategy = Literal["max", "uncertainty", "random", "max_random", "max_uncertainty"]
_MIXED_IN = 0.05  # as in ASReview


def order_documents(strategy: QueryStrategy, scores: Scores, boundary: float, random: np.random.Generator) -> Rows:
    """Return positions of documents in the order in which they should be judged, (n,).

    scores    of each document, (n,)
    boundary  the score between relevant and not relevant: uncertainty is nearness to it

    Equal documents keep their order. The mixed strategies take each document from 'max' with a probability of 95 %, and
    otherwise the next one from the other strategy.
    """
    return _STRATEGIES[strategy](scores, boundary, random)


def _order_by_score(scores: Scores, boundary: float, random: np.random.Generator) -> Rows:
    return np.argsort(-scores, kind="stable")


def _order_by_uncertainty(scores: Scores, boundary: float, random: np.random.Generator) -> Rows:
    return np.argsort(np.abs(scores - boundary), kind="stable")


def _shuffle(scores: Scores, boundary: float, random: np.random.Generator) -> Rows:
    return random.permutation(len(scores))


def _mix(other: Callable[[Scores, float, np.random.Generator], Rows]) -> Callable[..., Rows]:
    def order(scores: Scores, boundary: float, random: np.random.Generator) -> Rows:
        best, others = _order_by_score(scores, boundary, random), other(scores, boundary, random)
        mixed_in = random.random(len(scores)) < _MIXED_IN
        n_others = int(mixed_in.sum())
        taken = np.empty(len(scores), np.int64)
        taken[mixed_in], taken[~mixed_in] = others[:n_others], best[: len(scores) - n_others]
        taken = np.concatenate((taken, best[len(scores) - n_others :]))
        first = np.sort(np.unique(taken, return_index=True)[1])
        return taken[first]

    return order


_STRATEGIES: dict[str, Callable[[Scores, float, np.random.Generator], Rows]] = {
    "max": _order_by_score,
    "uncertainty": _order_by_uncertainty,
    "random": _shuffle,
    "max_random": _mix(_shuffle),
    "max_uncertainty": _mix(_order_by_uncertainty),
}
