"""What training shares with evaluation where pairs of records are judged: pairs, and the records of pairs.

The published splits are over pairs, so most records that are evaluated occur in training pairs too. A leak is a pair.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirank.collections.audit.record_pairs import decode_pairs, encode_matches, encode_pairs
from nirank.collections.collection import Collection
from nirank.collections.texts import Texts
from nirank.flow.qrels import Qrels
from nirank.results.row_training import SeenRecords

Rows = NDArray[np.int64]


class EvaluationSet(NamedTuple):
    """A collection of pairs that is evaluated; `held_out` are the query rows of a fold, None: all."""

    collection: Collection
    held_out: Rows | None


def find_shared(collection: Collection, qrels: Qrels, evaluated: EvaluationSet | None) -> NDArray[np.bool_]:
    """Tell which judged pairs are judged for the evaluated collection too, whatever the label, (n_judgements,) bool.

    Records are the same where id and text are: ids alone tell neither sides nor tables apart. The same tables may be
    evaluated with the other side asking.
    """
    width = len(collection.docs) + 1
    pairs = qrels.query_rows * width + qrels.rows + 1
    shared = np.zeros(len(pairs), np.bool_)
    if evaluated is None:
        return shared
    for query_places, doc_places in _list_places(evaluated.collection, collection, *_list_judged_rows(evaluated)):
        both = (query_places >= 0) & (doc_places >= 0)
        shared |= np.isin(pairs, query_places[both] * width + doc_places[both] + 1)
    return shared & (qrels.rows >= 0)


def count_pairs(collection: Collection, qrels: Qrels, which: NDArray[np.bool_]) -> int:
    """Count some judged pairs, (n_judgements,) bool; of one table each once, whatever its order."""
    return len(np.unique(encode_pairs(collection, qrels.query_rows[which], qrels.rows[which])))


def name_pairs(collection: Collection, qrels: Qrels) -> frozenset[str]:
    """Return the judged pairs by their ids, 'query – document'; of one table the lesser id comes first."""
    judged = qrels.rows >= 0
    queries, docs = collection.queries.ids.take(qrels.query_rows[judged]), collection.docs.ids.take(qrels.rows[judged])
    pairs: Iterable[tuple[str, ...]] = zip(queries, docs, strict=True)
    if collection.self_match == "id":
        pairs = (tuple(sorted(pair)) for pair in pairs)
    return frozenset(" – ".join(pair) for pair in pairs)


def count_seen(collection: Collection, qrels: Qrels, evaluated: EvaluationSet) -> SeenRecords:
    """Count the evaluated matches, of the first set, whose records are in a training pair, whatever its label."""
    qrels_evaluated = next(iter(evaluated.collection.qrels.values()), None)
    if qrels_evaluated is None:
        return SeenRecords(0, 0, 0)
    tables, held_out = evaluated
    queries, docs = decode_pairs(tables, encode_matches(tables, qrels_evaluated))
    if held_out is not None:
        in_fold = np.isin(queries, held_out) | ((tables.relation == "self") & np.isin(docs, held_out))
        queries, docs = queries[in_fold], docs[in_fold]
    judged = qrels.rows >= 0
    trained_queries, trained_docs = np.unique(qrels.query_rows[judged]), np.unique(qrels.rows[judged])
    seen = np.zeros(len(queries), np.int64)
    for rows, texts in ((queries, tables.queries), (docs, tables.docs)):
        as_queries, as_docs = (_find_records(texts, side, rows) for side in (collection.queries, collection.docs))
        seen += np.isin(as_queries, trained_queries) | np.isin(as_docs, trained_docs)
    return SeenRecords(len(queries), int((seen == 1).sum()), int((seen == 2).sum()))


def _list_judged_rows(evaluated: EvaluationSet) -> tuple[Rows, Rows]:
    """Return the query and document rows of all evaluated pairs."""
    collection, held_out = evaluated
    pairs = [(qrels.query_rows[qrels.rows >= 0], qrels.rows[qrels.rows >= 0]) for qrels in collection.qrels.values()]
    nothing = np.zeros(0, np.int64)
    queries, docs = (np.concatenate([nothing, *(pair[side] for pair in pairs)]) for side in (0, 1))
    in_fold = np.ones(len(queries), np.bool_) if held_out is None else np.isin(queries, held_out)
    return queries[in_fold], docs[in_fold]


def _list_places(source: Collection, target: Collection, queries: Rows, docs: Rows) -> Iterator[tuple[Rows, Rows]]:
    """Yield the places of a collection's pairs in another as query and document, as they stand and turned round."""
    yield _find_records(source.queries, target.queries, queries), _find_records(source.docs, target.docs, docs)
    yield _find_records(source.docs, target.queries, docs), _find_records(source.queries, target.docs, queries)


def _find_records(texts: Texts, among: Texts, rows: Rows) -> Rows:
    """Return where records stand among others, -1 where none has the same id and text."""
    distinct, back = np.unique(rows, return_inverse=True)
    places = among.ids.find_rows(texts.ids.take_arrow(distinct))
    same = places >= 0
    same[same] = np.asarray(texts.fingerprints)[distinct[same]] == np.asarray(among.fingerprints)[places[same]]
    records: Rows = np.where(same, places, -1)[back]
    return records
