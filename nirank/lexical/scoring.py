"""BM25 on arrays, equal to Lucene's in every bit of its float32 scores.

For one field, N documents with the field, average length avgdl, a query term with frequency
qtf in the query, df in the field, tf in the document of length L (through Lucene's norm byte):

    idf   = f32( ln(1 + (N - df + 0.5) / (df + 0.5)) )
    inv   = f32( 1 / (k1 * ((1 - b) + b * L / avgdl)) )
    w     = f32( f32(weight * qtf) * idf )
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
from functools import cached_property
from threading import local

import numpy as np
from numpy.typing import NDArray

from nirank.base.loading import count_loading
from nirank.flow.pairs import choose_row_type
from nirank.flow.ranking import Ranking, select_best
from nirank.flow.scope import Scope
from nirank.lexical.postings import FieldPostings

F = np.float32

Query = Sequence[str] | Mapping[str, float]

Found = tuple[NDArray[np.integer], NDArray[np.float32]]  # rows and scores, best first

_CHUNK_POSTINGS = 2_000_000  # scored at a time
CHUNK_BYTES = 28 * _CHUNK_POSTINGS  # that they take
_COMPILED_FROM = 50_000_000  # postings and accumulators from which loading the compiler pays


@dataclass(frozen=True)
class _Queries:
    """The queries' terms that one field knows: query q owns terms[offsets[q]:offsets[q + 1]]."""

    offsets: NDArray[np.int64]
    terms: NDArray[np.int64]
    weights: NDArray[np.float32]


def search(
    fields: Mapping[str, FieldPostings],
    weights: Mapping[str, float],
    queries: Sequence[Query],
    scope: Scope,
    *,
    k1: float,
    b: float,
    k: int | None,
) -> Ranking:
    """Return the k best documents that share a term with each query, in standard order.

    queries  tokens of each query, repeats counted, or weights by token; one without known tokens gets
             no documents
    cost     per query: its postings, and n_docs for the accumulator; long work
             is compiled, skips postings that cannot matter, and runs on every core. Results are the same.
    """
    scorers = [_Scorer(fields[name], weight, queries, k1, b) for name, weight in weights.items() if weight > 0]
    n_docs = len(scope.docs)
    work = sum(one.postings for one in scorers) + len(queries) * n_docs
    one = _Compiled(scorers, scope, k) if work >= _COMPILED_FROM else _Plain(scorers, scope, k)
    with ThreadPoolExecutor(one.threads) as pool:
        found = list(pool.map(one.search, range(len(queries))))
    depth = k if k is not None and k < n_docs else None
    return Ranking(
        scope.queries,
        scope.docs,
        np.cumsum([0, *(len(rows) for rows, _ in found)], dtype=np.int64),
        np.concatenate([rows for rows, _ in found]) if found else np.empty(0, np.int32),
        np.concatenate([scores for _, scores in found]) if found else np.empty(0, F),
        depth,
    )


class _Plain:
    """Scores with numpy, one query at a time."""

    threads = 1

    def __init__(self, scorers: Sequence[_Scorer], scope: Scope, k: int | None) -> None:
        self.scorers, self.scope, self.k = scorers, scope, k

    def search(self, query: int) -> Found:
        n_docs = len(self.scope.docs)
        total = _score(self.scorers, query, n_docs)
        if total is None:
            return np.empty(0, choose_row_type(n_docs)), np.empty(0, F)
        rows: NDArray[np.integer] = np.flatnonzero(total)
        allowed = self.scope.list_rows(query) if len(rows) else None
        if allowed is not None:
            rows = allowed[total[allowed] > 0]
        best = select_best(total[rows], self.scope.docs.rank[rows], self.k)
        return rows[best].astype(choose_row_type(n_docs)), total[rows[best]]


class _Compiled:
    """Scores with `nirank.lexical.compiled`, several queries at a time."""

    def __init__(self, scorers: Sequence[_Scorer], scope: Scope, k: int | None) -> None:
        self.scorers, self.scope = scorers, scope
        self.k = len(scope.docs) if k is None else min(k, len(scope.docs))
        self.fields = tuple(
            tuple(np.ascontiguousarray(getattr(one.field, name)) for one in scorers)
            for name in ("docs", "tfs", "norms")
        )
        self.inverses = tuple(one.inverses for one in scorers)
        self.whole = np.array([one.weight == 1.0 or len(scorers) == 1 for one in scorers])
        self.rank = scope.docs.rank
        self.of_thread = local()
        self.threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def search(self, query: int) -> Found:
        with count_loading():
            from nirank.lexical import compiled

        listed = self.scope.list_rows(query)
        fields, *clauses = self._clauses(query)
        docs, tfs, norms = self.fields
        ids = (self.rank, self.scope.docs.order, self.k)
        if listed is None and len(docs) == 1:
            found = compiled.search_field(docs[0], tfs[0], norms[0], self.inverses[0], *clauses, *ids, *self.scratch)
        elif listed is None:
            found = compiled.search_fields(docs, tfs, norms, self.inverses, self.whole, fields, *clauses, *ids)
        else:
            found = compiled.search_listed(docs, tfs, norms, self.inverses, self.whole, fields, *clauses, *ids, listed)
        return found[0].astype(choose_row_type(len(self.rank))), found[1]

    @property
    def scratch(self) -> tuple[NDArray[np.generic], ...]:
        """Return this thread's working memory."""
        from nirank.lexical import compiled

        found: tuple[NDArray[np.generic], ...] | None = getattr(self.of_thread, "scratch", None)
        if found is None:
            found = self.of_thread.scratch = compiled.scratch(len(self.rank), self.k)
        return found

    def _clauses(self, query: int) -> tuple[NDArray[np.generic], ...]:
        """Return fields, starts, ends and weights of a query's terms: by field, the greatest weight first."""
        parts = []
        for at, one in enumerate(self.scorers):
            some = slice(*one.queries.offsets[query : query + 2].tolist())
            terms, weights = one.queries.terms[some], one.queries.weights[some]
            order = np.argsort(-weights, kind="stable")
            offsets, terms = one.field.offsets, terms[order]
            parts.append((np.full(len(terms), at), offsets[terms], offsets[terms + 1], weights[order]))
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _score(scorers: Sequence[_Scorer], query: int, n_docs: int) -> NDArray[np.float32] | None:
    """Return one query's score of every document, 0 where no term is shared; None if no term is known."""
    total: NDArray[np.float64] | None = None
    for scorer in scorers:
        part = scorer.sums(query, n_docs)
        if part is None:
            continue
        if scorer.weight != 1.0:
            part = part.astype(F).astype(np.float64)
        total = part if total is None else total + part
    return None if total is None else total.astype(F)


