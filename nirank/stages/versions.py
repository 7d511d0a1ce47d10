"""A scope with one version of each law."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.sides import Sides
from nirank.algebra.stage import ScopeStage, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.dates import UNDATED, Dates, Undated, find_date_key, get_dates
from nirank.collections.texts import Texts
from nirank.collections.works import (
    VERSION_DATE,
    Take,
    check_work_key,
    group_works,
    order_versions,
    read_version_dates,
)
from nirank.errors import DataError, suggest
from nirank.flow.scope import Scope, ValueRange

_A_DOC, _A_QUERY = 300, 64  # bytes that ordering versions takes
_NEVER = np.iinfo(np.int32).max  # a day after all others


@stage
class Versions(ScopeStage):
    """Allow one version of each law: `within(Versions(), BM25())`.

    as_of_query  the last one from on or before the query's date; a law that has none by then is not there
    adopted      the first one; latest: the last one, whatever the query's date

    Versions are documents with one value under `work`; a document without is a law by itself. Each holds from its date
    until the next one's. Of two with one date the one whose id is greater holds. Undated versions come before all
    dated ones, or are left out if `undated` is 'drop'; an undated query is given the last ones, or none.

    work     metadata key that the versions of a law share
    start    metadata key of the day from which a version holds; where there is none, the document's date counts
    key      of the query's date, and of documents' dates
    """

    take: Take = option(default="as_of_query", help="as_of_query, adopted or latest")
    work: str = option(default="work", help="metadata key that the versions of a law share")
    start: str = option(default=VERSION_DATE, help="metadata key of the day from which a version holds")
    undated: Undated = option(default="keep", help="keep or drop versions and queries without a date")
    key: str | None = option(
        default=None, help="metadata key of queries' and documents' dates [the collection's, or date, … year]"
    )

    name = "versions"

    def resolve_options(self, sides: Sides) -> Self:
        return self if self.key is not None or sides.date is None else replace(self, key=sides.date)

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return MemoryNeed(_A_DOC * sizes.docs + _A_QUERY * sizes.queries)

    def check_sides(self, sides: Sides, queries: Texts, docs: Texts) -> None:
        check_work_key(docs, self.work, self.name)
        replace(self, key=self.key or sides.date)._find_keys(queries, docs)

    def _find_keys(self, queries: Texts, docs: Texts) -> tuple[str | None, str | None]:
        """Return the keys of queries' and documents' dates; raise DataError where one is needed and lacks."""
        known, asked = docs.text_fields.keys, queries.text_fields.keys
        doc_key = self.key if self.key in known else find_date_key(docs)
        if len(docs) and doc_key is None and self.start not in known:
            raise DataError(
                f"versions: the documents have no date under '{self.start}' nor one such as date or year; they have"
                f" {', '.join(known) or 'no metadata'}{suggest(self.start, known)}"
            )
        if self.take != "as_of_query":
            return None, doc_key
        query_key = self.key or find_date_key(queries)
        if len(queries) and query_key not in asked:
            raise DataError(
                f"versions: take: as_of_query needs the queries' dates, but they have none under"
                f" '{query_key or 'date'}'; they have {', '.join(asked) or 'no metadata'}"
                f"{suggest(query_key or 'date', asked)}"
            )
        return query_key, doc_key

    def build_scope(self, queries: Texts, docs: Texts, ctx: Context) -> Scope:
        query_key, doc_key = self._find_keys(queries, docs)
        works = group_works(docs, self.work, self.name)
        dates = read_version_dates(docs, self.start, doc_key)
        n_works = len(np.unique(works))
        ctx.declare("works", f"{n_works:,} laws, {len(docs):,} versions")
        ctx.count("undated_versions", int(dates.undated.sum()))
        dated = np.flatnonzero(~dates.undated) if self.undated == "drop" else np.arange(len(docs))
        order = order_versions(works, dates, docs)
        order = order[np.isin(order, dated)]
        is_last = np.append(np.diff(works[order]) != 0, True)[: len(order)]
        if self.take != "as_of_query":
            is_first = np.concatenate(([True], is_last[:-1]))[: len(order)]
            mask = np.zeros(len(docs), np.bool_)
            mask[order[is_last if self.take == "latest" else is_first]] = True
            return Scope(queries.ids, docs.ids, mask=mask)
        on = get_dates(queries, query_key or "date")
        ctx.count("undated_queries", int(on.undated.sum()))
        ranges = _hold_until_next(order, is_last, dates, on, self.undated)
        mask = np.zeros(len(docs), np.bool_)
        mask[order] = True
        return Scope(queries.ids, docs.ids, mask=None if mask.all() else mask, ranges=ranges)


def _hold_until_next(
    order: NDArray[np.int64], is_last: NDArray[np.bool_], dates: Dates, on: Dates, undated: Undated
) -> tuple[ValueRange, ValueRange]:
    """Return the rules by which a version holds from its date until the day before the next one's."""
    begins = np.where(dates.undated, UNDATED, dates.last).astype(np.int32)
    ends = np.full(len(begins), _NEVER, np.int32)
    ends[order[:-1]] = np.where(is_last[:-1], _NEVER, begins[order[1:]])
    asked = np.where(on.undated, _NEVER - 1, on.first).astype(np.int64)
    if undated == "drop":
        asked[on.undated] = UNDATED - 1  # before all that there is
    nothing = np.zeros(len(begins), np.bool_)
    lowest, highest = (np.full(len(asked), day, np.int64) for day in (UNDATED, _NEVER))
    return ValueRange(begins, lowest, asked, nothing), ValueRange(ends, asked + 1, highest, nothing)
