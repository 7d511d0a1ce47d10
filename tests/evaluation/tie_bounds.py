"""The worst and the best mean over all orders of equal scores, as `evaluate` states them."""

from __future__ import annotations

from nirank.evaluation.evaluate import evaluate
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking


def bound_ties(ranking: Ranking, qrels: Qrels, measure: str) -> tuple[float, float]:
    evaluation = evaluate(ranking, qrels, [measure])
    mean, bounds = evaluation.means[measure], evaluation.ties.get(measure)
    assert mean is not None
    return (mean, mean) if bounds is None else (bounds.worst, bounds.best)
