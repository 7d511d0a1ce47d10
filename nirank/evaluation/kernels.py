"""The arithmetic of ad hoc measures, over all queries at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nirank.errors import StageError
from nirank.evaluation.pool import Pool
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels

Values = NDArray[np.float64]


@dataclass(frozen=True)
class JudgedResults:
    """The judged results of a ranking; of the unjudged ones, ranks tell where they are.

    qrels     of n_queries queries
    query     (n,) query row of each judged result, ascending
    rank      (n,) from 1, in the ranking
    grade     (n,) int64
    returned  (n_queries,) documents returned, judged or not
    pool      what the documents are chosen from; None: it is not known
    """

    qrels: Qrels
    query: NDArray[np.int64]
    rank: NDArray[np.int64]
    grade: NDArray[np.int64]
    returned: NDArray[np.int64]
    pool: Pool | None = None

    @classmethod
    def join(cls, ranking: Pairs, qrels: Qrels, pool: Pool | None = None) -> JudgedResults:
        """Join a list with judgements; raise StageError unless both are over the same queries and documents."""
        if ranking.queries != qrels.queries or ranking.docs != qrels.docs:
            raise StageError("the ranking and the judgements are over different queries or documents")
        at, judgement = qrels.find_judged(ranking)
        query = ranking.get_query_rows(at)
        return cls(qrels, query, at - ranking.offsets[query] + 1, qrels.grades[judgement], ranking.counts, pool)

    @classmethod
    def build_ideal(cls, qrels: Qrels, reachable: NDArray[np.bool_]) -> JudgedResults:
        """Return the best ranking of the judgements that can be reached, (n_judgements,) bool: by grade."""
        reached = np.flatnonzero(reachable)
        order = reached[np.lexsort((-qrels.grades[reached], qrels.query_rows[reached]))]
        query = qrels.query_rows[order]
        returned = np.bincount(query, minlength=len(qrels.queries))
        return cls(qrels, query, rank_within_queries(query), qrels.grades[order], returned)

    def drop_unjudged(self) -> JudgedResults:
        """Return the same list without its unjudged documents (Sakai, SIGIR 2007)."""
        returned = np.bincount(self.query, minlength=self.n)
        return JudgedResults(self.qrels, self.query, rank_within_queries(self.query), self.grade, returned)

    @property
    def n(self) -> int:
        """Number of queries."""
        return len(self.qrels.queries)

    @cached_property
    def ideal_order(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Query, rank and grade of all judgements, best first."""
        order = np.lexsort((-self.qrels.grades, self.qrels.query_rows))
        query = self.qrels.query_rows[order]
        return query, rank_within_queries(query), self.qrels.grades[order]

    def sum_by_query(self, which: NDArray[np.bool_], weights: Values | None = None) -> Values:
        """Sum weights (1 each) over chosen results, by query, (n_queries,) float64."""
        return np.bincount(self.query[which], None if weights is None else weights[which], minlength=self.n).astype(
            np.float64
        )

    def count_returned(self, cutoff: int | None) -> NDArray[np.int64]:
        """Return how many documents were returned within the cut-off, (n_queries,)."""
        return self.returned if cutoff is None else np.minimum(self.returned, cutoff)

    def mask_within(self, cutoff: int | None) -> NDArray[np.bool_]:
        """Tell which judged results are within the cut-off."""
        return np.ones(len(self.rank), np.bool_) if cutoff is None else self.rank <= cutoff

    def mask_relevant(self, cutoff: int | None, rel: int) -> NDArray[np.bool_]:
        """Tell which judged results are relevant and within the cut-off."""
        return self.mask_within(cutoff) & (self.grade >= rel)

    def compute_ideal_dcg(self, cutoff: int | None, gain: Callable[[NDArray[np.int64]], Values]) -> Values:
        """Return each query's ideal DCG."""
        query, rank, grade = self.ideal_order
        inside = slice(None) if cutoff is None else rank <= cutoff
        gains = gain(grade[inside]) / discount(rank[inside])
        return np.bincount(query[inside], gains, minlength=self.n).astype(np.float64, copy=False)


