"""Audit: what is wrong or odd about a collection, as values, before any number is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from nirank.errors import DataError
from nirank.ids import take_rows

if TYPE_CHECKING:
    from nirank.collections.collection import Collection
    from nirank.collections.importer import ImportFacts
    from nirank.collections.texts import Texts
    from nirank.qrels import Qrels

_SHOWN = 3
_LEAST_SHARED = 0.9  # of the smaller of the two id sets; below, ids were probably changed on the way

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that the audit found.

    code      stable name, such as 'duplicate-id'
    severity  'error' stops a run, 'warning' may move numbers, 'note' is good to know
    count     how many records are concerned
    message   one sentence
    examples  up to three, with where they are
    """

    code: str
    severity: Severity
    count: int
    message: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class JudgedFacts:
    """What joining judgements and queries showed.

    repeated  identical judgement rows that were dropped
    topics    queries of all splits
    judged    distinct query ids in the judgements
    shared    how many of those are queries
    outside   up to three of those that are not
    """

    repeated: int = 0
    topics: int = 0
    judged: int = 0
    shared: int = 0
    outside: tuple[str, ...] = ()


@dataclass(frozen=True)
class AuditFacts:
    """What only reading the files shows; a collection made in memory has none of it."""

    docs: ImportFacts | None = None
    queries: ImportFacts | None = None
    judged: Mapping[str, JudgedFacts] = field(default_factory=dict)


def audit(
    collection: Collection, facts: AuditFacts | None = None, *, max_dangling: float = 0.05
) -> tuple[Finding, ...]:
    """Return what is wrong or odd about a collection; nothing is raised and nothing is changed.

    max_dangling  the part of all relevant judgements that may name documents which the corpus
                  lacks; more is an error
    """
    facts = facts or AuditFacts()
    found = [*_side(collection.docs, "documents", facts.docs), *_side(collection.queries, "queries", facts.queries)]
    found += _repeated_queries(collection.queries)
    if not collection.qrels:
        found.append(Finding("no-judgements", "note", 0, "there are no judgements; systems are ranked, not measured"))
    for qrels in collection.qrels.values():
        found += _joined(qrels.name, facts.judged.get(qrels.name, JudgedFacts()))
        found += _judgements(qrels, max_dangling)
    found += _self_matches(collection)
    return tuple(
        Finding(one.code, one.severity, one.count, f"{collection.name}: {one.message}", one.examples) for one in found
    )


def refuse(findings: tuple[Finding, ...]) -> None:
    """Raise DataError with all findings that are errors, if any are."""
    said = [_sentence(one) for one in findings if one.severity == "error"]
    if said:
        raise DataError(*said)


def _sentence(finding: Finding) -> str:
    return f"{finding.message} ({', '.join(finding.examples)})" if finding.examples else finding.message


def _side(texts: Texts, what: str, facts: ImportFacts | None) -> Iterator[Finding]:
    if not len(texts):
        yield Finding(f"no-{what}", "error", 0, f"there are no {what}")
        return
    # The queries here may be those of one split; the importer counted those of all.
    if facts is not None and facts.records == len(texts):
        empty, examples = facts.empty.count, tuple(facts.empty.examples)
    else:
        rows = np.flatnonzero(texts.empty)
        empty, examples = len(rows), tuple(texts.ids.take(rows[:_SHOWN]))
    if empty:
        severity: Severity = "error" if empty == len(texts) else "warning"
        yield Finding(f"empty-{what}", severity, empty, f"{empty:,} of {len(texts):,} {what} have no text", examples)
    blank = np.flatnonzero(np.asarray(pc.match_substring_regex(texts.ids.strings, r"[\s\x1c-\x1f\x85\p{Z}]")))
    if len(blank):
        yield Finding(
            "whitespace-ids",
            "warning",
            len(blank),
            f"{len(blank):,} ids of {what} contain whitespace; they cannot be written to TREC files",
            tuple(map(repr, texts.ids.take(blank[:_SHOWN]))),
        )
    if facts is None:
        return
    for code, tally, message in (
        ("converted-ids", facts.converted, f"ids of {what} were numbers and became strings"),
        ("encoding-damage", facts.damaged, f"{what} contain U+FFFD, the sign of text that was decoded wrongly"),
        ("replaced-surrogates", facts.replaced, f"{what} had halves of characters, replaced by U+FFFD"),
    ):
        if tally.count:
            yield Finding(code, "warning", tally.count, f"{tally.count:,} {message}", tuple(tally.examples))


def _repeated_queries(queries: Texts) -> Iterator[Finding]:
    from nirank.collections.texts import TextView

    texts = list(queries.read(TextView(queries.text_columns())))
    first: dict[str, int] = {}
    later = [(first[text], row) for row, text in enumerate(texts) if text and first.setdefault(text, row) != row]
    if later:
        examples = tuple(f"{queries.ids[a]} = {queries.ids[b]}" for a, b in later[:_SHOWN])
        yield Finding(
            "repeated-queries",
            "note",
            len(later),
            f"{len(later):,} queries have the same text as an earlier one",
            examples,
        )


