"""RM3: pseudo-relevance feedback by a relevance model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.algebra.sides import DEPTH, Sides
from nirank.algebra.stage import Combiner, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.stages.bm25 import BM25

_TERM = re.compile(r"[a-z0-9]{2,20}")


@stage
class RM3(Combiner):
    """Search again with the query and the terms of its first documents: `bm25 >> RM3()`.

    For the first `docs` documents D with scores s, and tf-weights of a document cut to its `terms` greatest:

        P(t | R) ∝ Σ_D s(D) × w(t, D) / Σ_t' w(t', D)       (RM1)
        weight   = original × P(t | q) + (1 - original) × P(t | R)

    P(t | R) is cut to the `terms` greatest above 0 and summed to 1. Feedback terms have 2 to 20 letters a–z or digits
    and occur in at most a tenth of the documents (of collections of ten or more). These are Anserini's choices. The
    second search is BM25 over all documents that the scope allows.

    Abdul-Jaleel et al., TREC 2004; Lavrenko and Croft, SIGIR 2001 (RM1).
    """

    docs: int = option(default=10, help="feedback documents")
    terms: int = option(default=10, help="feedback terms")
    original: float = option(default=0.5, help="weight of the original query, 0 to 1")
    k: int = option(default=DEPTH, help="how many documents a query gets at most")
    k1: float = option(default=0.9, help="as in bm25")
    b: float = option(default=0.4, help="as in bm25")
    doc_text: View = option(default=TITLE_AND_TEXT, help="columns joined into one field, or a template")
    query_text: View = option(default=TITLE_AND_TEXT, help="columns of the query, or a template")
    analyzer: str = option(default="english", help="a language, standard, simple or whitespace")

    name = "rm3"
    version = 2
    source = "Abdul-Jaleel et al., TREC 2004, section 3; cut-offs as in Anserini's Rm3Reranker"

    def check(self) -> None:
        if self.docs < 1 or self.terms < 1 or self.k < 1:
            raise ConfigError(f"rm3: docs, terms and k must be 1 or more, got {self.docs}, {self.terms}, {self.k}")
        if not 0 <= self.original <= 1:
            raise ConfigError(f"rm3: original must be from 0 to 1, got {self.original}")
        self._bm25.check()

    @property
    def _bm25(self) -> BM25:
        options: dict[str, Any] = {"doc_text": self.doc_text, "query_text": self.query_text, "analyzer": self.analyzer}
        return BM25(self.k1, self.b, **options)

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        return self._bm25.plan_inputs(sides)

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return self._bm25.estimate_memory(sizes)

    def estimate_pairs(self, sizes: Sizes) -> int:
        return sizes.queries * self.k

    def describe_conventions(self) -> Mapping[str, Any]:
        feedback = {"docs": self.docs, "terms": self.terms, "original": self.original}
        return {**self._bm25.describe_conventions(), "feedback": feedback}

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        from nirank.flow.scope import Scope
        from nirank.lexical.analysis import Analyzer
        from nirank.lexical.postings import Index
        from nirank.lexical.scoring import search

        ranking = lists[0]
        assert ctx.queries is not None and ctx.docs is not None
        index = Index.open(ctx.input_folder())
        tool = Analyzer(index.analyzer)
        query_terms = [Counter(terms) for terms in tool.tokenize(ctx.queries.read(TextView(self.query_text)))]
        head = ranking.cut(self.docs)
        rows = np.unique(head.rows)
        read = tool.tokenize(ctx.docs.read(TextView(self.doc_text), rows))
        vectors = {row: Counter(terms) for row, terms in zip(rows.tolist(), read, strict=True)}
        pruned = self._prune_terms(vectors, index)
        queries = [self._expand_query(query_terms[query], head, query, pruned) for query in range(len(query_terms))]
        ctx.made_queries = queries
        scope = ctx.scope or Scope(ranking.queries, ranking.docs)
        return search(index.fields, {"": 1.0}, queries, scope, k1=self.k1, b=self.b, k=self.k)

    def _prune_terms(self, vectors: dict[int, Counter[str]], index: Any) -> dict[int, dict[str, float]]:
        """Leave of each document its `terms` most frequent terms that may be feedback."""
        from nirank.lexical.weights import select_greatest

        field = index.fields[""]
        words = sorted({word for terms in vectors.values() for word in terms if _TERM.fullmatch(word)})
        rows_of_terms = field.terms.find_rows(words)
        df = np.where(rows_of_terms < 0, 0, field.count_documents(rows_of_terms))
        common = field.doc_count / 10 if field.doc_count >= 10 else field.doc_count
        rare = {word for word, count in zip(words, df.tolist(), strict=True) if count <= common}
        return {
            row: select_greatest({w: float(n) for w, n in terms.items() if w in rare}, self.terms)
            for row, terms in vectors.items()
        }

    def _expand_query(
        self, query_terms: Counter[str], head: Ranking, query: int, vectors: dict[int, dict[str, float]]
    ) -> dict[str, float]:
        from nirank.lexical.weights import select_greatest

        model: Counter[str] = Counter()
        part = slice(*head.offsets[query : query + 2].tolist())
        for row, score in zip(head.rows[part].tolist(), head.scores[part].tolist(), strict=True):
            total = sum(vectors[row].values())
            for word, weight in vectors[row].items():
                model[word] += score * weight / total
        # Scores below 0 (a cross-encoder's) are no probabilities: what they speak against is no term of the model.
        model = Counter({word: weight for word, weight in select_greatest(model, self.terms).items() if weight > 0})
        mass, length = sum(model.values()), sum(query_terms.values())
        if not mass or not length:
            return dict(query_terms)
        words = sorted({*query_terms, *model})
        return {
            word: self.original * query_terms[word] / length + (1 - self.original) * model[word] / mass
            for word in words
        }
