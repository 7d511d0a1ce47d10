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
class Judged:
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
    def join(cls, ranking: Pairs, qrels: Qrels, pool: Pool | None = None) -> Judged:
        """Join a list with judgements; raise StageError unless both are over the same queries and documents."""
        if ranking.queries != qrels.queries or ranking.docs != qrels.docs:
            raise StageError("the ranking and the judgements are over different queries or documents")
        at, judgement = qrels.find_judged(ranking)
        query = ranking.get_query_rows(at)
        return cls(qrels, query, at - ranking.offsets[query] + 1, qrels.grades[judgement], ranking.counts, pool)

    @classmethod
    def ideal(cls, qrels: Qrels, reachable: NDArray[np.bool_]) -> Judged:
        """Return the best ranking of the judgements that can be reached, (n_judgements,) bool: by grade."""
        here = np.flatnonzero(reachable)
        order = here[np.lexsort((-qrels.grades[here], qrels.query_rows[here]))]
        query = qrels.query_rows[order]
        returned = np.bincount(query, minlength=len(qrels.queries))
        return cls(qrels, query, ranks_within(query), qrels.grades[order], returned)

    def condensed(self) -> Judged:
        """Return the same list without its unjudged documents (Sakai, SIGIR 2007)."""
        returned = np.bincount(self.query, minlength=self.n)
        return Judged(self.qrels, self.query, ranks_within(self.query), self.grade, returned)

    @property
    def n(self) -> int:
        """Number of queries."""
        return len(self.qrels.queries)

    @cached_property
    def _ideal_order(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Query, rank and grade of all judgements, best first."""
        order = np.lexsort((-self.qrels.grades, self.qrels.query_rows))
        query = self.qrels.query_rows[order]
        return query, ranks_within(query), self.qrels.grades[order]

    def total(self, which: NDArray[np.bool_], weights: Values | None = None) -> Values:
        """Sum weights (1 each) over chosen results, by query, (n_queries,) float64."""
        return np.bincount(self.query[which], None if weights is None else weights[which], minlength=self.n).astype(
            np.float64
        )

    def depths(self, cutoff: int | None) -> NDArray[np.int64]:
        """Return how many documents were returned within the cut-off, (n_queries,)."""
        return self.returned if cutoff is None else np.minimum(self.returned, cutoff)

    def upto(self, cutoff: int | None) -> NDArray[np.bool_]:
        """Tell which judged results are within the cut-off."""
        return np.ones(len(self.rank), np.bool_) if cutoff is None else self.rank <= cutoff

    def hits(self, cutoff: int | None, rel: int) -> NDArray[np.bool_]:
        """Tell which judged results are relevant and within the cut-off."""
        return self.upto(cutoff) & (self.grade >= rel)

    def ideal_dcg(self, cutoff: int | None, gain: Callable[[NDArray[np.int64]], Values]) -> Values:
        """Return each query's ideal DCG."""
        query, rank, grade = self._ideal_order
        inside = slice(None) if cutoff is None else rank <= cutoff
        gains = gain(grade[inside]) / discount(rank[inside])
        return np.bincount(query[inside], gains, minlength=self.n).astype(np.float64, copy=False)


def _r_precision(data: Judged, cutoff: int | None, rel: int) -> Values:
    relevant = data.qrels.count_relevant(rel)
    return divide(data.total(data.hits(None, rel) & (data.rank <= relevant[data.query])), relevant)


def _precision(data: Judged, cutoff: int | None, rel: int) -> Values:
    assert cutoff is not None
    return data.total(data.hits(cutoff, rel)) / cutoff


def _recall(data: Judged, cutoff: int | None, rel: int) -> Values:
    return divide(data.total(data.hits(cutoff, rel)), data.qrels.count_relevant(rel))


def _capped_recall(data: Judged, cutoff: int | None, rel: int) -> Values:
    assert cutoff is not None
    return divide(data.total(data.hits(cutoff, rel)), np.minimum(data.qrels.count_relevant(rel), cutoff))


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
    precision = (so_far - before) / data.rank
    return divide(data.total(hits, precision), data.qrels.count_relevant(rel))


def _ndcg(gain: Callable[[NDArray[np.int64]], Values]) -> Callable[[Judged, int | None, int], Values]:
    def kernel(data: Judged, cutoff: int | None, rel: int) -> Values:
        inside = data.upto(cutoff)
        dcg = data.total(inside, gain(data.grade) / discount(data.rank))
        return divide(dcg, data.ideal_dcg(cutoff, gain))

    return kernel


def _judged(data: Judged, cutoff: int | None, rel: int) -> Values:
    assert cutoff is not None
    return divide(data.total(data.upto(cutoff)), data.depths(cutoff))


def linear(grade: NDArray[np.int64]) -> Values:
    """Return grades as gains, those below 0 as 0."""
    return np.maximum(grade, 0).astype(np.float64)


def exponential(grade: NDArray[np.int64]) -> Values:
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


def ranks_within(query: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return positions from 1 within runs of equal query rows."""
    return np.arange(1, len(query) + 1) - np.searchsorted(query, query)


KERNELS: dict[str, Callable[[Judged, int | None, int], Values]] = {
    "AP": _average_precision,
    "Judged": _judged,
    "P": _precision,
    "R": _recall,
    "RR": _reciprocal_rank,
    "Rprec": _r_precision,
    "Rcap": _capped_recall,
    "Success": _success,
    "nDCG": _ndcg(linear),
    "nDCG_exp": _ndcg(exponential),
}
