"""BM25: lexical retrieval, equal to Lucene's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from nirank.algebra.context import Context
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Read, Retriever, option, stage
from nirank.base.memory import MemoryNeed, Sizes, estimate_library_memory
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, StageError
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.stages._range_statistics import open_fields_with_statistics, plan_with_statistics

if TYPE_CHECKING:
    from nirank.lexical.postings import Fields

_A_SCOPED_PAIR = 24  # bytes of a pair of the scope while it is searched, beside those of every restricted search
_A_TERM = 300  # bytes of a term: in the dictionary, as text, and sorted
_MOSTLY = 0.5  # share of unknown query terms from which something must be wrong


@stage
class BM25(Retriever):
    """Rank documents by the terms that they share with the query, weighted by rarity.

    Documents and float32 scores equal those of Lucene's BM25Similarity (formula and roundings in
    `nirank.lexical.scoring`); its length byte, document count and idf are used. Queries are bags of
    words of any length; there is no query language. Only documents that share a term are returned.

    Robertson and Zaragoza, Foundations and Trends in IR 3(4), 2009; Kamphuis et al., ECIR 2020,
    tell the variants apart (this is 'Lucene (accurate)' with encoded lengths).
    """

    k1: float = option(default=0.9, help="how slowly repeated terms saturate; 0: presence only")
    b: float = option(default=0.4, help="how strongly length is normalised, 0 to 1")
    fields: Mapping[str, float] | None = option(
        default=None, help="columns searched as fields of their own, with weights"
    )
    doc_text: View = option(default=TITLE_AND_TEXT, help="columns joined into one field, or a template")
    query_text: View = option(default=TITLE_AND_TEXT, help="columns of the query, or a template")
    analyzer: str = option(
        default="english", help="a language (english, german, chinese …), standard, simple or whitespace"
    )
    k3: float | None = option(
        default=None, help="how slowly terms that the query repeats saturate; 0: presence only [they do not]"
    )

    by_ranges: ClassVar[bool] = True

    name = "bm25"
    source = "Lucene's BM25Similarity; Robertson and Zaragoza 2009, formula 3.15 without the factor k1 + 1"

    def check(self) -> None:
        from nirank.lexical.analysis import check_analyzer

        check_analyzer(self.analyzer)
        if not 0 <= self.b <= 1:
            raise ConfigError(f"bm25: b must be from 0 to 1, got {self.b}")
        if self.k1 < 0:
            raise ConfigError(f"bm25: k1 must be 0 or more, got {self.k1}")
        if self.k3 is not None and self.k3 < 0:
            raise ConfigError(f"bm25: k3 must be 0 or more, got {self.k3}")
        if self.fields is None:
            return
        if self.doc_text != TITLE_AND_TEXT:
            raise ConfigError("bm25: doc_text joins columns into one field and fields keeps them apart; give one")
        bad = [f"{name}: {weight}" for name, weight in self.fields.items() if not 0 <= weight < math.inf]
        if bad or not any(self.fields.values()):
            raise ConfigError(f"bm25: fields need weights from 0, one of them above, got {', '.join(bad) or 'none'}")

    def list_text_views(self) -> Iterator[tuple[str, Read, TextView]]:
        for name, side, view in super().list_text_views():
            if self.fields is None or side != "docs":
                yield name, side, view
        if self.fields is not None:  # one field may be blank in a collection, as titles are; all of them may not
            yield "fields", "docs", TextView(tuple(self.fields))

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        return plan_with_statistics(self, sides)

    def plan_index(self, sides: Sides) -> Node:
        """Return the node of the documents' index."""
        from nirank.lexical.jvm import find_lucene_major

        params: dict[str, Any] = {"analyzer": self.analyzer, "lucene": find_lucene_major()}
        if self.fields is not None:
            params["fields"] = sorted(self.fields)
        elif self.doc_text != TITLE_AND_TEXT:
            params["doc_text"] = self.doc_text
        inputs = (("texts", sides.docs),)
        label = f"index of {sides.docs.label}"
        return Node(
            "nirank.stages.bm25:build_index",
            1,
            params,
            inputs,
            offline=True,
            memory=_estimate_indexing,
            label=label,
            movable=True,
        )

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what a search takes: Java, the compiled loops and their buffers, the queries."""
        from nirank.lexical.scoring import estimate_buffers

        libraries = estimate_library_memory("java") + estimate_library_memory("numba")
        pairs = _A_SCOPED_PAIR * sizes.scoped_pairs
        return MemoryNeed(libraries + estimate_buffers(sizes.docs) + pairs + 12 * sizes.query_bytes)

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Ranking:
        from nirank.lexical.analysis import Analyzer
        from nirank.lexical.scoring import search

        fields = open_fields_with_statistics(ctx)
        tokens = list(Analyzer(self.analyzer).tokenize(queries.read(TextView(self.query_text))))
        ctx.count("empty_queries", sum(not terms for terms in tokens))
        warn_of_unknown_terms(self.name, tokens, fields, self.analyzer, ctx)
        ctx.declare("documents", {name: field.doc_count for name, field in fields.items()})
        field_weights = self.fields or {}
        # In the index's order, in which sums are rounded.
        weights = {name: field_weights.get(name, 1.0) for name in fields}
        return search(fields, weights, tokens, scope, k1=self.k1, b=self.b, k=k, k3=self.k3)

    def describe_conventions(self) -> Mapping[str, Any]:
        return {
            "k1": self.k1,
            "b": self.b,
            **({} if self.k3 is None else {"k3": self.k3}),
            "analyzer": self.analyzer,
            "idf": "ln(1 + (N - df + 0.5) / (df + 0.5))",
            "length": "Lucene's byte",
            **({"fields": dict(self.fields)} if self.fields else {"doc_text": str(TextView(self.doc_text))}),
            "query_text": str(TextView(self.query_text)),
        }


def warn_of_unknown_terms(
    stage: str, tokens: Sequence[Sequence[str]], fields: Fields, analyzer: str, ctx: Context
) -> None:
    """Tell how many query terms no document has: many of them mean the wrong language or analyzer."""
    from nirank.lexical.scoring import find_unknown_terms

    distinct = [set(terms) for terms in tokens if terms]
    unknown = find_unknown_terms([field.vocabulary for field in fields.values()], set().union(*distinct))
    shares = [len(terms & unknown) / len(terms) for terms in distinct]
    share = sum(len(terms & unknown) for terms in distinct) / max(sum(map(len, distinct)), 1)
    ctx.declare("unknown_terms", round(share, 4))
    ctx.count("queries_mostly_unknown", sum(share > _MOSTLY for share in shares))
    if share > _MOSTLY:
        ctx.warn(
            f"{stage}: {100 * share:.0f} % of the query terms occur in no document;"
            f" analyzer '{analyzer}' may not fit the language"
        )


def _estimate_indexing(sizes: Sizes) -> MemoryNeed:
    """Return what indexing takes: Java, the least chunk, a length for each document, and the vocabulary.

    A vocabulary grows as 44 times the number of tokens to the power of 0.49 (Heaps' law with the constants of RCV1:
    Manning, Raghavan and Schütze, Introduction to Information Retrieval, 2008, section 5.1.1).
    """
    tokens = sizes.text_bytes / 6
    return MemoryNeed(estimate_library_memory("java") + 8 * sizes.texts + int(44 * tokens**0.49) * _A_TERM)


def build_index(job: Job) -> None:
    """Index the documents: one field over a text view, or columns as fields."""
    from nirank.lexical.jvm import read_lucene_version
    from nirank.lexical.postings import build_index

    texts: Texts = job.get_input("texts")
    planned, version = job.params["lucene"], read_lucene_version()
    if version.split(".")[0] != str(planned):
        raise StageError(f"bm25: planned with Lucene {planned}, but Java runs {version}; run in a process of its own")
    view = job.params.get("doc_text", TITLE_AND_TEXT)
    views = {name: TextView(name) for name in job.params["fields"]} if "fields" in job.params else {"": TextView(view)}
    read = {name: texts.read(view) for name, view in views.items()}
    if len(read) == 1:
        read = {name: job.context.count_blank(column, "empty_documents") for name, column in read.items()}
    fields = {name: job.context.track(column, len(texts), "indexing") for name, column in read.items()}
    build_index(fields, len(texts), job.params["analyzer"], job.folder)
