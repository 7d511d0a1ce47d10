"""The arithmetic of measures, over all queries at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nirank.errors import StageError
from nirank.qrels import Qrels
from nirank.ranking import Ranking

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """A ranking joined with judgements.

    qrels   of n_queries queries
    query   (n,) query row of each result, ascending
    rank    (n,) from 1
    judged  (n,) bool
    grade   (n,) int64, 0 where not judged
    """

    qrels: Qrels
    query: NDArray[np.int64]
    rank: NDArray[np.int64]
    judged: NDArray[np.bool_]
    grade: NDArray[np.int64]

    @classmethod
    def join(cls, ranking: Ranking, qrels: Qrels) -> Judged:
        """Join a ranking with judgements; raise StageError unless both are over the same queries and documents."""
        if ranking.queries != qrels.queries or ranking.docs != qrels.docs:
            raise StageError("the ranking and the judgements are over different queries or documents")
        judged, grade = qrels.lookup(ranking.query_rows, ranking.rows)
        return cls(qrels, ranking.query_rows, ranking.ranks, judged, grade)

    @classmethod
    def ideal(cls, qrels: Qrels, reachable: NDArray[np.bool_]) -> Judged:
        """Return the best ranking of the judgements that can be reached, (n_judgements,) bool: by grade."""
        here = np.flatnonzero(reachable)
        order = here[np.lexsort((-qrels.grades[here], qrels.query_rows[here]))]
        query = qrels.query_rows[order]
        return cls(qrels, query, _ranks(query), np.ones(len(order), np.bool_), qrels.grades[order])

    @property
    def n(self) -> int:
        """Number of queries."""
        return len(self.qrels.queries)

    @cached_property
    def returned(self) -> NDArray[np.int64]:
        """Documents returned to each query."""
        return np.bincount(self.query, minlength=self.n)

    @cached_property
    def _ideal_order(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Query, rank and grade of all judgements, best first."""
        order = np.lexsort((-self.qrels.grades, self.qrels.query_rows))
        query = self.qrels.query_rows[order]
        return query, _ranks(query), self.qrels.grades[order]

    def total(self, which: NDArray[np.bool_], weights: Values | None = None) -> Values:
        """Sum weights (1 each) over chosen results, by query, (n_queries,) float64."""
        return np.bincount(self.query[which], None if weights is None else weights[which], minlength=self.n).astype(
            np.float64
        )

    def upto(self, cutoff: int | None) -> NDArray[np.bool_]:
        """Tell which results are within the cut-off."""
        return np.ones(len(self.rank), np.bool_) if cutoff is None else self.rank <= cutoff

    def hits(self, cutoff: int | None, rel: int) -> NDArray[np.bool_]:
        """Tell which results are relevant and within the cut-off."""
        return self.upto(cutoff) & self.judged & (self.grade >= rel)

    def ideal_dcg(self, cutoff: int | None, gain: Callable[[NDArray[np.int64]], Values]) -> Values:
        """Return each query's ideal DCG."""
        query, rank, grade = self._ideal_order
        inside = slice(None) if cutoff is None else rank <= cutoff
        gains = _discounted(gain(grade[inside]), rank[inside])
        return np.bincount(query[inside], gains, minlength=self.n).astype(np.float64, copy=False)


def compute(family: str, data: Judged, cutoff: int | None, rel: int) -> Values:
    """Return a native measure of every query, (n_queries,) float64; see `measures` for definitions."""
    return _KERNELS[family](data, cutoff, rel)


def _precision(data: Judged, cutoff: int | None, rel: int) -> Values:
    assert cutoff is not None
    return data.total(data.hits(cutoff, rel)) / cutoff


def _recall(data: Judged, cutoff: int | None, rel: int) -> Values:
    return _divide(data.total(data.hits(cutoff, rel)), data.qrels.relevant(rel))


def _capped_recall(data: Judged, cutoff: int | None, rel: int) -> Values:
    assert cutoff is not None
    return _divide(data.total(data.hits(cutoff, rel)), np.minimum(data.qrels.relevant(rel), cutoff))


def _success(data: Judged, cutoff: int | None, rel: int) -> Values:
    return (data.total(data.hits(cutoff, rel)) > 0).astype(np.float64)


def _reciprocal_rank(data: Judged, cutoff: int | None, rel: int) -> Values:
    hits = np.flatnonzero(data.hits(cutoff, rel))
    queries, first = np.unique(data.query[hits], return_index=True)
    values = np.zeros(data.n)
    values[queries] = 1 / data.rank[hits[first]]
    return values


def _average_precision(data: Judged, cutoff: int | None, rel: int) -> Values:
    hits = data.hits(cutoff, rel)
    so_far = np.cumsum(hits)
    before = np.concatenate(([0], so_far))[np.searchsorted(data.query, data.query)]
    precision = (so_far - before) / np.maximum(data.rank, 1)
    return _divide(data.total(hits, precision), data.qrels.relevant(rel))


def _ndcg(gain: Callable[[NDArray[np.int64]], Values]) -> Callable[[Judged, int | None, int], Values]:
    def kernel(data: Judged, cutoff: int | None, rel: int) -> Values:
        inside = data.upto(cutoff) & data.judged
        dcg = data.total(inside, _discounted(gain(data.grade), data.rank))
        return _divide(dcg, data.ideal_dcg(cutoff, gain))

    return kernel


def _judged(data: Judged, cutoff: int | None, rel: int) -> Values:
    assert cutoff is not None
    return _divide(data.total(data.upto(cutoff) & data.judged), np.minimum(data.returned, cutoff))


def _linear(grade: NDArray[np.int64]) -> Values:
    return np.maximum(grade, 0).astype(np.float64)


def _exponential(grade: NDArray[np.int64]) -> Values:
    return np.exp2(np.maximum(grade, 0).astype(np.float64)) - 1


def _discounted(gains: Values, rank: NDArray[np.int64]) -> Values:
    discounted: Values = gains / np.log2(rank + 1)
    return discounted


def _divide(above: Values, below: NDArray[np.floating] | NDArray[np.integer]) -> Values:
    """Divide, giving 0 where there is nothing to divide by."""
    divided: Values = np.divide(above, below, out=np.zeros(len(above)), where=below > 0)
    return divided


def _ranks(query: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return positions from 1 within runs of equal query rows."""
    return np.arange(1, len(query) + 1) - np.searchsorted(query, query)


_KERNELS: dict[str, Callable[[Judged, int | None, int], Values]] = {
    "AP": _average_precision,
    "Judged": _judged,
    "P": _precision,
    "R": _recall,
    "RR": _reciprocal_rank,
    "Rcap": _capped_recall,
    "Success": _success,
    "nDCG": _ndcg(_linear),
    "nDCG_exp": _ndcg(_exponential),
}
