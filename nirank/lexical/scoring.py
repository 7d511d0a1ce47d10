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

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nirank.lexical.postings import FieldPostings
from nirank.pairs import row_type
from nirank.ranking import Ranking, best_rows
from nirank.scope import Scope

F = np.float32

Query = Sequence[str] | Mapping[str, float]

_CHUNK_POSTINGS = 2_000_000  # scored at a time


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
    cost     per query: its postings, and n_docs for the accumulator
    """
    scorers = [_Scorer(fields[name], weight, queries, k1, b) for name, weight in weights.items() if weight > 0]
    rank = scope.docs.rank
    n_docs = len(scope.docs)
    rows: list[NDArray[np.integer]] = []
    scores: list[NDArray[np.float32]] = []
    for query in range(len(queries)):
        found: NDArray[np.integer]
        total = _score(scorers, query, n_docs)
        found = np.flatnonzero(total) if total is not None else np.empty(0, np.int64)
        allowed = scope.rows(query) if len(found) else None
        if total is not None and allowed is not None:
            found = allowed[total[allowed] > 0]
        values = np.empty(0, F) if total is None else total[found]
        best = best_rows(values, rank[found], k)
        rows.append(found[best].astype(row_type(n_docs)))
        scores.append(values[best])
    offsets = np.concatenate(([0], np.cumsum([len(one) for one in rows], dtype=np.int64)))
    depth = k if k is not None and k < n_docs else None
    return Ranking(
        scope.queries,
        scope.docs,
        offsets,
        np.concatenate(rows) if rows else np.empty(0, np.int32),
        np.concatenate(scores) if scores else np.empty(0, F),
        depth,
    )


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
        self.inv = inverse_norms(field, k1, b)[field.norms]

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
        rows = field.terms.rows(left)
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
    rows = field.terms.rows(words)
    qtf = np.array([n for one in counted for n in one.values()], F)
    known = rows >= 0
    terms = rows[known]
    df = (field.offsets[terms + 1] - field.offsets[terms]).astype(np.float64)
    idf = np.log(1 + (field.doc_count - df + 0.5) / (df + 0.5)).astype(F)
    owner = np.repeat(np.arange(len(queries)), lengths)[known]
    offsets = np.searchsorted(owner, np.arange(len(queries) + 1))
    return _Queries(offsets, terms, (F(weight) * qtf[known]) * idf)
