"""A scope by dates: documents from before (or after) the query."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

from nirank.algebra.context import Context
from nirank.algebra.sides import Sides
from nirank.algebra.stage import ScopeStage, option, stage
from nirank.collections.dates import Undated, When, find_date_keys, get_dates, make_date_range
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.scope import Scope


@stage
class Dated(ScopeStage):
    """Allow documents by their date, relative to the query's: `within(Dated("before"), BM25())`.

    Dates are metadata, in the forms that docs/collections.md lists. A month or a year is every day of it: 'before'
    takes documents that are surely earlier, 'until' those that are not surely later, 'after' and 'since' are the
    same the other way round. Undated documents are seen by all queries, and undated queries see all
    documents, unless `undated` is 'drop'; both are counted. A scope that ends up empty stays empty.
    """

    when: When = option(default="before", help="before, until, after or since the query")
    days: int | None = option(default=None, help="and at most so many days away")
    undated: Undated = option(default="keep", help="keep or drop documents and queries without a date")
    key: str | None = option(
        default=None,
        help="metadata key of both sides' dates [the collection's, or date, … year]",
    )

    name = "dated"

    def check(self) -> None:
        if self.days is not None and self.days < 0:
            raise ConfigError(f"dated: days must be 0 or more, got {self.days}")

    def resolve_options(self, sides: Sides) -> Self:
        return self if self.key is not None or sides.date is None else replace(self, key=sides.date)

    def check_sides(self, sides: Sides, queries: Texts, docs: Texts) -> None:
        find_date_keys(self.key or sides.date, queries, docs, self.name)

    def build_scope(self, queries: Texts, docs: Texts, ctx: Context) -> Scope:
        key, query_key = find_date_keys(self.key, queries, docs, self.name)
        dates, query_dates = get_dates(docs, key), get_dates(queries, query_key)
        ctx.declare("date", key if key == query_key else f"{key} (queries: {query_key})")
        ctx.count("undated_documents", int(dates.undated.sum()))
        ctx.count("undated_queries", int(query_dates.undated.sum()))
        rule = make_date_range(dates, query_dates, self.when, self.days, self.undated)
        return Scope(queries.ids, docs.ids, ranges=(rule,))
