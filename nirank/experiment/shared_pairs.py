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

Rows = NDArray[np.int64]


class EvaluationSet(NamedTuple):
    """A collection of pairs that is evaluated; `held` are the query rows of a fold, None: all."""

    collection: Collection
    held: Rows | None


class SeenRecords(NamedTuple):
    """How many evaluated matches have one, or both, of their records in training pairs."""

    matches: int
    one: int
    both: int


def find_shared(collection: Collection, qrels: Qrels, own: EvaluationSet | None) -> NDArray[np.bool_]:
    """Tell which judged pairs are judged for the evaluated collection too, whatever the label, (n_judgements,) bool.

    Records are the same where id and text are: ids alone tell neither sides nor tables apart. The same tables may be
    evaluated with the other side asking.
    """
    width = len(collection.docs) + 1
    mine = qrels.query_rows * width + qrels.rows + 1
    shared = np.zeros(len(mine), np.bool_)
    if own is None:
        return shared
    for asked, found in _list_places(own.collection, collection, *_list_judged_rows(own)):
        there = (asked >= 0) & (found >= 0)
        shared |= np.isin(mine, asked[there] * width + found[there] + 1)
    return shared & (qrels.rows >= 0)


def count_pairs(collection: Collection, qrels: Qrels, which: NDArray[np.bool_]) -> int:
    """Count some judged pairs, (n_judgements,) bool; of one table each once, whatever its order."""
    return len(np.unique(encode_pairs(collection, qrels.query_rows[which], qrels.rows[which])))


def name_pairs(collection: Collection, qrels: Qrels) -> frozenset[str]:
    """Return the judged pairs by their ids, 'query – document'; of one table the lesser id comes first."""
    known = qrels.rows >= 0
    queries, docs = collection.queries.ids.take(qrels.query_rows[known]), collection.docs.ids.take(qrels.rows[known])
    pairs: Iterable[tuple[str, ...]] = zip(queries, docs, strict=True)
    if collection.self_match == "id":
        pairs = (tuple(sorted(pair)) for pair in pairs)
    return frozenset(" – ".join(pair) for pair in pairs)


def count_seen(collection: Collection, qrels: Qrels, own: EvaluationSet) -> SeenRecords:
    """Count the evaluated matches, of the first set, whose records are in a training pair, whatever its label."""
    judged = next(iter(own.collection.qrels.values()), None)
    if judged is None:
        return SeenRecords(0, 0, 0)
    matches = encode_matches(own.collection, judged)
    queries, docs = decode_pairs(own.collection, matches)
    if own.held is not None:
        there = np.isin(queries, own.held) | ((own.collection.relation == "self") & np.isin(docs, own.held))
        queries, docs = queries[there], docs[there]
    known = qrels.rows >= 0
    trained_queries = np.unique(qrels.query_rows[known])
    trained_docs = np.unique(qrels.rows[known])
    seen = np.zeros(len(queries), np.int64)
    for rows, texts in ((queries, own.collection.queries), (docs, own.collection.docs)):
        asked, found = (_find_records(texts, side, rows) for side in (collection.queries, collection.docs))
        seen += np.isin(asked, trained_queries) | np.isin(found, trained_docs)
    return SeenRecords(len(queries), int((seen == 1).sum()), int((seen == 2).sum()))


def _list_judged_rows(own: EvaluationSet) -> tuple[Rows, Rows]:
    """Return the query and document rows of all evaluated pairs."""
    collection, held = own
    known = [(one.query_rows[one.rows >= 0], one.rows[one.rows >= 0]) for one in collection.qrels.values()]
    nothing = np.zeros(0, np.int64)
    queries, docs = (np.concatenate([nothing, *(pair[side] for pair in known)]) for side in (0, 1))
    there = np.ones(len(queries), np.bool_) if held is None else np.isin(queries, held)
    return queries[there], docs[there]


def _list_places(other: Collection, here: Collection, queries: Rows, docs: Rows) -> Iterator[tuple[Rows, Rows]]:
    """Yield the places of another collection's pairs here as query and document, as they stand and turned round."""
    yield _find_records(other.queries, here.queries, queries), _find_records(other.docs, here.docs, docs)
    yield _find_records(other.docs, here.queries, docs), _find_records(other.queries, here.docs, queries)


def _find_records(texts: Texts, among: Texts, rows: Rows) -> Rows:
    """Return where records stand among others, -1 where none has the same id and text."""
    distinct, back = np.unique(rows, return_inverse=True)
    found = among.ids.find_rows(texts.ids.take_arrow(distinct))
    there = found >= 0
    there[there] = np.asarray(texts.fingerprints)[distinct[there]] == np.asarray(among.fingerprints)[found[there]]
    places: Rows = np.where(there, found, -1)[back]
    return places
