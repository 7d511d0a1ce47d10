"""What is odd about judgements and candidates, and what they allow at best."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nirank.collections.audit.facts import AuditFacts, CandidateFacts, JudgementFacts
from nirank.collections.collection_data import CollectionData
from nirank.collections.findings import MAX_EXAMPLES, Finding, Severity
from nirank.flow.qrels import Qrels

_MIN_SHARED = 0.9  # of the smaller of the two id sets; below, ids were probably changed on the way
_MIN_POOL = 50  # documents; of a toy collection everything is judged
DEPTH = 1000  # how deep lists are where nothing says otherwise
_RECALL_DEPTH = 100  # the cut-off at which recall is usually taken

_FORMS = {
    ("beir", False): "three columns without a header",
    ("trec", True): "four columns with a header",
    ("pairs", False): "two columns without a header: every pair is relevant",
    ("pairs", True): "pairs without labels: every pair is relevant",
    ("smart", False): "SMART's form, query and document before two zeros: every pair is relevant",
}


def audit_judgements(collection: CollectionData, facts: AuditFacts, max_dangling: float) -> Iterator[Finding]:
    """Yield what is odd about each judgement set."""
    yield from audit_missing_judgements(collection)
    for qrels in collection.qrels.values():
        yield from audit_judgement_file(qrels.name, facts.judged.get(qrels.name, JudgementFacts()))
        yield from _audit_labels(qrels, max_dangling)
        yield from _audit_judged_texts(collection, qrels)
        yield from _audit_relevant_candidates(collection, qrels)
        yield from _audit_long_lists(collection, qrels)


def audit_missing_judgements(collection: CollectionData) -> Iterator[Finding]:
    """Tell that nothing is judged."""
    if not collection.qrels:
        yield Finding("no-judgements", "note", 0, "there are no judgements; systems are ranked, not measured")


def audit_judgement_form(name: str, facts: JudgementFacts) -> Iterator[Finding]:
    """Yield what is odd about a judgement file by itself."""
    if facts.repeated:
        message = f"{name}: {facts.repeated:,} identical judgement rows were dropped"
        yield Finding("repeated-judgements", "note", facts.repeated, message)
    if facts.line_ends in ("crlf", "mixed"):
        message = f"{name}: lines end with CR LF{' and with LF' if facts.line_ends == 'mixed' else ''}; accepted"
        yield Finding("line-ends", "note", 0, message)
    form = _FORMS.get((facts.form, facts.header))
    if form is not None:
        yield Finding("judgement-form", "note", 0, f"{name}: {form}; read as such")


def audit_judgement_file(name: str, facts: JudgementFacts) -> Iterator[Finding]:
    """Yield what is odd about a judgement file by itself, and against the queries."""
    yield from audit_judgement_form(name, facts)
    outside_count = facts.judged - facts.shared
    if not outside_count:
        return
    smaller_side = min(facts.judged, facts.topics)
    severity: Severity = "error" if facts.shared < _MIN_SHARED * smaller_side else "warning"
    message = (
        f"{name}: {outside_count:,} of {facts.judged:,} judged query ids are not among the {facts.topics:,} queries;"
        f" {facts.shared:,} ids are shared"
    )
    if severity == "error":
        message += f", expected at least {_MIN_SHARED:.0%} of the smaller side"
    yield Finding("judged-not-in-topics", severity, outside_count, message, facts.outside)


def _audit_labels(qrels: Qrels, max_dangling: float) -> Iterator[Finding]:
    judged, relevant = qrels.counts > 0, qrels.count_relevant()
    yield from _audit_dangling(qrels, relevant, max_dangling)
    n = len(judged)
    unjudged = np.flatnonzero(~judged)
    if len(unjudged):
        severity: Severity = "error" if len(unjudged) == n else "note"
        message = f"{qrels.name}: {len(unjudged):,} of {n:,} queries have no judgements and are not measured"
        yield Finding(
            "unjudged-queries", severity, len(unjudged), message, tuple(qrels.queries.take(unjudged[:MAX_EXAMPLES]))
        )
    without_relevant = np.flatnonzero(judged & (relevant == 0))
    if len(without_relevant):
        message = (
            f"{qrels.name}: {len(without_relevant):,} of {n:,} queries are judged, but without a label from"
            f" {qrels.min_rel}"
        )
        yield Finding(
            "no-relevant",
            "warning",
            len(without_relevant),
            message,
            tuple(qrels.queries.take(without_relevant[:MAX_EXAMPLES])),
        )
    negative = int((qrels.grades < 0).sum())
    if negative:
        message = f"{qrels.name}: {negative:,} labels are below 0; they count as judged and not relevant"
        yield Finding("negative-labels", "note", negative, message)
    deep = np.flatnonzero(relevant > _RECALL_DEPTH)
    if len(deep):
        ceiling = np.minimum(1, _RECALL_DEPTH / relevant[relevant > 0]).mean()
        message = (
            f"{qrels.name}: {len(deep):,} of {n:,} queries have more than {_RECALL_DEPTH} relevant documents"
            f" (at most {relevant.max():,}), so R@{_RECALL_DEPTH} cannot pass {ceiling:.4g}"
        )
        yield Finding("deep-judgements", "note", len(deep), message, tuple(qrels.queries.take(deep[:MAX_EXAMPLES])))


def _audit_dangling(qrels: Qrels, relevant: NDArray[np.int64], max_dangling: float) -> Iterator[Finding]:
    """Tell of judged documents that the corpus lacks, and what they take from recall."""
    is_dangling = qrels.rows < 0
    if not is_dangling.any():
        return
    unreachable = np.flatnonzero(is_dangling & (qrels.grades >= qrels.min_rel))
    message = f"{qrels.name}: {is_dangling.sum():,} of {len(qrels):,} judgements name documents that the corpus lacks"
    severity: Severity = "warning"
    if len(unreachable):
        share = len(unreachable) / relevant.sum()
        message += (
            f"; {len(unreachable):,} of the {relevant.sum():,} relevant ones do, so recall cannot pass"
            f" {compute_recall_ceiling(qrels, unreachable):.4g}"
        )
        if share > max_dangling:
            severity = "error"
            message += f" (max_dangling: {max_dangling:g}, found {share:.3g})"
    examples = tuple(f"{judgement.query_id} {judgement.doc_id}" for judgement in qrels.dangling[:MAX_EXAMPLES])
    yield Finding("dangling-judgements", severity, int(is_dangling.sum()), message, examples)
    absent = np.bincount(qrels.query_rows[unreachable], minlength=len(relevant))
    unanswerable = np.flatnonzero((relevant > 0) & (absent == relevant))
    if len(unanswerable):
        message = (
            f"{qrels.name}: of {len(unanswerable):,} queries the corpus lacks every relevant document; they are"
            " measured as not answered"
        )
        yield Finding(
            "unanswerable-queries",
            "warning",
            len(unanswerable),
            message,
            tuple(qrels.queries.take(unanswerable[:MAX_EXAMPLES])),
        )


def compute_recall_ceiling(qrels: Qrels, places: NDArray[np.int64]) -> float:
    """Return what recall cannot pass where some relevant judgements, by place, cannot be found."""
    relevant = qrels.count_relevant()
    unreachable = np.bincount(qrels.query_rows[places], minlength=len(relevant))
    answerable = relevant > 0
    return float(1 - np.mean(unreachable[answerable] / relevant[answerable]))


def _audit_judged_texts(collection: CollectionData, qrels: Qrels) -> Iterator[Finding]:
    """Tell of relevant documents without text, and of a corpus that is only the judged pool."""
    in_corpus = qrels.rows >= 0
    fingerprints = np.asarray(collection.docs.fingerprints)
    is_blank = in_corpus & (qrels.grades >= qrels.min_rel)
    is_blank[in_corpus] &= fingerprints[qrels.rows[in_corpus]] == 0
    if is_blank.any() and fingerprints.any():
        pairs = np.flatnonzero(is_blank)
        examples = tuple(
            f"{qrels.queries[qrels.query_rows[at]]} {collection.docs.ids[qrels.rows[at]]}"
            for at in pairs[:MAX_EXAMPLES]
        )
        message = f"{qrels.name}: {len(pairs):,} relevant documents have no text; nothing that reads text finds them"
        yield Finding("relevant-without-text", "warning", len(pairs), message, examples)
    judged = np.zeros(len(collection.docs), np.bool_)
    judged[qrels.rows[in_corpus]] = True
    is_pool = (qrels.grades < qrels.min_rel).any() and len(judged) >= _MIN_POOL and judged.all()
    if is_pool and collection.candidates is None:
        message = (
            f"{qrels.name}: each of the {len(judged):,} documents is judged; the corpus may be only what was judged,"
            " and retrieval in it easier than in a real one"
        )
        yield Finding("judged-pool", "note", len(judged), message)


def _audit_long_lists(collection: CollectionData, qrels: Qrels) -> Iterator[Finding]:
    """Tell where lists of the usual depth end before the judged documents do, of topics that are judged whole."""
    n = len(collection.docs)
    reachable = np.full(len(qrels.queries), n) if collection.candidates is None else collection.candidates.counts
    judged = np.bincount(qrels.query_rows[qrels.rows >= 0], minlength=len(reachable))
    exhausted = np.flatnonzero((judged >= reachable) & (reachable > DEPTH))
    if len(exhausted):
        message = (
            f"{qrels.name}: for {len(exhausted):,} queries each of up to {reachable[exhausted].max():,} documents is"
            " judged;"
            f" measures of screening (WSS, last_rel, norm_area) read lists to the end, past the usual {DEPTH:,}"
        )
        yield Finding(
            "whole-lists",
            "note",
            len(exhausted),
            message,
            tuple(qrels.queries.take(exhausted[:MAX_EXAMPLES])),
        )


def _audit_relevant_candidates(collection: CollectionData, qrels: Qrels) -> Iterator[Finding]:
    if collection.candidates is None:
        return
    is_relevant = (qrels.grades >= qrels.min_rel) & (qrels.rows >= 0)
    outside = np.flatnonzero(is_relevant)
    outside = outside[~collection.candidates.contains(qrels.query_rows[outside], qrels.rows[outside])]
    if not len(outside):
        return
    message = (
        f"{qrels.name}: {len(outside):,} relevant documents are not among their query's candidates, so recall cannot"
        " pass"
        f" {compute_recall_ceiling(qrels, outside):.4g}"
    )
    examples = tuple(
        f"{qrels.queries[qrels.query_rows[at]]} {collection.docs.ids[qrels.rows[at]]}" for at in outside[:MAX_EXAMPLES]
    )
    yield Finding("relevant-outside-candidates", "warning", len(outside), message, examples)


def audit_candidates(
    collection: CollectionData, facts: CandidateFacts | None, max_dangling: float
) -> Iterator[Finding]:
    """Yield what is odd about the candidates."""
    if collection.candidates is None:
        return
    without_candidates = np.flatnonzero(collection.candidates.counts == 0)
    if len(without_candidates):
        message = (
            f"{len(without_candidates):,} of {len(collection.queries):,} queries have no candidates and get no results"
        )
        yield Finding(
            "no-candidates",
            "warning",
            len(without_candidates),
            message,
            tuple(collection.queries.ids.take(without_candidates[:MAX_EXAMPLES])),
        )
    if facts is None:
        return
    if facts.repeated:
        message = f"candidates: {facts.repeated:,} repeated lines were dropped"
        yield Finding("repeated-candidates", "note", facts.repeated, message)
    if facts.line_ends in ("crlf", "mixed"):
        yield Finding("line-ends", "note", 0, "candidates: lines end with CR LF; accepted")
    if facts.unknown_docs:
        severity: Severity = "error" if facts.unknown_docs > max_dangling * facts.listed else "warning"
        message = f"candidates: {facts.unknown_docs:,} of {facts.listed:,} name documents that the corpus lacks"
        if severity == "error":
            message += f" (max_dangling: {max_dangling:g})"
        yield Finding("candidates-outside", severity, facts.unknown_docs, message, facts.examples)
    if facts.unknown_topics:
        message = f"candidates: {facts.unknown_topics:,} query ids are not among the queries"
        yield Finding("candidates-without-query", "warning", facts.unknown_topics, message)
