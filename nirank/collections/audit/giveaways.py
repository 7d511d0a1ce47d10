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

_FEWEST = 5  # matches; fewer are equal by chance
_NEAR = 0.02  # part of the equal pairs that may be missing among the matches where no pair is known to be none


def audit_giveaways(collection: CollectionData, facts: AuditFacts) -> Iterator[Finding]:
    """Tell of columns that are equal on all known matches, and on no other pair.

    Where pairs are known to be no matches, on none of these; else on as many pairs as there are matches.
    """
    qrels = next(iter(collection.qrels.values()), None)
    if qrels is None:
        return
    files = [encode_judgements(collection, judged) for judged in facts.others.values()]
    known = [encode_matches(collection, qrels), *(keys[grades >= qrels.min_rel] for keys, grades in files)]
    matches = np.unique(np.concatenate(known))
    if collection.relation == "self":
        queries, docs = decode_pairs(collection, matches)
        matches = matches[queries != docs]
    if len(matches) < _FEWEST:
        return
    own = (qrels.grades < qrels.min_rel) & (qrels.rows >= 0)
    unlike = [encode_pairs(collection, qrels.query_rows[own], qrels.rows[own])]
    unlike += [keys[grades < qrels.min_rel] for keys, grades in files]
    others = np.setdiff1d(np.concatenate(unlike), matches)
    for asked, found in _shared_columns(collection):
        if not _all_equal(collection, asked, found, matches):
            continue
        values = _read(collection.queries, asked, None), _read(collection.docs, found, None)
        count = _count_equal(collection, *values)
        queries, docs = decode_pairs(collection, others)
        elsewhere = any(values[0][q] and values[0][q] == values[1][d] for q, d in zip(queries, docs, strict=True))
        if elsewhere or (not len(others) and count - len(matches) > _NEAR * count):
            continue
        text = found in collection.docs.text_columns
        severity: Severity = "warning" if text else "note"
        then = f"exclude: [{found}]" if text else "it is excluded, as it should be"
        message = (
            f"column '{found}' gives the answer away: it is equal in all {len(matches):,} known matches and in"
            f" {'none of ' + format(len(others), ',') + ' known non-matches' if len(others) else 'hardly a pair more'};"
            f" {then}"
        )
        yield Finding("giveaway-column", severity, len(matches), message)


def _shared_columns(collection: CollectionData) -> Sequence[tuple[str, str]]:
    """Return the columns and metadata keys that both sides have, as the queries and as the documents call them."""
    asked = {normalise_name(name): name for name in _names(collection.queries)}
    return [(asked[normalise_name(name)], name) for name in _names(collection.docs) if normalise_name(name) in asked]


def _names(texts: Texts) -> list[str]:
    return [*texts.text_columns, *texts.text_fields.keys]


def _all_equal(collection: CollectionData, asked: str, found: str, matches: NDArray[np.int64]) -> bool:
    """Tell whether a column is filled and equal in all matches; a few are looked at first."""
    queries, docs = decode_pairs(collection, matches)
    for end in (_FEWEST, len(matches)):
        here = _read(collection.queries, asked, queries[:end])
        there = _read(collection.docs, found, docs[:end])
        if not all(one and one == other for one, other in zip(here, there, strict=True)):
            return False
    return True


def _read(texts: Texts, name: str, rows: NDArray[np.int64] | None) -> list[str]:
    if name != METADATA and name in texts.columns:
        return list(texts.read(TextView((name,)), rows))
    part = texts if rows is None else texts.take(rows)
    return [value_to_text(value).strip() for value in part.read_metadata(name)]


def _count_equal(collection: CollectionData, asked: Sequence[str], found: Sequence[str]) -> int:
    """Count the pairs of records with the same value, without making them."""
    here, there = Counter(filter(None, asked)), Counter(filter(None, found))
    if collection.relation == "self":
        return sum(n * (n - 1) // 2 for n in there.values())
    return sum(n * there[value] for value, n in here.items())
