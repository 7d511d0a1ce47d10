"""BM25F: lexical retrieval over weighted fields, whose frequencies are added before they saturate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from nirank.algebra.context import Context
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Read, Retriever, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.stages._range_statistics import open_fields_with_statistics, plan_statistics, plan_with_statistics
from nirank.stages.bm25 import BM25, warn_of_unknown_terms

_A_POSTING = 96  # bytes of a posting while the fields' are combined
_A_TERM = 200  # bytes of a term of the vocabularies that are merged


@stage
class BM25F(Retriever):
    """Rank documents by shared terms, where a term in a title may count as several in the text.

        tf(t, d) = Σ over fields f of weight_f × tf(t, d, f) / (1 - b_f + b_f × length(d, f) / mean length of f)
        score    = Σ over query terms of qtf × idf(t) × tf(t, d) / (k1 + tf(t, d))

    `bm25` with fields adds scores, so a term in both fields counts twice however often it occurs; here its
    frequencies are added first and saturate once. df counts documents with the term in any field of weight above 0; idf
    and lengths are those of `bm25`, and with one field of weight 1 scores are too, but for rounding.

    Robertson, Zaragoza and Taylor, CIKM 2004; lengths by field: Zaragoza et al., TREC 2004.
    """

    fields: Mapping[str, float] = option(help="columns and their weights")
    k1: float = option(default=0.9, help="how slowly repeated terms saturate; 0: presence only")
    b: float | Mapping[str, float] = option(default=0.4, help="how strongly length is normalised, 0 to 1; or by field")
    k3: float | None = option(
        default=None, help="how slowly terms that the query repeats saturate; 0: presence only [they do not]"
    )
    query_text: View = option(default=TITLE_AND_TEXT, help="columns of the query, or a template")
    analyzer: str = option(default="english", help="a language, standard, simple or whitespace")

    by_ranges: ClassVar[bool] = True

    name = "bm25f"
    source = "Zaragoza, Craswell, Taylor, Saria and Robertson, TREC 2004, section 3.1, without the factor k1 + 1"

    def check(self) -> None:
        bad = [f"{name}: {weight}" for name, weight in self.fields.items() if not 0 <= weight < math.inf]
        if bad or not any(self.fields.values()):
            raise ConfigError(f"bm25f: fields need weights from 0, one of them above, got {', '.join(bad) or 'none'}")
        if isinstance(self.b, Mapping) and set(self.b) != set(self.fields):
            raise ConfigError(f"bm25f: b names {', '.join(self.b) or 'nothing'}; expected {', '.join(self.fields)}")
        wrong = {name: b for name, b in self._bs.items() if not 0 <= b <= 1}
        if wrong:
            raise ConfigError(f"bm25f: b must be from 0 to 1, got {', '.join(map(str, wrong.values()))}")
        if self.k1 < 0 or (self.k3 is not None and self.k3 < 0):
            raise ConfigError(f"bm25f: k1 and k3 must be 0 or more, got {self.k1} and {self.k3}")
        self._bm25.check()

    @property
    def _bs(self) -> dict[str, float]:
        return dict(self.b) if isinstance(self.b, Mapping) else dict.fromkeys(self.fields, self.b)

    @property
    def _bm25(self) -> BM25:
        return BM25(fields=dict.fromkeys(self.fields, 1.0), query_text=self.query_text, analyzer=self.analyzer)

    def list_text_views(self) -> Iterator[tuple[str, Read, TextView]]:
        yield from super().list_text_views()
        yield "fields", "docs", TextView(tuple(self.fields))

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        return plan_with_statistics(self, sides)

    def plan_index(self, sides: Sides) -> Node:
        """Return the node of the documents' fields as one."""
        bm25 = self._bm25
        lengths = () if sides.whole is None else (("statistics", plan_statistics(bm25, sides.whole)),)
        return Node(
            "nirank.stages.bm25f:combine_fields",
            1,
            {"weights": dict(self.fields), "b": self._bs},
            (("index", bm25.plan_index(sides)), *lengths),
            offline=True,
            memory=self._estimate_combining,
            label=f"fields of {sides.docs.label} as one",
            movable=True,
        )

    def _estimate_combining(self, sizes: Sizes) -> MemoryNeed:
        """Return what combining takes: a term that all documents have in all fields, and the vocabularies (`bm25`)."""
        terms = int(44 * (sizes.text_bytes / 6) ** 0.49)
        return MemoryNeed(_A_POSTING * len(self.fields) * sizes.texts + _A_TERM * terms)

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return self._bm25.estimate_memory(sizes)

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Ranking:
        from nirank.lexical.analysis import Analyzer
        from nirank.lexical.scoring import search

        fields = open_fields_with_statistics(ctx)
        tokens = list(Analyzer(self.analyzer).tokenize(queries.read(TextView(self.query_text))))
        ctx.count("empty_queries", sum(not terms for terms in tokens))
        warn_of_unknown_terms(self.name, tokens, fields, self.analyzer, ctx)
        ctx.declare("documents", {"": fields[""].doc_count})
        return search(fields, {"": 1.0}, tokens, scope, k1=self.k1, b=0.0, k=k, k3=self.k3)

    def describe_conventions(self) -> Mapping[str, Any]:
        return {
            "fields": dict(self.fields),
            "k1": self.k1,
            "b": self._bs,
            **({} if self.k3 is None else {"k3": self.k3}),
            "analyzer": self.analyzer,
            "idf": "ln(1 + (N - df + 0.5) / (df + 0.5))",
            "length": "Lucene's byte",
            "query_text": str(TextView(self.query_text)),
        }


def combine_fields(job: Job) -> None:
    """Combine the fields of an index."""
    from nirank.lexical.field_frequencies import combine_fields
    from nirank.lexical.postings import Index
    from nirank.lexical.range_statistics import RangeStatistics

    fields = Index.open(job.get_input("index")).fields
    if "statistics" in job.inputs:  # a mean length is that of all ranges
        fields = RangeStatistics.open(job.get_input("statistics")).replace_lengths(fields)
    combine_fields(fields, job.params["weights"], job.params["b"], job.folder)
