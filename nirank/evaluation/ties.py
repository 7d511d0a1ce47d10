"""Tie sensitivity: the worst and the best value over all orders of documents with equal scores."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nirank.evaluation.kernels import JudgedResults, rank_within_queries
from nirank.flow.ranking import Ranking


@dataclass(frozen=True)
class TieBounds:
    """What a mean could be if ties were broken otherwise.

    worst, best  the means
    queries      how many of the evaluated queries have a value that depends on it
    """

    worst: float
    best: float
    queries: int


def order_ties(ranking: Ranking, data: JudgedResults) -> tuple[JudgedResults, JudgedResults] | None:
    """Return the worst and the best order of documents with equal scores; None if no judged document is tied.

    Every native measure but Judged improves when a better document moves up, so the worst order
    of a tie is by grade, ascending and behind the unjudged, and the best descending, before them.
    """
    begins = np.ones(len(ranking), np.bool_)
    begins[1:] = ranking.scores[1:] != ranking.scores[:-1]
    begins[ranking.offsets[:-1][ranking.counts > 0]] = True
    if begins.all():
        return None
    starts = np.flatnonzero(begins)
    at = ranking.offsets[data.query] + data.rank - 1
    tie = np.searchsorted(starts, at, side="right") - 1
    first = starts[tie] - ranking.offsets[data.query] + 1
    last = np.append(starts, len(ranking))[tie + 1] - ranking.offsets[data.query]
    if (first == last).all():
        return None
    gain = np.maximum(data.grade, 0)
    down, up = np.lexsort((-gain, tie)), np.lexsort((gain, tie))
    members = np.bincount(tie, minlength=len(starts))[tie]
    place = rank_within_queries(tie)
    best = replace(data, rank=first + place - 1, grade=data.grade[down])
    return replace(data, rank=last - members + place, grade=data.grade[up]), best