def _joined(name: str, facts: JudgedFacts) -> Iterator[Finding]:
    if facts.repeated:
        message = f"{name}: {facts.repeated:,} identical judgement rows were dropped"
        yield Finding("repeated-judgements", "note", facts.repeated, message)
    outside = facts.judged - facts.shared
    if not outside:
        return
    smaller = min(facts.judged, facts.topics)
    severity: Severity = "error" if facts.shared < _LEAST_SHARED * smaller else "warning"
    message = (
        f"{name}: {outside:,} of {facts.judged:,} judged query ids are not among the {facts.topics:,} queries;"
        f" {facts.shared:,} ids are shared"
    )
    if severity == "error":
        message += f", expected at least {_LEAST_SHARED:.0%} of the smaller side"
    yield Finding("judged-not-in-topics", severity, outside, message, facts.outside)


def _judgements(qrels: Qrels, max_dangling: float) -> Iterator[Finding]:
    judged, relevant = qrels.counts > 0, qrels.relevant()
    yield from _dangling(qrels, relevant, max_dangling)
    n = len(judged)
    alone = np.flatnonzero(~judged)
    if len(alone):
        severity: Severity = "error" if len(alone) == n else "note"
        message = f"{qrels.name}: {len(alone):,} of {n:,} queries have no judgements and are not measured"
        yield Finding("unjudged-queries", severity, len(alone), message, tuple(qrels.queries.take(alone[:_SHOWN])))
    hopeless = np.flatnonzero(judged & (relevant == 0))
    if len(hopeless):
        message = (
            f"{qrels.name}: {len(hopeless):,} of {n:,} queries are judged, but without a label from {qrels.min_rel}"
        )
        yield Finding("no-relevant", "warning", len(hopeless), message, tuple(qrels.queries.take(hopeless[:_SHOWN])))
    negative = int((qrels.grades < 0).sum())
    if negative:
        message = f"{qrels.name}: {negative:,} labels are below 0; they count as judged and not relevant"
        yield Finding("negative-labels", "note", negative, message)


def _dangling(qrels: Qrels, relevant: NDArray[np.int64], max_dangling: float) -> Iterator[Finding]:
    """Tell of judged documents that the corpus lacks, and what they take from recall."""
    lost = qrels.rows < 0
    if not lost.any():
        return
    unreachable = np.bincount(qrels.query_rows[lost & (qrels.grades >= qrels.min_rel)], minlength=len(relevant))
    answerable = relevant > 0
    message = f"{qrels.name}: {lost.sum():,} of {len(qrels):,} judgements name documents that the corpus lacks"
    severity: Severity = "warning"
    if unreachable.any():
        part = unreachable.sum() / relevant.sum()
        ceiling = 1 - np.mean(unreachable[answerable] / relevant[answerable])
        message += (
            f"; {unreachable.sum():,} of the {relevant.sum():,} relevant ones do, so recall cannot pass {ceiling:.4g}"
        )
        if part > max_dangling:
            severity = "error"
            message += f" (max_dangling: {max_dangling:g}, found {part:.3g})"
    examples = tuple(f"{one.query_id} {one.doc_id}" for one in qrels.dangling[:_SHOWN])
    yield Finding("dangling-judgements", severity, int(lost.sum()), message, examples)


def _self_matches(collection: Collection) -> Iterator[Finding]:
    """Suggest a self-match rule where id and text agree, or tell how many queries the given rule misses."""
    if not len(collection.docs) or not len(collection.queries):
        return
    if collection.self_match != "keep":
        own = collection.own_documents()
        missed = np.flatnonzero(own < 0) if own is not None else np.empty(0, np.int64)
        if len(missed):
            message = f"self_match finds no document for {len(missed):,} of {len(collection.queries):,} queries"
            examples = tuple(collection.queries.ids.take(missed[:_SHOWN]))
            yield Finding("self-match-missed", "warning", len(missed), message, examples)
        return
    for rule, named in _namings(collection.queries):
        rows = collection.docs.ids.rows(named)
        same = _same_text(collection, rows)
        if len(same):
            message = (
                f"{len(same):,} queries are documents of the corpus, same id and text; consider self_match: {rule}"
            )
            yield Finding("self-match", "note", len(same), message, tuple(collection.queries.ids.take(same[:_SHOWN])))


def _namings(queries: Texts) -> Iterator[tuple[str, list[str]]]:
    """Yield the ways in which queries may name documents: by their ids, or by a metadata key."""
    yield "id", list(queries.ids)
    for key, value in queries[0].get("metadata", {}).items():
        if isinstance(value, str):
            yield f"{{key: {key}}}", [str(one) for one in queries.metadata(key)]


def _same_text(collection: Collection, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the query rows whose text is that of the document in `rows`."""
    at = np.flatnonzero(rows >= 0)
    if not len(at) or "text" not in collection.docs.columns or "text" not in collection.queries.columns:
        return at[:0]
    asked = pc.utf8_trim_whitespace(take_rows(collection.queries.columns["text"], at))
    found = pc.utf8_trim_whitespace(take_rows(collection.docs.columns["text"], rows[at]))
    same: NDArray[np.int64] = at[np.asarray(pc.and_(pc.equal(asked, found), pc.not_equal(asked, "")))]
    return same
