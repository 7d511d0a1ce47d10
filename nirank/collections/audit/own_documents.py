"""Queries that are documents of the corpus."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nirank.collections.collection_data import CollectionData
from nirank.collections.findings import MAX_EXAMPLES, Finding
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts, hash_text
from nirank.flow.qrels import Qrels

_MIN_SHARE = 0.01  # of the queries: fewer coincidences, with a year or a number of pages, are no reason for a rule
_BLOCK = 1 << 18  # documents whose texts are compared at a time


def audit_own_documents(collection: CollectionData) -> Iterator[Finding]:
    """Suggest a self-match rule where queries are documents, or tell what the given rule misses and takes out.

    A query is a document that it names if its text is that of the document, with the title or without, or the title.
    """
    if not len(collection.docs) or not len(collection.queries):
        return
    if collection.self_match != "keep":
        yield from _audit_rule(collection)
        return
    matches = {rule: _select_same_text(collection, rows) for rule, rows in _iterate_namings(collection)}
    query_rows, doc_rows = max(matches.values(), key=lambda rows: len(rows[0]))
    if len(query_rows) >= max(1, _MIN_SHARE * len(collection.queries)):
        best_rules = (rule for rule, (rows, _) in matches.items() if len(rows) == len(query_rows))
        yield from _advise_rule(collection, " or ".join(best_rules), query_rows, doc_rows)
    else:
        query_rows, _ = matches["id"]
        if len(query_rows):
            description = f"{len(query_rows):,} of {len(collection.queries):,} queries are documents of the corpus"
            yield Finding("self-match", "note", len(query_rows), f"{description}, same id and text; too few to matter")
    for qrels in collection.qrels.values():
        yield from _audit_self_pairs(collection, qrels, *matches["id"])
    copied = np.setdiff1d(_find_copied_queries(collection), query_rows)
    if len(copied):
        message = f"{len(copied):,} queries have the text of a document under another id"
        examples = tuple(collection.queries.ids.take(copied[:MAX_EXAMPLES]))
        yield Finding("query-is-a-text", "note", len(copied), message, examples)


def _audit_rule(collection: CollectionData) -> Iterator[Finding]:
    own_documents = collection.find_own_documents()
    assert own_documents is not None, "there is a rule"
    missed = np.flatnonzero(own_documents < 0)
    if len(missed):
        message = f"self_match finds no document for {len(missed):,} of {len(collection.queries):,} queries"
        examples = tuple(collection.queries.ids.take(missed[:MAX_EXAMPLES]))
        yield Finding("self-match-missed", "warning", len(missed), message, examples)
    for qrels in collection.qrels.values():
        relevant = _select_relevant_own(qrels, np.flatnonzero(own_documents >= 0), own_documents[own_documents >= 0])
        if len(relevant):
            message = (
                f"{qrels.name}: self_match takes out {len(relevant):,} right answers: the own documents of so many"
                " queries are judged relevant"
            )
            examples = tuple(qrels.queries.take(relevant[:MAX_EXAMPLES]))
            yield Finding("self-match-takes-relevant", "warning", len(relevant), message, examples)


def _advise_rule(
    collection: CollectionData, rules: str, rows: NDArray[np.int64], docs: NDArray[np.int64]
) -> Iterator[Finding]:
    """Advise to take own documents out, unless that would take out right answers."""
    n = len(collection.queries)
    counts = {name: len(_select_relevant_own(qrels, rows, docs)) for name, qrels in collection.qrels.items()}
    description = f"{len(rows):,} of {n:,} queries are documents of the corpus, same {_describe_naming(rules)} and text"
    examples = tuple(collection.queries.ids.take(rows[:MAX_EXAMPLES]))
    if any(counts.values()):
        listed = ", ".join(f"{count:,} of them in {name}" for name, count in counts.items() if count)
        message = f"{description}; they are judged relevant for themselves ({listed}), so they stay"
        yield Finding("self-match-judged", "note", len(rows), message, examples)
        return
    message = (
        f"{description}; such a document can take the first rank of {len(rows) / n:.0%} of the queries and is judged"
        " relevant"
        f" for none; consider self_match: {rules}"
    )
    yield Finding("self-match", "warning", len(rows), message, examples)


def _describe_naming(rules: str) -> str:
    return "id" if rules == "id" or rules.startswith("id or") else "key"


def _audit_self_pairs(
    collection: CollectionData, qrels: Qrels, rows: NDArray[np.int64], docs: NDArray[np.int64]
) -> Iterator[Finding]:
    """Tell of judgements that pair a record with itself."""
    relevant = _select_relevant_own(qrels, rows, docs)
    if len(relevant):
        message = (
            f"{qrels.name}: {len(relevant):,} relevant judgements pair a record with one of the same id and text;"
            " every system finds those"
        )
        examples = tuple(collection.queries.ids.take(relevant[:MAX_EXAMPLES]))
        yield Finding("self-pairs", "note", len(relevant), message, examples)


def _select_relevant_own(qrels: Qrels, rows: NDArray[np.int64], docs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return those of the query rows whose own document, in `docs`, is judged relevant."""
    places = qrels.find_positions(rows, docs)
    hit = places >= 0
    hit[hit] = qrels.grades[places[hit]] >= qrels.min_rel
    return rows[hit]


def _iterate_namings(collection: CollectionData) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Yield the ways in which queries may name documents, by id or by a metadata key, with the rows that they name."""
    queries, ids = collection.queries, collection.docs.ids
    yield "id", ids.find_rows(list(queries.ids))
    for key, value in queries[0].get("metadata", {}).items():
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            ids_named = ["" if cell is None else str(cell) for cell in queries.read_metadata(key)]
            yield f"{{key: {key}}}", ids.find_rows(ids_named)


def _select_same_text(
    collection: CollectionData, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the query rows whose text is that of the document in `rows`, and those documents."""
    at = np.flatnonzero(rows >= 0)
    docs = rows[at]
    same = np.zeros(len(at), np.bool_)
    for query_hashes in _get_fingerprints(collection.queries):
        for doc_hashes in _get_fingerprints(collection.docs):
            same |= (query_hashes[at] != 0) & (query_hashes[at] == doc_hashes[docs])
    titles = collection.docs.columns.get("title")
    if titles is not None:
        query_hashes = np.asarray(collection.queries.fingerprints)
        unmatched = np.flatnonzero(~same & (query_hashes[at] != 0))
        title_hashes = map(hash_text, collection.docs.read(TextView("title"), docs[unmatched]))
        same[unmatched] = query_hashes[at[unmatched]] == np.fromiter(title_hashes, np.uint64, len(unmatched))
    return at[same], docs[same]


def _find_copied_queries(collection: CollectionData) -> NDArray[np.int64]:
    """Return the query rows whose text is that of some document.

    Queries are sorted and documents looked up among them, a block at a time: of the two they may be many.
    """
    query_hashes = np.stack(_get_fingerprints(collection.queries))
    distinct = np.unique(query_hashes)
    is_copied = np.zeros(len(distinct), np.bool_)
    for doc_hashes in _get_fingerprints(collection.docs):
        for start in range(0, len(doc_hashes), _BLOCK):
            block = doc_hashes[start : start + _BLOCK]
            at = np.searchsorted(distinct, block)
            at[at == len(distinct)] = 0
            is_copied[at[distinct[at] == block]] = True
    is_copied &= distinct != 0  # blank texts have 0
    return np.flatnonzero(is_copied[np.searchsorted(distinct, query_hashes)].any(0))


def _get_fingerprints(texts: Texts) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    return np.asarray(texts.fingerprints), np.asarray(texts.body_fingerprints)
