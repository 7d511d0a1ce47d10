"""Missing and impossible dates, and documents from after the query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from nirank.collections.audit.finding import SHOWN, Finding

if TYPE_CHECKING:
    from nirank.collections.collection import Collection
    from nirank.collections.dates import Dates
    from nirank.collections.texts import Texts


def date_findings(collection: Collection) -> Iterator[Finding]:
    """Yield what is odd about dates, on both sides and between them."""
    docs, queries = collection.doc_dates, collection.query_dates
    if docs is not None:
        yield from _side(collection.docs, docs, "documents")
    if queries is not None:
        yield from _side(collection.queries, queries, "queries")
    if docs is None or queries is None or collection.time == "as_of_query":
        return
    dated = ~queries.undated
    days = np.sort(docs.first[~docs.undated])
    later = len(days) - np.searchsorted(days, queries.last[dated], side="right")
    if (later > 0).any():
        message = (
            f"the corpus has documents dated after the query for {(later > 0).sum():,} of {dated.sum():,} queries"
            f" ({later.mean() / max(len(days), 1):.0%} of it on average); time: as_of_query leaves them out"
        )
        yield Finding("later-documents", "note", int((later > 0).sum()), message)
    for qrels in collection.qrels.values():
        at = np.flatnonzero((qrels.rows >= 0) & (qrels.grades >= qrels.min_rel))
        at = at[dated[qrels.query_rows[at]] & ~docs.undated[qrels.rows[at]]]
        late = at[docs.first[qrels.rows[at]] > queries.last[qrels.query_rows[at]]]
        if len(late):
            examples = tuple(
                f"{qrels.queries[qrels.query_rows[one]]} {collection.docs.ids[qrels.rows[one]]}" for one in late[:SHOWN]
            )
            message = f"{qrels.name}: {len(late):,} relevant documents are dated after their query"
            yield Finding("relevant-later", "warning", len(late), message, examples)


def _side(texts: Texts, dates: Dates, what: str) -> Iterator[Finding]:
    n = len(texts)
    if dates.missing:
        rows = np.flatnonzero(dates.undated)[:SHOWN]
        message = f"{dates.missing:,} of {n:,} {what} have no '{dates.key}'"
        yield Finding(f"undated-{what}", "note", dates.missing, message, tuple(texts.ids.take(rows)))
    if dates.impossible:
        examples = tuple(f"{texts.ids[row]}: '{value}'" for row, value in dates.examples)
        message = f"{dates.impossible:,} of {n:,} {what} have a '{dates.key}' that is no date; they count as undated"
        yield Finding(f"impossible-dates-{what}", "warning", dates.impossible, message, examples)
    partial = {form: count for form, count in dates.forms.items() if count and form != "day"}
    if partial:
        listed = ", ".join(f"{count:,} only a {form}" for form, count in partial.items())
        message = f"of {n:,} {what}, {listed} in '{dates.key}'; they stand for the whole {'/'.join(partial)}"
        yield Finding(f"partial-dates-{what}", "note", sum(partial.values()), message)
