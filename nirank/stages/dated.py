"""A scope by dates: documents from before (or after) the query."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Self

from nirank.algebra.context import Context
from nirank.algebra.sides import Sides
from nirank.algebra.stage import ScopeStage, option, stage
from nirank.collections.date_gaps import GapUnit, Window, make_gap_ranges
from nirank.collections.dates import Undated, When, find_date_keys, get_dates, make_date_range
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.scope import Scope, ValueRange


@stage
class Dated(ScopeStage):
    """Allow documents by their date, relative to the query's: `within(Dated("before"), BM25())`.

    Dates are metadata, in the forms that docs/collections.md lists. A month or a year is every day of it: 'before'
    takes documents that are surely earlier, 'until' those that are not surely later, 'after' and 'since' are the
    same the other way round. Undated documents are seen by all queries, and undated queries see all
    documents, unless `undated` is 'drop'; both are counted. A scope that ends up empty stays empty.

    `gap` is a window beside: L ≤ query's date - document's date ≤ W, in calendar years or in days; of a date that means
    several days, what may lie inside is allowed. `Dated("any", gap=(0, 10))` takes documents of the query's year and
    of the ten before, `Dated("any", gap=(-3, 0))` those of the query's year and of the three after.
    """

    when: When | Literal["any"] = option(
        default="before", help="before, until, after or since the query; any: only the gap counts"
    )
    days: int | None = option(default=None, help="and at most so many days away")
    undated: Undated = option(default="keep", help="keep or drop documents and queries without a date")
    key: str | None = option(
        default=None,
        help="metadata key of both sides' dates [the collection's, or date, … year]",
    )
    gap: Window | None = option(
        default=None, help="least and greatest gap, query's date - document's; null in it: no bound"
    )
    unit: GapUnit = option(default="years", help="of the gap: calendar years, or days")

    name = "dated"

    def check(self) -> None:
        if self.days is not None and self.days < 0:
            raise ConfigError(f"dated: days must be 0 or more, got {self.days}")
        if self.when == "any" and (self.gap is None or self.days is not None):
            raise ConfigError("dated: any takes documents from before and after; expected gap: [least, greatest] alone")
        if self.gap is None:
            if self.unit != "years":
                raise ConfigError("dated: unit is that of the gap; expected gap: [least, greatest] beside it")
            return
        least, most = self.gap
        if least is not None and most is not None and least > most:
            raise ConfigError(f"dated: gap: expected the least first, got [{least}, {most}]")
        past = self.when in ("before", "until")
        if self.when != "any" and ((least or 0) < 0 if past else (most or 0) > 0):
            other = "later" if past else "earlier"
            raise ConfigError(
                f"dated: the gap [{least}, {most}] reaches {other} documents, which '{self.when}' leaves out;"
                " expected when: any"
            )

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
        ranges: tuple[ValueRange, ...] = (
            () if self.when == "any" else (make_date_range(dates, query_dates, self.when, self.days, self.undated),)
        )
        if self.gap is not None:
            ranges += make_gap_ranges(dates, query_dates, self.gap, self.unit, self.undated)
        return Scope(queries.ids, docs.ids, ranges=ranges)
