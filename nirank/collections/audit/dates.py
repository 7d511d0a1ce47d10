"""Missing and impossible dates, and documents from after the query."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nirank.collections.audit.judgements import compute_recall_ceiling
from nirank.collections.collection_data import CollectionData
from nirank.collections.dates import Dates
from nirank.collections.findings import MAX_EXAMPLES, Finding
from nirank.collections.texts import Texts
from nirank.flow.qrels import Qrels


def audit_dates(collection: CollectionData) -> Iterator[Finding]:
    """Yield what is odd about dates, on both sides and between them."""
    docs, queries = collection.doc_dates, collection.query_dates
    if docs is not None:
        yield from _side(collection.docs, docs, "documents")
    if queries is not None:
        yield from _side(collection.queries, queries, "queries")
    if docs is None or queries is None:
        return
    ruled = collection.time == "as_of_query"
    dated = ~queries.undated
    days = np.sort(docs.first[~docs.undated])
    later = len(days) - np.searchsorted(days, queries.last[dated], side="right")
    if (later > 0).any():
        message = (
            f"the corpus has documents dated after the query for {(later > 0).sum():,} of {dated.sum():,} queries"
            f" ({later.mean() / max(len(days), 1):.0%} of it on average);"
            f" time: as_of_query {'has left' if ruled else 'leaves'} them out"
        )
        yield Finding("later-documents", "note", int((later > 0).sum()), message)
    for qrels in collection.qrels.values():
        at = np.flatnonzero((qrels.rows >= 0) & (qrels.grades >= qrels.min_rel))
        both = dated[qrels.query_rows[at]] & ~docs.undated[qrels.rows[at]]
        late = at[both & (docs.first[qrels.rows[at]] > queries.last[qrels.query_rows[at]])]
        if len(late):
            message = f"{qrels.name}: {len(late):,} relevant documents are dated after their query"
            yield Finding("relevant-later", "warning", len(late), message, _pairs(collection, qrels, late))
        if ruled:
            yield from _left_out(collection, qrels, at)


def _left_out(collection: CollectionData, qrels: Qrels, at: NDArray[np.int64]) -> Iterator[Finding]:
    """Tell how many relevant documents `as_of_query` takes from what can be found."""
    (rule,) = collection.build_scopes()["documents before the query"].ranges
    lost = at[~rule.allows(qrels.query_rows[at], qrels.rows[at])]
    if len(lost):
        message = (
            f"{qrels.name}: time: as_of_query leaves out {len(lost):,} of {len(at):,} relevant documents, which are not"
            f" surely dated before their query, so recall cannot pass {compute_recall_ceiling(qrels, lost):.4g}"
        )
        yield Finding("relevant-outside-time", "warning", len(lost), message, _pairs(collection, qrels, lost))


def _pairs(collection: CollectionData, qrels: Qrels, at: NDArray[np.int64]) -> tuple[str, ...]:
    return tuple(
        f"{qrels.queries[qrels.query_rows[row]]} {collection.docs.ids[qrels.rows[row]]}"
        for row in at[:MAX_EXAMPLES].tolist()
    )


# What is no date: kind, the code of its finding, and what is said of `n of N documents`.
_KINDS = (
    ("impossible", "impossible-dates", "have a '{}' that is no date; they count as undated"),
    ("placeholders", "placeholder-dates", "have a placeholder as '{}', not a date; they count as undated"),
    (
        "ambiguous",
        "ambiguous-dates",
        "have a '{}' of which nothing tells which number is the month; they count as undated",
    ),
)


def _side(texts: Texts, dates: Dates, what: str) -> Iterator[Finding]:
    n = len(texts)
    if dates.missing:
        lacking = np.flatnonzero(dates.undated)
        other = {row for rows in dates.examples.values() for row, _ in rows}
        rows = [row for row in lacking[: MAX_EXAMPLES + len(other)].tolist() if row not in other][:MAX_EXAMPLES]
        message = f"{dates.missing:,} of {n:,} {what} have no '{dates.key}'"
        yield Finding(f"undated-{what}", "note", dates.missing, message, tuple(texts.ids.take(rows)))
    for kind, code, said in _KINDS:
        count = getattr(dates, kind)
        if count:
            examples = tuple(f"{texts.ids[row]}: '{value}'" for row, value in dates.examples[kind])
            message = f"{count:,} of {n:,} {what} {said.format(dates.key)}"
            yield Finding(f"{code}-{what}", "warning", count, message, examples)
    partial = {form: count for form, count in dates.forms.items() if count and form != "day"}
    if partial:
        listed = ", ".join(f"{count:,} only a {form}" for form, count in partial.items())
        message = f"of {n:,} {what}, {listed} in '{dates.key}'; they stand for the whole {'/'.join(partial)}"
        yield Finding(f"partial-dates-{what}", "note", sum(partial.values()), message)
