"""What the evaluated split shares with the others: queries, relevant documents, the scale of labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from nirank.collections.audit.facts import AuditFacts
from nirank.collections.collection_data import CollectionData
from nirank.collections.findings import MAX_EXAMPLES, Finding
from nirank.collections.texts import Texts
from nirank.flow.judgements import QrelsFile
from nirank.flow.qrels import Qrels


def audit_splits(collection: CollectionData, facts: AuditFacts) -> Iterator[Finding]:
    """Yield what tells against tuning on another split and reporting on this one."""
    qrels = next(iter(collection.qrels.values()), None)
    if facts.all_queries is not None and qrels is not None:
        yield from _in_no_split(collection, facts.all_queries, facts.others)
    for split, other in facts.others.items():
        if facts.all_queries is not None:
            yield from _queries(collection, facts.all_queries, split, other)
        if qrels is not None:
            yield from _documents(collection, qrels, split, other)
            yield from _grades(collection, qrels, split, other)


def _in_no_split(collection: CollectionData, everything: Texts, others: Mapping[str, QrelsFile]) -> Iterator[Finding]:
    """Tell of topics that no split declares, so that a file with a typo in its ids does not go unseen."""
    left = collection.queries.ids.find_rows(everything.ids.strings) < 0
    for other in others.values():
        rows = everything.ids.find_rows(other.query_ids.unique())
        left[rows[rows >= 0]] = False
    if left.any():
        left &= np.array([not isinstance(one, str) for one in everything.read_metadata("split")], np.bool_)
    if left.any():
        message = f"{left.sum():,} of {len(everything):,} queries are judged in no split and not declared"
        examples = tuple(everything.ids.take(np.flatnonzero(left)[:MAX_EXAMPLES]))
        yield Finding("queries-in-no-split", "note", int(left.sum()), message, examples)


def _queries(collection: CollectionData, everything: Texts, split: str, other: QrelsFile) -> Iterator[Finding]:
    here = collection.queries
    rows = everything.ids.find_rows(other.query_ids.unique())
    rows = rows[rows >= 0]
    same = np.flatnonzero(here.ids.find_rows(everything.ids.take_arrow(rows)) >= 0)
    if len(same):
        examples = tuple(everything.ids.take(rows[same[:MAX_EXAMPLES]]))
        message = f"{len(same):,} queries are in split {split} too, under the same id"
        yield Finding("queries-in-two-splits", "warning", len(same), message, examples)
    prints, theirs = np.asarray(here.fingerprints), np.asarray(everything.fingerprints)[rows]
    others_of: dict[int, int] = {}
    for row, one in zip(rows.tolist(), theirs.tolist(), strict=True):
        others_of.setdefault(one, row)
    both = [row for row, one in enumerate(prints.tolist()) if one and one in others_of]
    pairs = [(here.ids[row], everything.ids[others_of[int(prints[row])]]) for row in both]
    pairs = [(a, b) for a, b in pairs if a != b]
    if pairs:
        examples = tuple(f"{a} = {b}" for a, b in pairs[:MAX_EXAMPLES])
        message = f"{len(pairs):,} of {len(here):,} queries have the text of a query of split {split}"
        yield Finding("query-texts-in-two-splits", "warning", len(pairs), message, examples)


def _documents(collection: CollectionData, qrels: Qrels, split: str, other: QrelsFile) -> Iterator[Finding]:
    """Count relevant documents that are relevant to queries of both splits."""
    hits = (qrels.grades >= qrels.min_rel) & (qrels.rows >= 0)
    here = np.unique(qrels.rows[hits])
    there = collection.docs.ids.find_rows(other.select(other.grades >= qrels.min_rel).doc_ids.unique())
    shared = np.intersect1d(here, there)
    if not len(shared):
        return
    pairs = np.isin(qrels.rows[hits], shared).sum()
    message = (
        f"{len(shared):,} of the {len(here):,} relevant documents are relevant in split {split} too"
        f" ({pairs:,} of {hits.sum():,} relevant pairs); what was tuned there is not independent of this split"
    )
    yield Finding("relevant-in-two-splits", "note", len(shared), message)


def _grades(collection: CollectionData, qrels: Qrels, split: str, other: QrelsFile) -> Iterator[Finding]:
    here, there = (sorted(np.unique(one[one >= 1]).tolist()) for one in (qrels.grades, other.grades))
    if here and there and here != there:
        message = f"labels differ between splits: {here} here, {there} in {split}"
        yield Finding("labels-differ", "note", 0, message)
