"""The formula of nirank.lexical.scoring, written down in numpy: every document, every posting, one query at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nirank.flow.ranking import Ranking, select_best
from nirank.flow.scope import Scope
from nirank.lexical.postings import LENGTHS, FieldPostings
from nirank.lexical.scoring import Query

F = np.float32


def search_by_formula(
    fields: Mapping[str, FieldPostings],
    weights: Mapping[str, float],
    queries: Sequence[Query],
    scope: Scope,
    *,
    k1: float,
    b: float,
    k: int | None,
) -> Ranking:
    n_docs = len(scope.docs)
    positive = {name: weight for name, weight in weights.items() if weight > 0}
    rows, scores = [], []
    for query, tokens in enumerate(queries):
        total = np.zeros(n_docs)
        for name, weight in positive.items():
            part = sum_terms(fields[name], weight, tokens, n_docs, k1, b)
            total += part if weight == 1.0 or len(positive) == 1 else part.astype(F)
        allowed = scope.list_rows(query)
        candidates = np.arange(n_docs) if allowed is None else allowed
        candidates = candidates[total.astype(F)[candidates] > 0]
        best = select_best(total.astype(F)[candidates], scope.docs.rank[candidates], k)
        rows.append(candidates[best])
        scores.append(total.astype(F)[candidates[best]])
    offsets = np.cumsum([0, *map(len, rows)])
    depth = k if k is not None and k < n_docs else None
    return Ranking(scope.queries, scope.docs, offsets, np.concatenate(rows), np.concatenate(scores), depth)


def sum_terms(
    field: FieldPostings, weight: float, tokens: Query, n_docs: int, k1: float, b: float
) -> NDArray[np.float64]:
    sums = np.zeros(n_docs)
    if not field.doc_count:
        return sums
    with np.errstate(divide="ignore"):
        lengths, average = LENGTHS[field.norms].astype(F), F(field.tokens / field.doc_count)
        inv = F(1) / (F(k1) * ((F(1) - F(b)) + F(b) * lengths / average))
    for term, qtf in (tokens if isinstance(tokens, Mapping) else Counter(tokens)).items():
        row = field.terms.find_row(term)
        if row < 0:
            continue
        at = slice(*field.offsets[row : row + 2].tolist())
        docs, tfs = field.docs[at], field.tfs[at]
        idf = F(np.log(1 + (field.doc_count - len(docs) + 0.5) / (len(docs) + 0.5)))
        w = (F(weight) * F(qtf)) * idf
        sums[docs] += w - w / (F(1) + tfs * inv[docs])
    return sums
