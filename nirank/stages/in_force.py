"""A scope by two dates of a document: what was in force on the query's date."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.sides import Sides
from nirank.algebra.stage import ScopeStage, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.dates import Dates, Undated, find_date_key, get_dates, make_date_range
from nirank.collections.texts import Texts
from nirank.errors import DataError, suggest
from nirank.flow.scope import Scope

_A_DOC = 80  # bytes that three dates of a document take


@stage
class InForce(ScopeStage):
    """Allow documents that were in force on the query's date: `within(InForce(), BM25())`.

    start ≤ query's date ≤ end, both days inclusive; a month or a year is every day of it, and a document that may have
    been in force is allowed. A document without an end, or with a placeholder such as 9999-12-31, is still in force.
    One without a start begins on its date; one without that either is allowed unless `undated` is 'drop'. A query
    without a date sees all documents, unless `undated` is 'drop'. All of these are counted.

    start, end  metadata keys of the documents; one of them may be absent altogether
    key         of the query's date, and of the date of documents without a start
    """

    start: str = option(default="in_force", help="metadata key of the first day in force")
    end: str = option(default="end", help="metadata key of the last day in force")
    undated: Undated = option(default="keep", help="keep or drop documents without a start, and queries without a date")
    key: str | None = option(
        default=None, help="metadata key of queries' dates, and of starts that lack [the collection's, or date, … year]"
    )

    name = "in_force"

    def resolve_options(self, sides: Sides) -> Self:
        return self if self.key is not None or sides.date is None else replace(self, key=sides.date)

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return MemoryNeed(_A_DOC * sizes.docs)

    def check_sides(self, sides: Sides, queries: Texts, docs: Texts) -> None:
        replace(self, key=self.key or sides.date)._find_keys(queries, docs)

    def _find_keys(self, queries: Texts, docs: Texts) -> tuple[str, str | None]:
        """Return the keys of queries' dates and of documents' dates; raise DataError where a side has none."""
        known = docs.text_fields.keys
        if len(docs) and self.start not in known and self.end not in known:
            raise DataError(
                f"in_force: the documents have neither '{self.start}' nor '{self.end}'; name their keys: {{in_force:"
                f" {{start: …, end: …}}}}; they have {', '.join(known) or 'no metadata'}{suggest(self.start, known)}"
            )
        query_key = self.key or find_date_key(queries)
        if len(queries) and (query_key is None or query_key not in queries.text_fields.keys):
            raise DataError(
                f"in_force: the queries have no date under '{query_key or 'date'}'; they have"
                f" {', '.join(queries.text_fields.keys) or 'no metadata'}"
                f"{suggest(query_key or 'date', queries.text_fields.keys)}"
            )
        doc_key = query_key if query_key in known else find_date_key(docs)
        return query_key or "date", doc_key

    def build_scope(self, queries: Texts, docs: Texts, ctx: Context) -> Scope:
        query_key, doc_key = self._find_keys(queries, docs)
        starts, ends, on = get_dates(docs, self.start), get_dates(docs, self.end), get_dates(queries, query_key)
        ctx.declare("date", f"{self.start} to {self.end} (queries: {query_key})")
        ctx.count("without_start", int(starts.undated.sum()))
        if doc_key is not None:
            starts = _fill(starts, get_dates(docs, doc_key))
        for name, count in (
            ("undated_documents", starts.undated.sum()),
            ("without_end", ends.undated.sum()),
            ("placeholder_ends", ends.placeholders),
            ("undated_queries", on.undated.sum()),
            ("ends_before_start", (ends.last < starts.first)[~ends.undated & ~starts.undated].sum()),
        ):
            ctx.count(name, int(count))
        begun = make_date_range(starts, on, "until", None, self.undated)
        not_ended = replace(make_date_range(ends, on, "since", None, self.undated), always=ends.undated)
        return Scope(queries.ids, docs.ids, ranges=(begun, not_ended))


def _fill(dates: Dates, others: Dates) -> Dates:
    """Return dates, and where there is none the other one."""
    return replace(
        dates,
        first=np.where(dates.undated, others.first, dates.first),
        last=np.where(dates.undated, others.last, dates.last),
    )
