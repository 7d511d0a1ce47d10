"""What is odd about records of tables and the pairs of them that are judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nirank.collections.audit.facts import AuditFacts, JudgedFacts
from nirank.collections.collection_data import CollectionData
from nirank.collections.findings import MAX_EXAMPLES, Finding, Severity
from nirank.collections.texts import Texts
from nirank.collections.twins import group_twins
from nirank.flow.judgements import QrelsFile
from nirank.flow.qrels import Qrels

Keys = NDArray[np.int64]  # one integer a pair


def audit_record_pairs(collection: CollectionData, facts: AuditFacts, max_dangling: float) -> Iterator[Finding]:
    """Yield what is odd about repeated records, and about the pairs of each set and of the other splits."""
    for side, texts in list_sides(collection):
        yield from _repeated_records(texts, side)
    for qrels in collection.qrels.values():
        judged = facts.judged.get(qrels.name, JudgedFacts())
        yield from _absent_records(collection, qrels, judged, max_dangling)
        yield from _own_pairs(collection, qrels)
        if judged.mirrored:
            message = f"{qrels.name}: {judged.mirrored:,} pairs are listed in both orders; each counts once"
            yield Finding("mirrored-pairs", "note", judged.mirrored, message)
        yield from _without_text(collection, qrels)
        for split, other in facts.others.items():
            yield from _other_split(collection, qrels, split, other)


def list_sides(collection: CollectionData) -> Sequence[tuple[str, Texts]]:
    """Return the tables with what they are called: left and right, or the only one."""
    if collection.relation == "self":
        return (("records", collection.docs),)
    left, right = collection.docs, collection.queries
    if collection.origin.get("conventions", {}).get("ask") == "left":
        left, right = right, left
    return (("left", left), ("right", right))


def encode_pairs(collection: CollectionData, queries: NDArray[np.integer], docs: NDArray[np.integer]) -> Keys:
    """Return an integer for each pair of rows; in one table the same for both orders."""
    first, second = np.asarray(queries, np.int64), np.asarray(docs, np.int64)
    if collection.relation == "self":
        first, second = np.minimum(first, second), np.maximum(first, second)
    return first * max(len(collection.docs), 1) + second


def decode_pairs(collection: CollectionData, keys: Keys) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of the two records of each pair: query and document."""
    queries, docs = np.divmod(keys, max(len(collection.docs), 1))
    return queries, docs


def encode_judgements(collection: CollectionData, judged: QrelsFile) -> tuple[Keys, NDArray[np.int64]]:
    """Return the distinct pairs of a file whose records are there, and their labels."""
    queries, docs = collection.queries.ids.find_rows(judged.query_ids), collection.docs.ids.find_rows(judged.doc_ids)
    there = (queries >= 0) & (docs >= 0)
    keys, at = np.unique(encode_pairs(collection, queries[there], docs[there]), return_index=True)
    return keys, judged.grades[there][at]


def encode_matches(collection: CollectionData, qrels: Qrels) -> Keys:
    """Return the distinct matches of a set whose records are there; no record matches itself."""
    match = (qrels.grades >= qrels.min_rel) & (qrels.rows >= 0)
    if collection.relation == "self":
        match &= qrels.query_rows != qrels.rows
    return np.unique(encode_pairs(collection, qrels.query_rows[match], qrels.rows[match]))


def show_pairs(collection: CollectionData, keys: Keys) -> tuple[str, ...]:
    """Return the first few pairs as ids, the left one first."""
    queries, docs = decode_pairs(collection, keys[:MAX_EXAMPLES])
    return _show(collection, collection.queries.ids.take(queries), collection.docs.ids.take(docs))


def _show(collection: CollectionData, asked: Sequence[str], found: Sequence[str]) -> tuple[str, ...]:
    if collection.relation != "self" and collection.origin.get("conventions", {}).get("ask") != "left":
        asked, found = found, asked
    return tuple(f"{one} – {other}" for one, other in zip(asked, found, strict=True))


def _repeated_records(texts: Texts, side: str) -> Iterator[Finding]:
    groups = group_twins(np.asarray(texts.fingerprints))
    later = np.flatnonzero(groups != np.arange(len(groups)))
    if len(later):
        examples = tuple(f"{texts.ids[groups[row]]} = {texts.ids[row]}" for row in later[:MAX_EXAMPLES].tolist())
        message = f"{side}: {len(later):,} of {len(texts):,} records repeat the text of an earlier one"
        yield Finding("repeated-records", "note", len(later), message, examples)


