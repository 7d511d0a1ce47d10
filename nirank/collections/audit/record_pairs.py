"""What is odd about records of tables and the pairs of them that are judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nirank.collections.audit.facts import AuditFacts, JudgementFacts
from nirank.collections.collection_data import CollectionData
from nirank.collections.findings import MAX_EXAMPLES, Finding, Severity
from nirank.collections.texts import Texts
from nirank.collections.twins import group_twins
from nirank.flow.judgement_files import QrelsFile
from nirank.flow.qrels import Qrels

Keys = NDArray[np.int64]  # one integer a pair


def audit_record_pairs(collection: CollectionData, facts: AuditFacts, max_dangling: float) -> Iterator[Finding]:
    """Yield what is odd about repeated records, and about the pairs of each set and of the other splits."""
    for side, texts in list_sides(collection):
        yield from _audit_repeated_records(texts, side)
    for qrels in collection.qrels.values():
        judged = facts.judged.get(qrels.name, JudgementFacts())
        yield from _audit_absent_records(collection, qrels, judged, max_dangling)
        yield from _audit_self_pairs(collection, qrels)
        if judged.mirrored:
            message = f"{qrels.name}: {judged.mirrored:,} pairs are listed in both orders; each counts once"
            yield Finding("mirrored-pairs", "note", judged.mirrored, message)
        yield from _audit_blank_matches(collection, qrels)
        for split, file in facts.other_splits.items():
            yield from _audit_other_split(collection, qrels, split, file)


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
    are_present = (queries >= 0) & (docs >= 0)
    keys, first_places = np.unique(encode_pairs(collection, queries[are_present], docs[are_present]), return_index=True)
    return keys, judged.grades[are_present][first_places]


def encode_matches(collection: CollectionData, qrels: Qrels) -> Keys:
    """Return the distinct matches of a set whose records are there; no record matches itself."""
    is_match = (qrels.grades >= qrels.min_rel) & (qrels.rows >= 0)
    if collection.relation == "self":
        is_match &= qrels.query_rows != qrels.rows
    return np.unique(encode_pairs(collection, qrels.query_rows[is_match], qrels.rows[is_match]))


def show_pairs(collection: CollectionData, keys: Keys) -> tuple[str, ...]:
    """Return the first few pairs as ids, the left one first."""
    queries, docs = decode_pairs(collection, keys[:MAX_EXAMPLES])
    return _show_ids(collection, collection.queries.ids.take(queries), collection.docs.ids.take(docs))


def _show_ids(collection: CollectionData, query_ids: Sequence[str], doc_ids: Sequence[str]) -> tuple[str, ...]:
    if collection.relation != "self" and collection.origin.get("conventions", {}).get("ask") != "left":
        query_ids, doc_ids = doc_ids, query_ids
    return tuple(f"{first} – {second}" for first, second in zip(query_ids, doc_ids, strict=True))


def _audit_repeated_records(texts: Texts, side: str) -> Iterator[Finding]:
    groups = group_twins(np.asarray(texts.fingerprints))
    repeated = np.flatnonzero(groups != np.arange(len(groups)))
    if len(repeated):
        examples = tuple(f"{texts.ids[groups[row]]} = {texts.ids[row]}" for row in repeated[:MAX_EXAMPLES].tolist())
        message = f"{side}: {len(repeated):,} of {len(texts):,} records repeat the text of an earlier one"
        yield Finding("repeated-records", "note", len(repeated), message, examples)


def _audit_absent_records(
    collection: CollectionData, qrels: Qrels, judged: JudgementFacts, max_dangling: float
) -> Iterator[Finding]:
    """Tell of pairs that name records which are not there."""
    absent = judged.absent
    if absent is None or not len(absent):
        return
    query_is_absent = collection.queries.ids.find_rows(absent.query_ids) < 0
    if collection.relation == "self":  # each stands there in both orders
        is_first_order = np.asarray(absent.query_ids) <= np.asarray(absent.doc_ids)
        absent, query_is_absent = (
            absent.select(is_first_order),
            (query_is_absent & (collection.docs.ids.find_rows(absent.doc_ids) < 0))[is_first_order],
        )
    is_match = absent.grades >= qrels.min_rel
    match_count = len(encode_matches(collection, qrels))
    share = is_match.sum() / max(match_count + is_match.sum(), 1)
    severity: Severity = "error" if share > max_dangling else "warning"
    message = (
        f"{qrels.name}: {len(absent):,} pairs name records that are not there, {is_match.sum():,} of them matches,"
        " which"
        " nothing finds"
    )
    if (query_is_absent & is_match).any():
        message += f"; the {(query_is_absent & is_match).sum():,} whose asking record is absent are not counted as lost"
    if collection.relation != "self":
        fits_exchanged = (collection.docs.ids.find_rows(absent.query_ids) >= 0) & (
            collection.queries.ids.find_rows(absent.doc_ids) >= 0
        )
        if fits_exchanged.any():
            message += f"; {fits_exchanged.sum():,} would be there if left and right were exchanged"
    if len(absent) == 1 and judged.form == "pairs" and not judged.header:
        message += "; if it is a header, say columns: {pairs: {left: …, right: …}}"
    if severity == "error":
        message += f" (max_dangling: {max_dangling:g}, found {share:.3g})"
    examples = _show_ids(collection, *(ids[:MAX_EXAMPLES].to_pylist() for ids in (absent.query_ids, absent.doc_ids)))
    yield Finding("absent-records", severity, len(absent), message, examples)


def _audit_self_pairs(collection: CollectionData, qrels: Qrels) -> Iterator[Finding]:
    if collection.relation != "self":
        return
    self_pairs = np.flatnonzero(qrels.query_rows == qrels.rows)
    if len(self_pairs):
        message = f"{qrels.name}: {len(self_pairs):,} pairs are a record and itself; they are neither found nor counted"
        examples = tuple(qrels.queries.take(qrels.rows[self_pairs[:MAX_EXAMPLES]]))
        yield Finding("own-pairs", "warning", len(self_pairs), message, examples)


def _audit_blank_matches(collection: CollectionData, qrels: Qrels) -> Iterator[Finding]:
    """Tell of matches that neither direction finds by text."""
    matches = encode_matches(collection, qrels)
    queries, docs = decode_pairs(collection, matches)
    is_blank = (np.asarray(collection.queries.fingerprints)[queries] == 0) | (
        np.asarray(collection.docs.fingerprints)[docs] == 0
    )
    if is_blank.any():
        message = f"{qrels.name}: {is_blank.sum():,} of {len(matches):,} matches have a record without text"
        examples = show_pairs(collection, matches[is_blank])
        yield Finding("matches-without-text", "warning", int(is_blank.sum()), message, examples)


def _audit_other_split(collection: CollectionData, qrels: Qrels, split: str, judged: QrelsFile) -> Iterator[Finding]:
    """Compare with the pairs of another split: shared pairs, contradicting labels, and records that both have."""
    in_table = qrels.rows >= 0
    pairs, first_places = np.unique(
        encode_pairs(collection, qrels.query_rows[in_table], qrels.rows[in_table]), return_index=True
    )
    labels = qrels.grades[in_table][first_places] >= qrels.min_rel
    other_pairs, other_grades = encode_judgements(collection, judged)
    shared, own_places, other_places = np.intersect1d(pairs, other_pairs, assume_unique=True, return_indices=True)
    if len(shared):
        message = f"{qrels.name}: {len(shared):,} of {len(pairs):,} pairs are in split {split} too"
        yield Finding("pairs-in-two-splits", "note", len(shared), message, show_pairs(collection, shared))
    conflicts = shared[labels[own_places] != (other_grades[other_places] >= qrels.min_rel)]
    if len(conflicts):
        message = f"{qrels.name}: {len(conflicts):,} pairs are matches here or in split {split}, and not in the other"
        yield Finding("label-conflicts", "warning", len(conflicts), message, show_pairs(collection, conflicts))
    matches = encode_matches(collection, qrels)
    seen_counts = count_seen_records(collection, matches, other_pairs)
    if seen_counts.any():
        half, full = int((seen_counts == 1).sum()), int((seen_counts == 2).sum())
        message = (
            f"{qrels.name}: of {len(matches):,} matches {full:,} have both records in pairs of split {split}, and"
            f" {half:,} have one"
        )
        yield Finding("records-in-two-splits", "note", half + full, message)


def count_seen_records(collection: CollectionData, pairs: Keys, other_pairs: Keys) -> NDArray[np.int64]:
    """Count for each of some pairs how many of its two records other pairs have, (n,) of 0, 1 and 2."""
    (queries, docs), (other_queries, other_docs) = (
        decode_pairs(collection, pairs),
        decode_pairs(collection, other_pairs),
    )
    if collection.relation == "self":
        other_queries = other_docs = np.union1d(other_queries, other_docs)
    return np.isin(queries, other_queries).astype(np.int64) + np.isin(docs, other_docs)
