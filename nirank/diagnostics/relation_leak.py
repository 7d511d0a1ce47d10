"""D6, leak: pairs of which one text names the other document by its number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.collections.texts import Texts
from nirank.diagnostics.lists import JudgedLists, Part, average_part, measure_queries
from nirank.flow.ranking import Ranking

FindNames = Callable[[str], Iterable[str]]  # the identifiers that a text cites
Names = Sequence[frozenset[str]]  # each row's own identifiers


@dataclass(frozen=True)
class RelationLeak:
    """Relevant pairs whose texts name each other, and scores on these and on the others.

    pairs     relevant pairs with a document in the corpus
    forward   pairs whose query's text names the document; `backward`: whose document's text names the query
    either    pairs of one kind or both: share either / pairs
    named     the system's means over the queries with such pairs, as if their other relevant documents were not there
    others    the same the other way round
    """

    pairs: int
    forward: int
    backward: int
    either: int
    named: Part
    others: Part


def measure_leak(
    judged: JudgedLists, ranking: Ranking, find_names: FindNames, query_names: Names, doc_names: Names
) -> RelationLeak | str:
    """Measure which relevant pairs name each other; text says why that cannot be told.

    query_names, doc_names  of the two sides, by row; a row without a number has none
    """
    qrels = judged.qrels
    relevant = (qrels.grades >= qrels.min_rel) & (qrels.rows >= 0)
    queries, docs = qrels.query_rows[relevant], qrels.rows[relevant]
    if not any(doc_names[doc] for doc in docs.tolist()):
        return f"no relevant document of {judged.name} has a number that texts could name"
    cited_by_queries = _find_cited(judged.queries, queries, find_names)
    cited_by_docs = _find_cited(judged.docs, docs, find_names)
    pairs = list(zip(queries.tolist(), docs.tolist(), strict=True))
    forward = np.array([bool(doc_names[doc] & cited_by_queries[query]) for query, doc in pairs], np.bool_)
    backward = np.array([bool(query_names[query] & cited_by_docs[doc]) for query, doc in pairs], np.bool_)
    either = forward | backward
    is_named = np.zeros(len(qrels.rows), np.bool_)
    is_named[relevant] = either
    parts = (
        _measure_kind(judged, ranking, is_named, relevant & ~is_named, "pairs that are named"),
        _measure_kind(judged, ranking, relevant & ~is_named, is_named, "pairs that are not"),
    )
    return RelationLeak(len(pairs), int(forward.sum()), int(backward.sum()), int(either.sum()), *parts)


def _find_cited(texts: Texts, rows: NDArray[np.integer], find_names: FindNames) -> dict[int, frozenset[str]]:
    """Return what the text of each row cites."""
    distinct = np.unique(rows).astype(np.int64)
    read = texts.read(TextView(TITLE_AND_TEXT), distinct)
    return {row: frozenset(find_names(text)) for row, text in zip(distinct.tolist(), read, strict=True)}


def _measure_kind(
    judged: JudgedLists, ranking: Ranking, present: NDArray[np.bool_], absent: NDArray[np.bool_], name: str
) -> Part:
    """Return the means over the queries with judgements of one kind, as if the documents of the other were not there.

    present, absent  the judgements of both kinds, (n_judgements,)
    """
    qrels = judged.qrels
    gone = qrels.query_rows[absent] * max(len(ranking.docs), 1) + qrels.rows[absent]
    values = measure_queries(ranking.select(~np.isin(ranking.keys, gone)), qrels.select(~absent))
    return average_part(name, values, np.bincount(qrels.query_rows[present], minlength=len(ranking.queries)) > 0)