def _r_precision(data: JudgedResults, cutoff: int | None, rel: int) -> Values:
    relevant = data.qrels.count_relevant(rel)
    return divide(data.sum_by_query(data.mask_relevant(None, rel) & (data.rank <= relevant[data.query])), relevant)


def _precision(data: JudgedResults, cutoff: int | None, rel: int) -> Values:
    assert cutoff is not None
    return data.sum_by_query(data.mask_relevant(cutoff, rel)) / cutoff


def _recall(data: JudgedResults, cutoff: int | None, rel: int) -> Values:
    return divide(data.sum_by_query(data.mask_relevant(cutoff, rel)), data.qrels.count_relevant(rel))


def _capped_recall(data: JudgedResults, cutoff: int | None, rel: int) -> Values:
    assert cutoff is not None
    return divide(
        data.sum_by_query(data.mask_relevant(cutoff, rel)), np.minimum(data.qrels.count_relevant(rel), cutoff)
    )


def _success(data: JudgedResults, cutoff: int | None, rel: int) -> Values:
    return (data.sum_by_query(data.mask_relevant(cutoff, rel)) > 0).astype(np.float64)


def _reciprocal_rank(data: JudgedResults, cutoff: int | None, rel: int) -> Values:
    hits = np.flatnonzero(data.mask_relevant(cutoff, rel))
    queries, first = np.unique(data.query[hits], return_index=True)
    values = np.zeros(data.n)
    values[queries] = 1 / data.rank[hits[first]]
    return values


def _average_precision(data: JudgedResults, cutoff: int | None, rel: int) -> Values:
    hits = data.mask_relevant(cutoff, rel)
    so_far = np.cumsum(hits)
    before = np.concatenate(([0], so_far))[np.searchsorted(data.query, data.query)]
    precision = (so_far - before) / data.rank
    return divide(data.sum_by_query(hits, precision), data.qrels.count_relevant(rel))


def _make_ndcg(gain: Callable[[NDArray[np.int64]], Values]) -> Callable[[JudgedResults, int | None, int], Values]:
    def kernel(data: JudgedResults, cutoff: int | None, rel: int) -> Values:
        inside = data.mask_within(cutoff)
        dcg = data.sum_by_query(inside, gain(data.grade) / discount(data.rank))
        return divide(dcg, data.compute_ideal_dcg(cutoff, gain))

    return kernel


def _judged(data: JudgedResults, cutoff: int | None, rel: int) -> Values:
    assert cutoff is not None
    return divide(data.sum_by_query(data.mask_within(cutoff)), data.count_returned(cutoff))


def linear_gain(grade: NDArray[np.int64]) -> Values:
    """Return grades as gains, those below 0 as 0."""
    return np.maximum(grade, 0).astype(np.float64)


def exponential_gain(grade: NDArray[np.int64]) -> Values:
    """Return 2^grade - 1, 0 for grades below 0 (Burges et al., ICML 2005)."""
    return np.exp2(np.maximum(grade, 0).astype(np.float64)) - 1


def discount(rank: NDArray[np.int64]) -> Values:
    """Return what gains at a rank are divided by (Järvelin and Kekäläinen, TOIS 2002, with log2(rank + 1))."""
    divisor: Values = np.log2(rank + 1)
    return divisor


def divide(above: Values, below: NDArray[np.floating] | NDArray[np.integer]) -> Values:
    """Divide, giving 0 where there is nothing to divide by."""
    divided: Values = np.divide(above, below, out=np.zeros(len(above)), where=below > 0)
    return divided


def rank_within_queries(query: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return positions from 1 within runs of equal query rows."""
    return np.arange(1, len(query) + 1) - np.searchsorted(query, query)


KERNELS: dict[str, Callable[[JudgedResults, int | None, int], Values]] = {
    "AP": _average_precision,
    "Judged": _judged,
    "P": _precision,
    "R": _recall,
    "RR": _reciprocal_rank,
    "Rprec": _r_precision,
    "Rcap": _capped_recall,
    "Success": _success,
    "nDCG": _make_ndcg(linear_gain),
    "nDCG_exp": _make_ndcg(exponential_gain),
}
