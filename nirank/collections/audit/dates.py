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
        yield from _audit_side(collection.docs, docs, "documents")
    if queries is not None:
        yield from _audit_side(collection.queries, queries, "queries")
    if docs is None or queries is None:
        return
    is_as_of_query = collection.time == "as_of_query"
    dated = ~queries.undated
    days = np.sort(docs.first[~docs.undated])
    later_counts = len(days) - np.searchsorted(days, queries.last[dated], side="right")
    if (later_counts > 0).any():
        message = (
            f"the corpus has documents dated after the query for {(later_counts > 0).sum():,} of {dated.sum():,}"
            " queries"
            f" ({later_counts.mean() / max(len(days), 1):.0%} of it on average);"
            f" time: as_of_query {'has left' if is_as_of_query else 'leaves'} them out"
        )
        yield Finding("later-documents", "note", int((later_counts > 0).sum()), message)
    for qrels in collection.qrels.values():
        relevant = np.flatnonzero((qrels.rows >= 0) & (qrels.grades >= qrels.min_rel))
        is_dated = dated[qrels.query_rows[relevant]] & ~docs.undated[qrels.rows[relevant]]
        later_pairs = relevant[is_dated & (docs.first[qrels.rows[relevant]] > queries.last[qrels.query_rows[relevant]])]
        if len(later_pairs):
            message = f"{qrels.name}: {len(later_pairs):,} relevant documents are dated after their query"
            yield Finding(
                "relevant-later", "warning", len(later_pairs), message, _show_pairs(collection, qrels, later_pairs)
            )
        if is_as_of_query:
            yield from _audit_left_out(collection, qrels, relevant)


def _audit_left_out(collection: CollectionData, qrels: Qrels, relevant: NDArray[np.int64]) -> Iterator[Finding]:
    """Tell how many relevant documents `as_of_query` takes from what can be found."""
    (rule,) = collection.build_scopes()["documents before the query"].ranges
    left_out = relevant[~rule.allows(qrels.query_rows[relevant], qrels.rows[relevant])]
    if len(left_out):
        message = (
            f"{qrels.name}: time: as_of_query leaves out {len(left_out):,} of {len(relevant):,} relevant documents,"
            " which are not"
            f" surely dated before their query, so recall cannot pass {compute_recall_ceiling(qrels, left_out):.4g}"
        )
        yield Finding(
            "relevant-outside-time", "warning", len(left_out), message, _show_pairs(collection, qrels, left_out)
        )


def _show_pairs(collection: CollectionData, qrels: Qrels, pairs: NDArray[np.int64]) -> tuple[str, ...]:
    return tuple(
        f"{qrels.queries[qrels.query_rows[at]]} {collection.docs.ids[qrels.rows[at]]}"
        for at in pairs[:MAX_EXAMPLES].tolist()
    )


# Values that are no dates: their kind, the code of the finding, and its message about `n of N documents`.
_NO_DATE_KINDS = (
    ("impossible", "impossible-dates", "have a '{}' that is no date; they count as undated"),
    ("placeholders", "placeholder-dates", "have a placeholder as '{}', not a date; they count as undated"),
    (
        "ambiguous",
        "ambiguous-dates",
        "have a '{}' of which nothing tells which number is the month; they count as undated",
    ),
)


def _audit_side(texts: Texts, dates: Dates, what: str) -> Iterator[Finding]:
    n = len(texts)
    if dates.missing:
        undated = np.flatnonzero(dates.undated)
        shown_rows = {row for rows in dates.examples.values() for row, _ in rows}
        rows = [row for row in undated[: MAX_EXAMPLES + len(shown_rows)].tolist() if row not in shown_rows][
            :MAX_EXAMPLES
        ]
        message = f"{dates.missing:,} of {n:,} {what} have no '{dates.key}'"
        yield Finding(f"undated-{what}", "note", dates.missing, message, tuple(texts.ids.take(rows)))
    for kind, code, description in _NO_DATE_KINDS:
        count = getattr(dates, kind)
        if count:
            examples = tuple(f"{texts.ids[row]}: '{value}'" for row, value in dates.examples[kind])
            message = f"{count:,} of {n:,} {what} {description.format(dates.key)}"
            yield Finding(f"{code}-{what}", "warning", count, message, examples)
    partial = {form: count for form, count in dates.forms.items() if count and form != "day"}
    if partial:
        forms = ", ".join(f"{count:,} only a {form}" for form, count in partial.items())
        message = f"of {n:,} {what}, {forms} in '{dates.key}'; they stand for the whole {'/'.join(partial)}"
        yield Finding(f"partial-dates-{what}", "note", sum(partial.values()), message)
