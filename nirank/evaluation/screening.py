"""The arithmetic of screening measures: how far down a list someone must read.

N is the size of a query's pool, R the number of its relevant documents there, L(j) the rank of the j-th of them.
Documents that a ranking leaves out stand behind it, the relevant ones last. Values are NaN for queries with R = 0:
they are left out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nirank.evaluation.kernels import JudgedResults, Values, divide, rank_within_queries
from nirank.flow.pairs import concatenate_ranges

STEPS = 101  # of an effort curve: 0 % to 100 %


def compute_effort_curve(data: JudgedResults, rel: int) -> Values:
    """Return the mean recall after reading 0 %, 1 %, … 100 % of the pool, rounded up to whole documents, (101,)."""
    query, step, relevant = _find_steps(data, rel)
    gains = np.bincount(step, 1 / relevant[query], minlength=STEPS)
    curve: Values = np.cumsum(gains) / max(int((relevant > 0).sum()), 1)
    return curve


def compute_topic_curves(data: JudgedResults, rel: int) -> Values:
    """Return each query's recall after reading 0 %, 1 %, … 100 % of its pool, (n_queries, 101)."""
    query, step, relevant = _find_steps(data, rel)
    gains = np.bincount(query * STEPS + step, minlength=data.n * STEPS).reshape(data.n, STEPS)
    curves: Values = np.cumsum(gains, axis=1) / np.maximum(relevant, 1)[:, None]
    return curves


def _find_steps(data: JudgedResults, rel: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the query of each relevant document, the per cent of the pool at which it is read, and each query's R."""
    hits, sizes, relevant = _count_relevant(data, rel)
    missing = relevant - np.bincount(data.query[hits], minlength=data.n)  # out of the ranking: at the pool's end
    query = np.concatenate((data.query[hits], np.repeat(np.arange(data.n), missing)))
    rank = np.concatenate((data.rank[hits], concatenate_ranges(sizes - missing + 1, missing)))
    return query, (rank - 1) * 100 // sizes[query] + 1, relevant


def find_undecided(data: JudgedResults, family: str, level: int | None, rel: int) -> NDArray[np.bool_]:
    """Tell for which queries a list ends before its measure is decided, (n_queries,): its value is a convention there.

    What a list leaves out counts as last, and for WSS as never found.
    """
    hits, sizes, relevant = _count_relevant(data, rel)
    n_found = data.sum_by_query(hits)
    if family in ("WSS", "TNR"):
        return n_found < -(-(level or 0) * relevant // 100)
    if family == "R%":
        return (n_found < relevant) & (data.returned < -(-(level or 0) * sizes // 100))
    if family == "ERF%":
        return (n_found < relevant) & (data.returned < (level or 0) * sizes // 100)
    return n_found < relevant


def _last_rel(data: JudgedResults, _: int | None, rel: int) -> Values:
    hits, sizes, relevant = _count_relevant(data, rel)
    last = _find_rank(data, hits, relevant)
    return _leave_out_empty(np.where(last > 0, last, sizes), relevant)


def _wss(data: JudgedResults, level: int | None, rel: int) -> Values:
    assert level is not None
    hits, sizes, relevant = _count_relevant(data, rel)
    rank = _find_rank(data, hits, -(-level * relevant // 100))
    saved = divide((sizes - rank).astype(np.float64), sizes) - (100 - level) / 100
    return _leave_out_empty(np.where(rank > 0, saved, 0.0), relevant)


def _recall_at_share(data: JudgedResults, level: int | None, rel: int) -> Values:
    assert level is not None
    hits, sizes, relevant = _count_relevant(data, rel)
    read = -(-level * sizes // 100)
    return _leave_out_empty(divide(data.sum_by_query(hits & (data.rank <= read[data.query])), relevant), relevant)


def _norm_area(data: JudgedResults, _: int | None, rel: int) -> Values:
    hits, sizes, relevant = _count_relevant(data, rel)
    area = data.sum_by_query(hits, (sizes[data.query] - data.rank).astype(np.float64) + 0.5)
    left_out = relevant - data.sum_by_query(hits)
    return _leave_out_empty(divide(area + left_out**2 / 2, relevant * sizes - relevant**2 / 2), relevant)


def _tnr(data: JudgedResults, level: int | None, rel: int) -> Values:
    assert level is not None
    hits, sizes, relevant = _count_relevant(data, rel)
    needed = -(-level * relevant // 100)
    rank = _find_rank(data, hits, needed)
    unread = (sizes - rank - (relevant - needed)).astype(np.float64)  # and not relevant
    return _leave_out_empty(np.where(rank > 0, divide(unread, sizes - relevant), 0.0), relevant)


def _erf_at_share(data: JudgedResults, level: int | None, rel: int) -> Values:
    assert level is not None
    hits, sizes, relevant = _count_relevant(data, rel)
    read = level * sizes // 100
    n_found = data.sum_by_query(hits & (data.rank <= read[data.query]))
    steps = divide(relevant.astype(np.float64), sizes - 1)
    expected = np.round(np.maximum(read - 1, 0) * steps)
    return _leave_out_empty(divide(n_found - expected, relevant), relevant)


def _atd(data: JudgedResults, _: int | None, rel: int) -> Values:
    ranks, relevant, _sizes = _sum_ranks(data, rel)
    return _leave_out_empty(divide(ranks, relevant), relevant)


def _loss(data: JudgedResults, _: int | None, rel: int) -> Values:
    ranks, relevant, sizes = _sum_ranks(data, rel)
    above = ranks - relevant * (relevant + 1) / 2
    return _leave_out_empty(divide(above, relevant * (sizes - relevant)), relevant)


def _sum_ranks(data: JudgedResults, rel: int) -> tuple[Values, NDArray[np.int64], NDArray[np.int64]]:
    """Return the sum of the ranks of a query's relevant documents, those left out standing last; R and N."""
    hits, sizes, relevant = _count_relevant(data, rel)
    left_out = relevant - np.bincount(data.query[hits], minlength=data.n)
    ranks = data.sum_by_query(hits, data.rank.astype(np.float64)) + left_out * (2 * sizes - left_out + 1) / 2
    return ranks, relevant, sizes


def _count_relevant(data: JudgedResults, rel: int) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Return which judged results are relevant, N and R."""
    assert data.pool is not None, "evaluate leaves these measures out where the pool is not known"
    in_pool = data.pool.judged & (data.qrels.grades >= rel)
    relevant = np.bincount(data.qrels.query_rows[in_pool], minlength=data.n)
    return data.mask_relevant(None, rel), data.pool.sizes, relevant


def _find_rank(data: JudgedResults, hits: NDArray[np.bool_], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rank of each query's wanted-th relevant document, 0 where the ranking has fewer."""
    query, rank = data.query[hits], data.rank[hits]
    at = np.flatnonzero(rank_within_queries(query) == wanted[query])
    ranks = np.zeros(data.n, np.int64)
    ranks[query[at]] = rank[at]
    return ranks


def _leave_out_empty(values: NDArray[np.float64] | NDArray[np.int64], relevant: NDArray[np.int64]) -> Values:
    return np.where(relevant > 0, values, np.nan)


KERNELS: dict[str, Callable[[JudgedResults, int | None, int], Values]] = {
    "ATD": _atd,
    "ERF%": _erf_at_share,
    "R%": _recall_at_share,
    "TNR": _tnr,
    "WSS": _wss,
    "last_rel": _last_rel,
    "loss": _loss,
    "norm_area": _norm_area,
}
