"""What groups are drawn from: each query's positives and what is judged not relevant, and what evaluation shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts
from nirank.flow.qrels import Qrels
from nirank.flow.scope import Scope
from nirank.training.example_builders import add_equal_texts
from nirank.training.groups import Groups
from nirank.training.mining import KnownTexts, ListedPairs, list_non_matches, select_positives
from nirank.training.partners import Partners

Rows = NDArray[np.int64]


def make_groups(
    queries: Texts,
    docs: Texts,
    views: tuple[TextView, TextView],
    qrels: Qrels,
    candidates: Sequence[Scope],
    evaluated: Sequence[tuple[Texts, Scope]],
    params: Mapping[str, Any],
) -> Groups:
    """Return what the examples of judged queries are drawn from; queries that lack positives or negatives are left out.

    views       of queries and documents
    candidates  where candidates that nobody labelled are negatives: what each query may be given
    evaluated   documents and candidates of evaluated queries
    params      'grade', 'positives', 'negatives' and 'shared', as `TrainingSet` has them
    """
    q, d = select_positives(qrels, params.get("grade"), params.get("positives"))
    counts = {"judgements": len(qrels), "positives": len(q)}
    least = qrels.min_rel if params.get("grade") is None else min(int(params["grade"]), qrels.min_rel)
    known = np.column_stack(select_positives(qrels, least, None))
    listed = list_non_matches(qrels)
    if candidates:
        listed = _add_unlabelled(listed, qrels, reduce(and_, candidates))
    counts["judged not relevant"] = len(listed.rows)
    shared = _mark_shared(docs, evaluated)
    counts["documents that evaluated queries may be given too"] = len(
        np.unique(np.concatenate((d[shared[d]], listed.rows[shared[listed.rows]])))
    )
    has_text = np.asarray(docs.fingerprints)[d] != 0
    counts["removed: blank positives"] = int((~has_text).sum())
    if params.get("shared") == "drop":
        counts["removed: positives that evaluated queries may be given"] = int((has_text & shared[d]).sum())
        has_text &= ~shared[d]
        other = ~shared[listed.rows]
        listed = ListedPairs(listed.queries[other], listed.rows[other], listed.scores[other])
    q, d = q[has_text], d[has_text]
    pools = KnownTexts(queries, docs, known, Partners.of(queries, docs, known, None), counts).filter(listed, None)
    n_positives = np.bincount(q, minlength=len(queries))
    n_negatives = np.diff(pools.offsets)
    groups = np.flatnonzero((n_positives > 0) & (n_negatives > 0))
    counts["removed: queries without a positive or a negative"] = int(((n_positives > 0) & (n_negatives == 0)).sum())
    size = int(params["negatives"]["n"])
    counts["queries"] = len(groups)
    counts["queries with fewer negatives than are drawn"] = int((n_negatives[groups] < size).sum())
    inside = np.isin(q, groups)
    q, d = q[inside], d[inside]
    negatives = pools.rows[np.isin(np.repeat(np.arange(len(queries)), n_negatives), groups)]
    known = known[np.isin(known[:, 0], groups)]
    texts, query_at, doc_at = _read_texts(queries, docs, views, groups, np.concatenate((d, negatives, known[:, 1])))
    d_at, negatives_at, known_at = np.split(doc_at, np.cumsum((len(d), len(negatives))))
    return Groups(
        texts,
        query_at,
        np.searchsorted(q, np.append(groups, len(queries))).astype(np.int64),
        d_at,
        np.concatenate(([0], np.cumsum(n_negatives[groups]))).astype(np.int64),
        negatives_at,
        add_equal_texts(texts, query_at[np.searchsorted(groups, known[:, 0])], known_at),
        size,
        queries.ids.take(groups),
        docs.ids.take(d),
        counts,
    )


def _add_unlabelled(listed: ListedPairs, qrels: Qrels, scope: Scope) -> ListedPairs:
    """Return pairs that are judged not relevant, and candidates that nobody labelled, by query."""
    n_docs = len(scope.docs)
    rows = [scope.list_rows(query) for query in range(len(scope.queries))]
    found = [np.arange(n_docs) if part is None else np.asarray(part, np.int64) for part in rows]
    q = np.repeat(np.arange(len(found)), [len(part) for part in found])
    d = np.concatenate([np.zeros(0, np.int64), *found])
    is_labelled = np.isin(q * n_docs + d, qrels.query_rows * n_docs + qrels.rows)
    q, d = np.concatenate((listed.queries, q[~is_labelled])), np.concatenate((listed.rows, d[~is_labelled]))
    order = np.lexsort((d, q))
    return ListedPairs(q[order], d[order], np.zeros(len(q)))


def _mark_shared(docs: Texts, evaluated: Sequence[tuple[Texts, Scope]]) -> NDArray[np.bool_]:
    """Tell which documents, by id and text, evaluated queries may be given, (n_docs,)."""
    shared = np.zeros(len(docs), np.bool_)
    for others, scope in evaluated:
        parts = [scope.list_rows(query) for query in range(len(scope.queries))]
        given = np.unique(np.concatenate([np.zeros(0, np.int64), *(part for part in parts if part is not None)]))
        places = docs.ids.find_rows(others.ids.take_arrow(given))
        same = places >= 0
        same[same] = np.asarray(others.fingerprints)[given[same]] == np.asarray(docs.fingerprints)[places[same]]
        shared[places[same]] = True
    return shared


def _read_texts(
    queries: Texts, docs: Texts, views: tuple[TextView, TextView], query_rows: Rows, doc_rows: Rows
) -> tuple[pa.Array, Rows, Rows]:
    """Return the distinct texts, and the number of each query's and each document's."""
    distinct, back = np.unique(doc_rows, return_inverse=True)
    read = [*queries.read(views[0], query_rows), *docs.read(views[1], distinct)]
    encoded = pa.array(read, pa.large_string()).dictionary_encode()
    number = encoded.indices.to_numpy().astype(np.int64)
    return encoded.dictionary, number[: len(query_rows)], number[len(query_rows) :][back]
