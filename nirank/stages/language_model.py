"""Query likelihood of words: lexical retrieval by smoothed language models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from nirank.algebra.context import Context
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Retriever, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.stages.bm25 import BM25, warn_of_unknown_terms

_LAMBDA = 0.2  # of ielab/sdr, the reproduction by the authors of the paper on neural rankers for screening
_A_LENGTH = 8  # bytes of a document's length while it is counted, or compared
_BLOCK_BYTES = 40 << 20  # of the postings that are counted at a time
_MU = 1000.0  # Zhai and Lafferty 2004 find 500 to 10,000 good for short queries


@stage
class LanguageModel(Retriever):
    """Rank documents by how likely their smoothed models of words find the query.

    Jelinek-Mercer mixes the collection's model into each document's by the same share; Dirichlet adds `mu` of the
    collection's tokens to each document, so short documents are smoothed more. Formulas, and what differs in Lucene,
    are in `nirank.lexical.language_models`. Only documents that share a term are returned. With `collection:
    candidates` scores depend on what else the query may be given. (`query_likelihood` asks a causal language model.)

    Zhai and Lafferty, ACM TOIS 22(2), 2004.
    """

    smoothing: Literal["jelinek_mercer", "dirichlet"] = option(
        default="jelinek_mercer", help="jelinek_mercer or dirichlet"
    )
    lam: float | None = option(default=None, help="Jelinek-Mercer's λ, the collection's share, in (0, 1) [0.2]")
    mu: float | None = option(default=None, help="Dirichlet's μ, tokens of the collection's model, above 0 [1000]")
    collection: Literal["corpus", "candidates"] = option(
        default="corpus", help="what p(t | C) is counted in: all documents, or those that the query may be given"
    )
    doc_text: View = option(default=TITLE_AND_TEXT, help="columns joined into one field, or a template")
    query_text: View = option(default=TITLE_AND_TEXT, help="columns of the query, or a template")
    analyzer: str = option(default="english", help="a language, standard, simple or whitespace")

    name = "language_model"
    source = "Zhai and Lafferty, ACM TOIS 22(2), 2004, section 3; with candidates: Wang et al., ECIR 2022"

    def check(self) -> None:
        self._bm25.check()
        if self.lam is not None:
            if self.smoothing != "jelinek_mercer":
                raise ConfigError("language_model: lam is Jelinek-Mercer's; with dirichlet give mu")
            if not 0 < self.lam < 1:
                raise ConfigError(f"language_model: lam must be above 0 and below 1, got {self.lam}")
        if self.mu is not None:
            if self.smoothing != "dirichlet":
                raise ConfigError("language_model: mu is Dirichlet's; set smoothing: dirichlet, or give lam")
            if self.mu <= 0:
                raise ConfigError(f"language_model: mu must be above 0, got {self.mu}")

    @property
    def _bm25(self) -> BM25:
        return BM25(doc_text=self.doc_text, query_text=self.query_text, analyzer=self.analyzer)

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        (index,) = self._bm25.plan_inputs(sides)
        statistics = Node(
            "nirank.stages.language_model:count_terms",
            1,
            {},
            (("index", index),),
            offline=True,
            memory=_estimate_counting,
            label=f"term counts of {sides.docs.label}",
        )
        return index, statistics

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        need = self._bm25.estimate_memory(sizes)
        return need._replace(main=need.main + _A_LENGTH * sizes.docs)

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Ranking:
        from nirank.lexical.analysis import Analyzer
        from nirank.lexical.language_models import Smoothing, search_by_likelihood
        from nirank.lexical.postings import Index
        from nirank.lexical.term_statistics import TermStatistics

        index = Index.open(ctx.input_folder(0))
        statistics = TermStatistics.open(ctx.input_folder(1))
        tokens = list(Analyzer(index.analyzer).tokenize(queries.read(TextView(self.query_text))))
        ctx.count("empty_queries", sum(not terms for terms in tokens))
        warn_of_unknown_terms(self.name, tokens, index.fields, self.analyzer, ctx)
        field = index.fields[""]
        ctx.declare("documents", {"": field.doc_count})
        smoothing = Smoothing(self._lam, self._mu, self.collection == "candidates")
        return search_by_likelihood(field, statistics, tokens, scope, smoothing, k)

    @property
    def _lam(self) -> float | None:
        return None if self.smoothing == "dirichlet" else _LAMBDA if self.lam is None else self.lam

    @property
    def _mu(self) -> float | None:
        return None if self.smoothing != "dirichlet" else _MU if self.mu is None else self.mu

    def describe_conventions(self) -> Mapping[str, Any]:
        parameter = {"lambda": self._lam} if self._mu is None else {"mu": self._mu}
        return {
            "smoothing": self.smoothing,
            **parameter,
            "collection": self.collection,
            "analyzer": self.analyzer,
            "length": "exact",
            "doc_text": str(TextView(self.doc_text)),
            "query_text": str(TextView(self.query_text)),
        }


def _estimate_counting(sizes: Sizes) -> MemoryNeed:
    """Return what counting takes: a block of postings, and the lengths."""
    return MemoryNeed(_BLOCK_BYTES + 3 * _A_LENGTH * sizes.texts)


def count_terms(job: Job) -> None:
    """Count the terms of an index."""
    from nirank.lexical.postings import Index
    from nirank.lexical.term_statistics import count_terms

    count_terms(Index.open(job.get_input("index")).fields[""]).save(job.folder)
