"""Tie sensitivity: the worst and the best value over all orders of documents with equal scores."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

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
    offset = ranking.offsets[data.query]
    at = offset + data.rank - 1
    tie, end = _find_ends(ranking, data.query, at)
    if (tie == end).all():
        return None
    first, last = tie - offset + 1, end - offset + 1
    gain = np.maximum(data.grade, 0)
    down, up = np.lexsort((-gain, tie)), np.lexsort((gain, tie))
    members = np.searchsorted(tie, tie, side="right") - np.searchsorted(tie, tie)
    place = rank_within_queries(tie)
    best = replace(data, rank=first + place - 1, grade=data.grade[down])
    return replace(data, rank=last - members + place, grade=data.grade[up]), best


def _find_ends(
    ranking: Ranking, query: NDArray[np.int64], at: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the equal scores around some places of the lists begin, and the last of them; lists fall.

    Only ties are followed, by bisection, so that memory is that of the places, however long the lists are.
    """
    scores, first, last = ranking.scores, at.copy(), at.copy()
    begin, end = ranking.offsets[query], ranking.offsets[query + 1] - 1
    up = np.flatnonzero(scores[np.maximum(at - 1, begin)] == scores[at])
    down = np.flatnonzero(scores[np.minimum(at + 1, end)] == scores[at])
    low, high = begin[up], at[up]
    while (low < high).any():
        middle = (low + high) // 2
        above = scores[middle] > scores[at[up]]
        low, high = np.where(above, middle + 1, low), np.where(above, high, middle)
    first[up] = low
    low, high = at[down], end[down]
    while (low < high).any():
        middle = (low + high + 1) // 2
        below = scores[middle] < scores[at[down]]
        low, high = np.where(below, low, middle), np.where(below, middle - 1, high)
    last[down] = low
    return first, last