def _absent_records(
    collection: CollectionData, qrels: Qrels, judged: JudgedFacts, max_dangling: float
) -> Iterator[Finding]:
    """Tell of pairs that name records which are not there."""
    lost = judged.absent
    if lost is None or not len(lost):
        return
    asked = collection.queries.ids.find_rows(lost.query_ids) < 0
    if collection.relation == "self":  # each stands there in both orders
        once = np.asarray(lost.query_ids) <= np.asarray(lost.doc_ids)
        lost, asked = lost.select(once), (asked & (collection.docs.ids.find_rows(lost.doc_ids) < 0))[once]
    matches = lost.grades >= qrels.min_rel
    found = len(encode_matches(collection, qrels))
    part = matches.sum() / max(found + matches.sum(), 1)
    severity: Severity = "error" if part > max_dangling else "warning"
    message = (
        f"{qrels.name}: {len(lost):,} pairs name records that are not there, {matches.sum():,} of them matches, which"
        " nothing finds"
    )
    if (asked & matches).any():
        message += f"; the {(asked & matches).sum():,} whose asking record is absent are not counted as lost"
    if collection.relation != "self":
        turned = (collection.docs.ids.find_rows(lost.query_ids) >= 0) & (
            collection.queries.ids.find_rows(lost.doc_ids) >= 0
        )
        if turned.any():
            message += f"; {turned.sum():,} would be there if left and right were exchanged"
    if len(lost) == 1 and judged.form == "pairs" and not judged.header:
        message += "; if it is a header, say columns: {pairs: {left: …, right: …}}"
    if severity == "error":
        message += f" (max_dangling: {max_dangling:g}, found {part:.3g})"
    examples = _show(collection, *(ids[:MAX_EXAMPLES].to_pylist() for ids in (lost.query_ids, lost.doc_ids)))
    yield Finding("absent-records", severity, len(lost), message, examples)


def _own_pairs(collection: CollectionData, qrels: Qrels) -> Iterator[Finding]:
    if collection.relation != "self":
        return
    own = np.flatnonzero(qrels.query_rows == qrels.rows)
    if len(own):
        message = f"{qrels.name}: {len(own):,} pairs are a record and itself; they are neither found nor counted"
        examples = tuple(qrels.queries.take(qrels.rows[own[:MAX_EXAMPLES]]))
        yield Finding("own-pairs", "warning", len(own), message, examples)


def _without_text(collection: CollectionData, qrels: Qrels) -> Iterator[Finding]:
    """Tell of matches that neither direction finds by text."""
    matches = encode_matches(collection, qrels)
    queries, docs = decode_pairs(collection, matches)
    blank = (np.asarray(collection.queries.fingerprints)[queries] == 0) | (
        np.asarray(collection.docs.fingerprints)[docs] == 0
    )
    if blank.any():
        message = f"{qrels.name}: {blank.sum():,} of {len(matches):,} matches have a record without text"
        examples = show_pairs(collection, matches[blank])
        yield Finding("matches-without-text", "warning", int(blank.sum()), message, examples)


def _other_split(collection: CollectionData, qrels: Qrels, split: str, judged: QrelsFile) -> Iterator[Finding]:
    """Compare with the pairs of another split: shared pairs, contradicting labels, and records that both have."""
    known = qrels.rows >= 0
    mine, at = np.unique(encode_pairs(collection, qrels.query_rows[known], qrels.rows[known]), return_index=True)
    labels = qrels.grades[known][at] >= qrels.min_rel
    theirs, grades = encode_judgements(collection, judged)
    both, here, there = np.intersect1d(mine, theirs, assume_unique=True, return_indices=True)
    if len(both):
        message = f"{qrels.name}: {len(both):,} of {len(mine):,} pairs are in split {split} too"
        yield Finding("pairs-in-two-splits", "note", len(both), message, show_pairs(collection, both))
    clash = both[labels[here] != (grades[there] >= qrels.min_rel)]
    if len(clash):
        message = f"{qrels.name}: {len(clash):,} pairs are matches here or in split {split}, and not in the other"
        yield Finding("label-conflicts", "warning", len(clash), message, show_pairs(collection, clash))
    matches = encode_matches(collection, qrels)
    seen = count_seen_records(collection, matches, theirs)
    if seen.any():
        one, two = int((seen == 1).sum()), int((seen == 2).sum())
        message = (
            f"{qrels.name}: of {len(matches):,} matches {two:,} have both records in pairs of split {split}, and"
            f" {one:,} have one"
        )
        yield Finding("records-in-two-splits", "note", one + two, message)


def count_seen_records(collection: CollectionData, pairs: Keys, others: Keys) -> NDArray[np.int64]:
    """Count for each of some pairs how many of its two records other pairs have, (n,) of 0, 1 and 2."""
    (asked, found), (their_asked, their_found) = decode_pairs(collection, pairs), decode_pairs(collection, others)
    if collection.relation == "self":
        their_asked = their_found = np.union1d(their_asked, their_found)
    return np.isin(asked, their_asked).astype(np.int64) + np.isin(found, their_found)
