"""Query likelihood: how likely a document's smoothed model of words finds the query.

For a query term t with frequency c(t, q) in the query, tf in the document of L tokens, and p(t | C) the term's
frequency in the collection over the collection's tokens:

    Jelinek-Mercer  score = Σ c(t, q) ln(1 + (1 - λ) / λ × tf / (L × p(t | C)))
    Dirichlet       score = Σ c(t, q) ln(1 + tf / (μ × p(t | C))) + |q| ln(μ / (L + μ))

over terms that the document has; |q| counts query tokens that the collection has. Both differ from the logarithm of
the query's likelihood by what is the same for every document of a query (Zhai and Lafferty, TOIS 22(2), 2004, section
3). Computed in float64, the sum stored as float32. Lengths are exact.

Lucene's LMSimilarity adds 1 to both counts of p(t | C) and rounds lengths above 40; its Dirichlet adds the length's
part once for each term that matches, not for each of the query, and cuts at 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.base.loading import count_loading
from nirank.flow.pairs import choose_row_type
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.lexical.postings import FieldPostings
from nirank.lexical.scoring import as_constant, count_threads, join_results
from nirank.lexical.term_statistics import TermStatistics

_RANK_BITS = np.uint64(0xFFFFFFFF)

QueryTerms = Sequence[str] | Mapping[str, float]


@dataclass(frozen=True)
class Smoothing:
    """How a document's model is smoothed by the collection's.

    lam         Jelinek-Mercer's λ, the collection's share; None: Dirichlet
    mu          Dirichlet's μ, in tokens; None: Jelinek-Mercer
    candidates  p(t | C) is of the documents that the query may be given, not of the whole corpus
    """

    lam: float | None = None
    mu: float | None = None
    candidates: bool = False

    def weigh_terms(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what tf / L, or of Dirichlet tf, is multiplied by."""
        if self.mu is not None:
            return np.asarray(1 / (self.mu * p))
        assert self.lam is not None
        return np.asarray((1 - self.lam) / self.lam / p)


def search_by_likelihood(
    field: FieldPostings,
    statistics: TermStatistics,
    queries: Sequence[QueryTerms],
    scope: Scope,
    smoothing: Smoothing,
    k: int | None,
) -> Ranking:
    """Return the k likeliest documents that share a term with each query, in standard order.

    queries  tokens of each query, repeats counted, or weights by token
    cost     per query: its terms' postings that can matter; every core is used
    """
    searcher = _Searcher(field, statistics, queries, scope, smoothing, k)
    with count_loading():
        searcher.load()
    with ThreadPoolExecutor(count_threads()) as pool:
        results = list(pool.map(searcher.search, range(len(queries))))
    return join_results(results, scope, k)


class _Searcher:
    """Searches with `nirank.lexical.likelihood_kernels`, in several threads."""

    def __init__(
        self,
        field: FieldPostings,
        statistics: TermStatistics,
        queries: Sequence[QueryTerms],
        scope: Scope,
        smoothing: Smoothing,
        k: int | None,
    ) -> None:
        counts = [tokens if isinstance(tokens, Mapping) else Counter(tokens) for tokens in queries]
        rows = field.terms.find_rows([term for count in counts for term in count])
        weights = np.array([n for count in counts for n in count.values()], np.float64)
        known = (rows >= 0) & (weights > 0)
        owner = np.repeat(np.arange(len(queries)), [len(count) for count in counts])[known]
        self.terms, self.weights = rows[known], weights[known]
        self.bounds = np.searchsorted(owner, np.arange(len(queries) + 1))
        self.statistics, self.offsets, self.smoothing, self.scope = statistics, field.offsets, smoothing, scope
        self.k = len(scope.docs) if k is None else min(k, len(scope.docs))
        self.lengths = as_constant(statistics.lengths)
        self.postings = (as_constant(field.docs), as_constant(field.tfs), self.lengths)
        filled = self.lengths[self.lengths > 0]
        self.shortest = int(filled.min()) if len(filled) else 0
        self.tokens = field.tokens
        self.rank, self.order = as_constant(scope.docs.rank), scope.docs.order
        self.row_type = choose_row_type(len(scope.docs))
        self.thread = local()

    def load(self) -> None:
        """Search for nothing, so that numba compiles the loop, or reads it from its cache."""
        if len(self.scope.queries):
            self._search(self.scope.list_rows(0), np.empty(0, np.int64), np.empty(0))

    def search(self, query: int) -> tuple[NDArray[np.integer], NDArray[np.float32]]:
        """Return rows and scores of the query's k best documents, best first."""
        part = slice(*self.bounds[query : query + 2].tolist())
        return self._search(self.scope.list_rows(query), self.terms[part], self.weights[part])

    def _search(
        self, rows: NDArray[np.integer] | None, terms: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.integer], NDArray[np.float32]]:
        from nirank.lexical import likelihood_kernels as kernels

        rows = None if rows is None else as_constant(np.asarray(rows, np.int64))
        p = self._estimate_collection(rows, terms)
        terms, weights, p = terms[p > 0], weights[p > 0], p[p > 0]
        factors = self.smoothing.weigh_terms(p)
        peaks = self.statistics.shares if self.smoothing.mu is None else self.statistics.peaks
        bounds = weights * np.log1p(factors * peaks[terms].astype(np.float64))
        order = np.lexsort((terms, -bounds))
        terms, weights, factors, bounds = terms[order], weights[order], factors[order], bounds[order]
        clauses = (self.offsets[terms], self.offsets[terms + 1], weights, factors)
        length, mu = float(weights.sum()), float(self.smoothing.mu or 0)
        sums, candidates, _, bits, keys = self._get_buffers()
        if rows is not None:
            n = kernels.search_rows(*self.postings, *clauses, length, mu, self.rank, self.k, sums, keys, rows)
        else:
            parts = (*self.postings, *clauses, bounds, self.shortest, length, mu, self.rank, self.k)
            n = kernels.search_all(*parts, sums, candidates, bits, keys)
        best = np.sort(keys[:n])[::-1]
        return self.order[best & _RANK_BITS].astype(self.row_type), kernels.read_scores(best)

    def _estimate_collection(self, rows: NDArray[np.integer] | None, terms: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return p(t | C) of some terms; 0 where no candidate has one."""
        from nirank.lexical import likelihood_kernels as kernels

        if rows is None or not self.smoothing.candidates:
            return np.asarray(self.statistics.frequencies[terms] / max(self.tokens, 1), np.float64)
        counts = kernels.count_in_rows(*self.postings[:2], self.offsets[terms], self.offsets[terms + 1], rows)
        return np.asarray(counts / max(int(self.lengths[rows].sum()), 1), np.float64)

    def _get_buffers(self) -> tuple[NDArray[Any], ...]:
        """Return this thread's working memory."""
        from nirank.lexical.kernels import make_buffers

        if not hasattr(self.thread, "buffers"):
            self.thread.buffers = make_buffers(len(self.rank), self.k)
        buffers: tuple[NDArray[Any], ...] = self.thread.buffers
        return buffers
