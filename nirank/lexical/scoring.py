"""BM25 on arrays, equal to Lucene's in every bit of its float32 scores.

For one field, N documents with the field, average length avgdl, a query term with frequency
qtf in the query, df in the field, tf in the document of length L (through Lucene's norm byte):

    idf   = f32( ln(1 + (N - df + 0.5) / (df + 0.5)) )
    inv   = f32( 1 / (k1 * ((1 - b) + b * L / avgdl)) )
    w     = f32( f32(weight * qtf) * idf )          with k3: qtf * (k3 + 1) / (qtf + k3) for qtf, rounded to f32
    s     = f32( w - w / (1 + tf * inv) )
    score = f32( sum of s, in float64 )

This is Lucene's BM25Similarity (since version 8 without the factor k1 + 1). Several fields: each
field's sum is rounded to float32 before they are added in float64, but a field of weight exactly
1 is not, since Lucene's query rewriting dissolves it into its terms.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.base.loading import count_loading
from nirank.flow.ids import Ids
from nirank.flow.pairs import choose_row_type
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.lexical.postings import LENGTHS, FieldPostings

F = np.float32

_RANK_BITS = np.uint64(0xFFFFFFFF)
_BUFFER_BYTES = 1 << 20  # of the sums of a block, in each thread

Query = Sequence[str] | Mapping[str, float]


def search(
    fields: Mapping[str, FieldPostings],
    weights: Mapping[str, float],
    queries: Sequence[Query],
    scope: Scope,
    *,
    k1: float,
    b: float,
    k: int | None,
    k3: float | None = None,
) -> Ranking:
    """Return the k best documents that share a term with each query, in standard order.

    queries  tokens of each query, repeats counted, or weights by token; one without known tokens gets
             no documents
    k3       how slowly terms that a query repeats saturate; None: they do not, 0: presence only
    cost     per query: the postings that can matter; every core is used
    """
    clauses = [_look_up(fields[name], weight, queries, k1, b, k3) for name, weight in weights.items() if weight > 0]
    searcher = _Searcher(clauses, scope, k)
    with count_loading():
        searcher.load()
    with ThreadPoolExecutor(count_threads()) as pool:
        results = list(pool.map(searcher.search, range(len(queries))))
    return join_results(results, scope, k)


def join_results(
    results: Sequence[tuple[NDArray[np.integer], NDArray[np.float32]]], scope: Scope, k: int | None
) -> Ranking:
    """Return the ranking of which each query's rows and scores are given, best first."""
    return Ranking(
        scope.queries,
        scope.docs,
        np.cumsum([0, *(len(rows) for rows, _ in results)], dtype=np.int64),
        np.concatenate([rows for rows, _ in results]) if results else np.empty(0, np.int32),
        np.concatenate([scores for _, scores in results]) if results else np.empty(0, F),
        k if k is not None and k < len(scope.docs) else None,
    )


def count_threads() -> int:
    """Return how many queries are searched at a time: one a core, or in a worker one for each core of its share."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = os.environ.get("NUMBA_NUM_THREADS", "")
    return min(cores, int(share)) if share.isdecimal() and int(share) else cores


def estimate_buffers(n_docs: int) -> int:
    """Return the bytes that a search takes at most, its result aside: each document's rank, and keys in each thread."""
    return 8 * n_docs + count_threads() * (8 * n_docs + _BUFFER_BYTES)


@dataclass(frozen=True)
class _FieldClauses:
    """What one field has of all queries: query q owns terms[offsets[q]:offsets[q + 1]], the greatest weight first.

    inverses  (256,) `inv` of the module's formula by length byte
    most      the greatest that a document has
    bitmaps   row of each term's bits in the field's `Bitmaps`, -1 where it has none
    most_tfs  the greatest tf of each term, infinite if the index does not have it
    """

    field: FieldPostings
    weight: float
    inverses: NDArray[np.float32]
    most: np.float32
    offsets: NDArray[np.int64]
    terms: NDArray[np.int64]
    weights: NDArray[np.float32]
    bitmaps: NDArray[np.int64]
    most_tfs: NDArray[np.float32]


