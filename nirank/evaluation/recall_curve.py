"""Recall at many depths of one list at once: of documents by query, or of pairs of records."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.evaluation.kernels import JudgedResults, divide
from nirank.evaluation.pair_measures import count_pairs
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking

DEPTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
RecallByDepth = tuple[tuple[int, float], ...]


def compute_recall_by_depth(data: JudgedResults, judged_rows: NDArray[np.int64], end: int) -> RecallByDepth:
    """Return (depth, recall) with the mean of R@depth over the queries of those rows.

    end  where the lists end, or how deep they are certain: the last depth, if it is not beyond those of `DEPTHS`
    """
    depths = np.array(_list_depths(end))
    if not len(depths) or not len(judged_rows):
        return ()
    relevant = data.grade >= data.qrels.min_rel
    n_relevant = data.qrels.count_relevant()
    weights = divide(np.ones(len(n_relevant)), n_relevant)
    is_judged = np.zeros(len(n_relevant), np.bool_)
    is_judged[judged_rows] = True
    counted = relevant & is_judged[data.query]
    first = np.searchsorted(depths, data.rank[counted])  # the least depth that has it
    sums = np.bincount(first, weights[data.query[counted]], minlength=len(depths) + 1)[: len(depths)].cumsum()
    means = (sums / len(judged_rows)).round(6)
    return tuple(zip(depths.tolist(), means.tolist(), strict=True))


def compute_pair_recall_by_depth(ranking: Ranking, qrels: Qrels, end: int, *, one_table: bool) -> RecallByDepth:
    """Return (depth, recall) with PC@depth, the share of all matches: a mean over records would count those without.

    end        as above
    one_table  whether the queries are records of the documents' table
    """
    shares = [
        (depth, count_pairs(ranking.cut(depth), qrels, one_table=one_table).measure("PC"))
        for depth in _list_depths(end)
    ]
    return tuple((depth, round(share, 6)) for depth, share in shares if share is not None)


def _list_depths(end: int) -> list[int]:
    return [depth for depth in DEPTHS if depth < end] + [end] * (0 < end <= DEPTHS[-1])


def average_recall_curves(curves: list[RecallByDepth]) -> RecallByDepth:
    """Return the mean of several curves, at the depths that all have."""
    if not curves or not all(curves):
        return ()
    known = [dict(curve) for curve in curves]
    shared = [depth for depth in known[0] if all(depth in curve for curve in known)]
    return tuple((depth, round(sum(curve[depth] for curve in known) / len(known), 6)) for depth in shared)
