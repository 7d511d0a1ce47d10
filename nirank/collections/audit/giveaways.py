"""Columns of tables of records that give the answer away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nirank.collections.audit.facts import AuditFacts
from nirank.collections.audit.record_pairs import decode_pairs, encode_judgements, encode_matches, encode_pairs
from nirank.collections.collection_data import CollectionData
from nirank.collections.findings import Finding, Severity
from nirank.collections.text_fields import METADATA, value_to_text
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts
from nirank.forms.names import normalise_name

_MIN_MATCHES = 5  # matches; fewer are equal by chance
_MAX_MISSING = 0.02  # part of the equal pairs that may be missing among the matches where no pair is known to be none


def audit_giveaways(collection: CollectionData, facts: AuditFacts) -> Iterator[Finding]:
    """Tell of columns that are equal on all known matches, and on no other pair.

    Where pairs are known to be no matches, on none of these; else on as many pairs as there are matches.
    """
    qrels = next(iter(collection.qrels.values()), None)
    if qrels is None:
        return
    other_splits = [encode_judgements(collection, judged) for judged in facts.other_splits.values()]
    known_matches = [
        encode_matches(collection, qrels),
        *(keys[grades >= qrels.min_rel] for keys, grades in other_splits),
    ]
    matches = np.unique(np.concatenate(known_matches))
    if collection.relation == "self":
        queries, docs = decode_pairs(collection, matches)
        matches = matches[queries != docs]
    if len(matches) < _MIN_MATCHES:
        return
    labelled = (qrels.grades < qrels.min_rel) & (qrels.rows >= 0)
    labelled_keys = [encode_pairs(collection, qrels.query_rows[labelled], qrels.rows[labelled])]
    labelled_keys += [keys[grades < qrels.min_rel] for keys, grades in other_splits]
    non_matches = np.setdiff1d(np.concatenate(labelled_keys), matches)
    for query_column, doc_column in _find_shared_columns(collection):
        if not _are_all_equal(collection, query_column, doc_column, matches):
            continue
        values = _read_values(collection.queries, query_column, None), _read_values(collection.docs, doc_column, None)
        count = _count_equal(collection, *values)
        queries, docs = decode_pairs(collection, non_matches)
        is_elsewhere = any(values[0][q] and values[0][q] == values[1][d] for q, d in zip(queries, docs, strict=True))
        if is_elsewhere or (not len(non_matches) and count - len(matches) > _MAX_MISSING * count):
            continue
        is_text = doc_column in collection.docs.text_columns
        severity: Severity = "warning" if is_text else "note"
        advice = f"exclude: [{doc_column}]" if is_text else "it is excluded, as it should be"
        contrast = f"none of {len(non_matches):,} known non-matches" if len(non_matches) else "hardly a pair more"
        message = (
            f"column '{doc_column}' gives the answer away: it is equal in all {len(matches):,} known matches and in"
            f" {contrast}; {advice}"
        )
        yield Finding("giveaway-column", severity, len(matches), message)


def _find_shared_columns(collection: CollectionData) -> Sequence[tuple[str, str]]:
    """Return the columns and metadata keys that both sides have, as the queries and as the documents call them."""
    query_names = {normalise_name(name): name for name in _list_names(collection.queries)}
    return [
        (query_names[normalise_name(name)], name)
        for name in _list_names(collection.docs)
        if normalise_name(name) in query_names
    ]


def _list_names(texts: Texts) -> list[str]:
    return [*texts.text_columns, *texts.text_fields.keys]


def _are_all_equal(collection: CollectionData, query_column: str, doc_column: str, matches: NDArray[np.int64]) -> bool:
    """Tell whether a column is filled and equal in all matches; a few are looked at first."""
    queries, docs = decode_pairs(collection, matches)
    for end in (_MIN_MATCHES, len(matches)):
        query_values = _read_values(collection.queries, query_column, queries[:end])
        doc_values = _read_values(collection.docs, doc_column, docs[:end])
        if not all(
            query_value and query_value == doc_value
            for query_value, doc_value in zip(query_values, doc_values, strict=True)
        ):
            return False
    return True


def _read_values(texts: Texts, name: str, rows: NDArray[np.int64] | None) -> list[str]:
    if name != METADATA and name in texts.columns:
        return list(texts.read(TextView((name,)), rows))
    part = texts if rows is None else texts.take(rows)
    return [value_to_text(value).strip() for value in part.read_metadata(name)]


def _count_equal(collection: CollectionData, query_values: Sequence[str], doc_values: Sequence[str]) -> int:
    """Count the pairs of records with the same value, without making them."""
    query_counts, doc_counts = Counter(filter(None, query_values)), Counter(filter(None, doc_values))
    if collection.relation == "self":
        return sum(n * (n - 1) // 2 for n in doc_counts.values())
    return sum(n * doc_counts[value] for value, n in query_counts.items())
