"""A scope by dates: documents from before (or after) the query."""

from __future__ import annotations

from nirank.collections.dates import Undated, When, date_key, dated, read_dates
from nirank.collections.texts import Texts
from nirank.context import Context
from nirank.errors import ConfigError, DataError
from nirank.scope import Scope
from nirank.stage import ScopeStage, option, stage


@stage
class Dated(ScopeStage):
    """Allow documents by their date, relative to the query's: `within(Dated("before"), BM25())`.

    Dates are metadata: ISO dates, months or years. A month or a year is every day of it: 'before' takes
    documents that are surely earlier, 'until' those that are not surely later, 'after' and 'since' are the
    same the other way round. Undated documents are seen by all queries, and undated queries see all
    documents, unless `undated` is 'drop'; both are counted. A scope that ends up empty stays empty.
    """

    when: When = option(default="before", help="before, until, after or since the query")
    days: int | None = option(default=None, help="and at most so many days away")
    undated: Undated = option(default="keep", help="keep or drop documents and queries without a date")
    key: str | None = option(
        default=None, help="metadata key of the dates, on both sides [the documents' date, … year]"
    )

    name = "dated"

    def check(self) -> None:
        if self.days is not None and self.days < 0:
            raise ConfigError(f"dated: days must be 0 or more, got {self.days}")

    def scope(self, queries: Texts, docs: Texts, ctx: Context) -> Scope:
        key = self.key or date_key(docs)
        theirs = None if key is None else read_dates(docs, key)
        if key is None or theirs is None or (len(docs) and theirs.undated.all()):
            named = "no metadata key such as date or year" if key is None else f"no date under '{key}'"
            raise DataError(f"dated: the documents have {named}; name the key with {{dated: {{key: …}}}}")
        asked = read_dates(queries, key)  # the documents' key: a few queries alone could suggest another one
        ctx.count("undated_documents", int(theirs.undated.sum()))
        ctx.count("undated_queries", int(asked.undated.sum()))
        rule = dated(theirs, asked, self.when, self.days, self.undated)
        return Scope(queries.ids, docs.ids, between=(rule,))