class _Scorer:
    """Scores one field."""

    def __init__(self, field: FieldPostings, weight: float, queries: Sequence[Query], k1: float, b: float) -> None:
        self.field, self.weight = field, weight
        self.queries = _look_up(field, weight, queries)
        self.inverses = inverse_norms(field, k1, b)

    @cached_property
    def inv(self) -> NDArray[np.float32]:
        """`inv` of the module's formula for every document."""
        return self.inverses[self.field.norms]

    @property
    def postings(self) -> int:
        """How many postings all queries touch."""
        offsets, terms = self.field.offsets, self.queries.terms
        return int((offsets[terms + 1] - offsets[terms]).sum())

    def sums(self, query: int, n_docs: int) -> NDArray[np.float64] | None:
        """Return the float64 sums of a query's term scores, (n_docs,); None if the field knows no term."""
        start, end = self.queries.offsets[query : query + 2]
        if start == end:
            return None
        offsets = self.field.offsets
        terms = self.queries.terms[start:end]
        lengths = offsets[terms + 1] - offsets[terms]
        # Whole documents as queries touch most of the index; memory is one chunk of postings.
        chunk = np.cumsum(lengths) // _CHUNK_POSTINGS
        cuts = np.flatnonzero(np.diff(chunk)) + 1
        total: NDArray[np.float64] | None = None
        for some, weights in zip(np.split(terms, cuts), np.split(self.queries.weights[start:end], cuts), strict=True):
            spans = list(zip(offsets[some].tolist(), offsets[some + 1].tolist(), strict=True))
            docs = np.concatenate([self.field.docs[a:z] for a, z in spans])
            tfs = np.concatenate([self.field.tfs[a:z] for a, z in spans])
            w = np.repeat(weights, offsets[some + 1] - offsets[some])
            parts = w - w / (F(1) + tfs * self.inv[docs])
            sums = np.bincount(docs, weights=parts, minlength=n_docs).astype(np.float64, copy=False)
            total = sums if total is None else np.add(total, sums, out=total)
        return total


def unknown_terms(fields: Mapping[str, FieldPostings], terms: Iterable[str]) -> set[str]:
    """Return the terms that no field knows."""
    left = sorted(terms)
    for field in fields.values():
        rows = field.terms.find_rows(left)
        left = [term for term, row in zip(left, rows.tolist(), strict=True) if row < 0]
    return set(left)


def inverse_norms(field: FieldPostings, k1: float, b: float) -> NDArray[np.float32]:
    """Return `inv` of the module's formula for each of the 256 norm bytes, in Lucene's float32 steps."""
    from nirank.lexical.postings import LENGTHS

    if not field.doc_count:
        return np.ones(256, F)
    average = F(field.tokens / field.doc_count)
    with np.errstate(divide="ignore"):  # k1 = 0: every inverse is infinite, and s is w
        inverse: NDArray[np.float32] = F(1) / (F(k1) * ((F(1) - F(b)) + F(b) * LENGTHS.astype(F) / average))
    return inverse


def _look_up(field: FieldPostings, weight: float, queries: Sequence[Query]) -> _Queries:
    """Find the queries' terms in the vocabulary, all at once, and give them their weights."""
    counted = [tokens if isinstance(tokens, Mapping) else Counter(tokens) for tokens in queries]
    lengths = np.array([len(one) for one in counted], np.int64)
    words = [word for one in counted for word in one]
    rows = field.terms.find_rows(words)
    qtf = np.array([n for one in counted for n in one.values()], F)
    known = rows >= 0
    terms = rows[known]
    df = (field.offsets[terms + 1] - field.offsets[terms]).astype(np.float64)
    idf = np.log(1 + (field.doc_count - df + 0.5) / (df + 0.5)).astype(F)
    owner = np.repeat(np.arange(len(queries)), lengths)[known]
    offsets = np.searchsorted(owner, np.arange(len(queries) + 1))
    return _Queries(offsets, terms, (F(weight) * qtf[known]) * idf)
