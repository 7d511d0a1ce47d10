"""What the evaluated split shares with the others: queries, relevant documents, the scale of labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from nirank.collections.audit.facts import AuditFacts
from nirank.collections.collection_data import CollectionData
from nirank.collections.findings import MAX_EXAMPLES, Finding
from nirank.collections.texts import Texts
from nirank.flow.judgement_files import QrelsFile
from nirank.flow.qrels import Qrels


def audit_splits(collection: CollectionData, facts: AuditFacts) -> Iterator[Finding]:
    """Yield what tells against tuning on another split and reporting on this one."""
    qrels = next(iter(collection.qrels.values()), None)
    if facts.all_queries is not None and qrels is not None:
        yield from _audit_undeclared_queries(collection, facts.all_queries, facts.other_splits)
    for split, file in facts.other_splits.items():
        if facts.all_queries is not None:
            yield from _audit_shared_queries(collection, facts.all_queries, split, file)
        if qrels is not None:
            yield from _audit_shared_documents(collection, qrels, split, file)
            yield from _compare_grades(collection, qrels, split, file)


def _audit_undeclared_queries(
    collection: CollectionData, topics: Texts, other_splits: Mapping[str, QrelsFile]
) -> Iterator[Finding]:
    """Tell of topics that no split declares, so that a file with a typo in its ids does not go unseen."""
    is_undeclared = collection.queries.ids.find_rows(topics.ids.strings) < 0
    for file in other_splits.values():
        rows = topics.ids.find_rows(file.query_ids.unique())
        is_undeclared[rows[rows >= 0]] = False
    if is_undeclared.any():
        is_undeclared &= np.array([not isinstance(name, str) for name in topics.read_metadata("split")], np.bool_)
    if is_undeclared.any():
        message = f"{is_undeclared.sum():,} of {len(topics):,} queries are judged in no split and not declared"
        examples = tuple(topics.ids.take(np.flatnonzero(is_undeclared)[:MAX_EXAMPLES]))
        yield Finding("queries-in-no-split", "note", int(is_undeclared.sum()), message, examples)


def _audit_shared_queries(collection: CollectionData, topics: Texts, split: str, file: QrelsFile) -> Iterator[Finding]:
    queries = collection.queries
    rows = topics.ids.find_rows(file.query_ids.unique())
    rows = rows[rows >= 0]
    shared_rows = np.flatnonzero(queries.ids.find_rows(topics.ids.take_arrow(rows)) >= 0)
    if len(shared_rows):
        examples = tuple(topics.ids.take(rows[shared_rows[:MAX_EXAMPLES]]))
        message = f"{len(shared_rows):,} queries are in split {split} too, under the same id"
        yield Finding("queries-in-two-splits", "warning", len(shared_rows), message, examples)
    fingerprints, other_fingerprints = np.asarray(queries.fingerprints), np.asarray(topics.fingerprints)[rows]
    rows_by_fingerprint: dict[int, int] = {}
    for row, fingerprint in zip(rows.tolist(), other_fingerprints.tolist(), strict=True):
        rows_by_fingerprint.setdefault(fingerprint, row)
    same_texts = [
        row
        for row, fingerprint in enumerate(fingerprints.tolist())
        if fingerprint and fingerprint in rows_by_fingerprint
    ]
    pairs = [(queries.ids[row], topics.ids[rows_by_fingerprint[int(fingerprints[row])]]) for row in same_texts]
    pairs = [(a, b) for a, b in pairs if a != b]
    if pairs:
        examples = tuple(f"{a} = {b}" for a, b in pairs[:MAX_EXAMPLES])
        message = f"{len(pairs):,} of {len(queries):,} queries have the text of a query of split {split}"
        yield Finding("query-texts-in-two-splits", "warning", len(pairs), message, examples)


def _audit_shared_documents(collection: CollectionData, qrels: Qrels, split: str, file: QrelsFile) -> Iterator[Finding]:
    """Count relevant documents that are relevant to queries of both splits."""
    is_relevant = (qrels.grades >= qrels.min_rel) & (qrels.rows >= 0)
    own_relevant = np.unique(qrels.rows[is_relevant])
    other_relevant = collection.docs.ids.find_rows(file.select(file.grades >= qrels.min_rel).doc_ids.unique())
    shared = np.intersect1d(own_relevant, other_relevant)
    if not len(shared):
        return
    pair_count = np.isin(qrels.rows[is_relevant], shared).sum()
    message = (
        f"{len(shared):,} of the {len(own_relevant):,} relevant documents are relevant in split {split} too"
        f" ({pair_count:,} of {is_relevant.sum():,} relevant pairs); what was tuned there is not independent of this"
        " split"
    )
    yield Finding("relevant-in-two-splits", "note", len(shared), message)


def _compare_grades(collection: CollectionData, qrels: Qrels, split: str, file: QrelsFile) -> Iterator[Finding]:
    own_grades, other_grades = (
        sorted(np.unique(grades[grades >= 1]).tolist()) for grades in (qrels.grades, file.grades)
    )
    if own_grades and other_grades and own_grades != other_grades:
        message = f"labels differ between splits: {own_grades} here, {other_grades} in {split}"
        yield Finding("labels-differ", "note", 0, message)