class _Searcher:
    """Searches with the loops of one field, several or candidates, in several threads."""

    def __init__(self, clauses: Sequence[_FieldClauses], scope: Scope, k: int | None) -> None:
        self.clauses, self.scope = clauses, scope
        self.k = len(scope.docs) if k is None else min(k, len(scope.docs))
        self.postings = tuple(
            tuple(as_constant(getattr(part.field, name)) for part in clauses) for name in ("docs", "tfs", "norms")
        )
        self.bitmaps = tuple(
            (as_constant(part.field.bitmaps.words), as_constant(part.field.bitmaps.preceding)) for part in clauses
        )
        self.inverses = tuple(as_constant(part.inverses) for part in clauses)
        self.unrounded = np.array([part.weight == 1.0 or len(clauses) == 1 for part in clauses])
        self.rank, self.order = as_constant(scope.docs.rank), scope.docs.order
        self.row_type = choose_row_type(len(scope.docs))
        self.thread = local()

    def load(self) -> None:
        """Search for nothing, so that numba compiles the loop, or reads it from its cache."""
        if len(self.scope.queries):
            nothing = np.empty(0, np.int64)
            self._search(self.scope.list_rows(0), nothing, nothing, nothing, np.empty(0, F), nothing, np.empty(0, F))

    def search(self, query: int) -> tuple[NDArray[np.integer], NDArray[np.float32]]:
        """Return rows and scores of the query's k best documents, best first."""
        return self._search(self.scope.list_rows(query), *self._list_clauses(query))

    def _search(
        self, rows: NDArray[np.integer] | None, fields: NDArray[Any], *clauses_and_aids: NDArray[Any]
    ) -> tuple[NDArray[np.integer], NDArray[np.float32]]:
        from nirank.lexical.candidate_kernels import search_rows
        from nirank.lexical.field_kernels import search_field
        from nirank.lexical.multifield_kernels import search_fields

        sums, *lists, keys = self._get_buffers()
        *clauses, bitmaps, most_tfs = clauses_and_aids
        all_fields = (*self.postings, self.inverses, self.unrounded, fields, *clauses, self.rank, self.k)
        if rows is not None:
            n = search_rows(*all_fields, sums, keys, as_constant(np.asarray(rows, np.int64)))
        elif len(self.clauses) > 1:
            n = search_fields(*all_fields, sums, keys)
        else:
            only = self.clauses[0]
            field = (*(arrays[0] for arrays in self.postings), self.inverses[0], only.most, *self.bitmaps[0])
            n = search_field(*field, *clauses, bitmaps, most_tfs, self.rank, self.k, sums, *lists, keys)
        best = np.sort(keys[:n])[::-1]
        return self.order[best & _RANK_BITS].astype(self.row_type), (best >> 32).astype(np.uint32).view(F)

    def _get_buffers(self) -> tuple[NDArray[Any], ...]:
        """Return this thread's working memory."""
        from nirank.lexical.kernels import make_buffers

        if not hasattr(self.thread, "buffers"):
            self.thread.buffers = make_buffers(len(self.rank), self.k)
        buffers: tuple[NDArray[Any], ...] = self.thread.buffers
        return buffers

    def _list_clauses(self, query: int) -> tuple[NDArray[Any], ...]:
        """Return fields, first postings, ends, weights, rows of bitmaps and most_tfs of a query's terms, by field."""
        parts = []
        for number, field_clauses in enumerate(self.clauses):
            part = slice(*field_clauses.offsets[query : query + 2].tolist())
            terms, offsets = field_clauses.terms[part], field_clauses.field.offsets
            columns = (
                column[part] for column in (field_clauses.weights, field_clauses.bitmaps, field_clauses.most_tfs)
            )
            parts.append((np.full(len(terms), number), offsets[terms], offsets[terms + 1], *columns))
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def as_constant(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array that cannot be written to, mapped or not: loops are compiled once for each kind of array."""
    constant = np.ascontiguousarray(array).view(np.ndarray)
    constant.setflags(write=False)
    return constant


def find_unknown_terms(vocabularies: Iterable[Ids], terms: Iterable[str]) -> set[str]:
    """Return the terms that no vocabulary has."""
    unknown = sorted(terms)
    for vocabulary in vocabularies:
        rows = vocabulary.find_rows(unknown)
        unknown = [term for term, row in zip(unknown, rows.tolist(), strict=True) if row < 0]
    return set(unknown)


def compute_inverse_norms(field: FieldPostings, k1: float, b: float) -> NDArray[np.float32]:
    """Return `inv` of the module's formula for each of the 256 norm bytes, in Lucene's float32 steps."""
    if not field.doc_count:
        return np.ones(256, F)
    average = F(field.tokens / field.doc_count)
    with np.errstate(divide="ignore"):  # k1 = 0: every inverse is infinite, and s is w
        inverse: NDArray[np.float32] = F(1) / (F(k1) * ((F(1) - F(b)) + F(b) * LENGTHS.astype(F) / average))
    return inverse


def _look_up(
    field: FieldPostings, weight: float, queries: Sequence[Query], k1: float, b: float, k3: float | None
) -> _FieldClauses:
    """Find the queries' terms in a field's vocabulary, all at once, and give them their weights."""
    counts = [tokens if isinstance(tokens, Mapping) else Counter(tokens) for tokens in queries]
    rows = field.terms.find_rows([term for count in counts for term in count])
    qtf = np.array([n for count in counts for n in count.values()], F)
    if k3 is not None:
        qtf = (qtf * (k3 + 1.0) / (qtf + np.float64(k3))).astype(F)
    query = np.repeat(np.arange(len(queries)), [len(count) for count in counts])
    known = rows >= 0
    query, terms, qtf = query[known], rows[known], qtf[known]
    df = field.count_documents(terms).astype(np.float64)
    idf = np.log(1 + (field.doc_count - df + 0.5) / (df + 0.5)).astype(F)
    weights = (F(weight) * qtf) * idf
    order = np.lexsort((-weights, query))
    offsets = np.searchsorted(query, np.arange(len(queries) + 1))
    terms, inverses = terms[order], compute_inverse_norms(field, k1, b)
    most = inverses[int(field.norms.min(initial=255)) :].max()
    known_tfs = field.most_tfs
    most_tfs = np.full(len(terms), np.inf, F) if known_tfs is None else np.asarray(known_tfs[terms], F)
    bitmaps = field.bitmaps.find_rows(terms)
    return _FieldClauses(field, weight, inverses, most, offsets, terms, weights[order], bitmaps, most_tfs)
