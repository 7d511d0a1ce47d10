"""Retrievers that know a query by the documents that it cites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Retriever, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.citations.graph import CitationGraph
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.stages._citations import estimate_reading, mark_voters, open_catalogue, plan_catalogue, plan_graph

_A_DOCUMENT = 80  # bytes of a document's scores while a query is searched


@stage
class CitedRetriever(Retriever):
    """Scores documents by the documents that a query cites; not used itself."""

    query_text: View = option(default=TITLE_AND_TEXT, help="columns of the query, or a template")

    measure: ClassVar[Literal["co_cite", "couple"]]

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        return plan_catalogue(sides), plan_graph(sides)

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return MemoryNeed(estimate_reading(sizes).main + _A_DOCUMENT * sizes.docs)

    def describe_conventions(self) -> Mapping[str, Any]:
        return {"query_text": str(TextView(self.query_text))}

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Ranking:
        graph = CitationGraph.open(ctx.input_folder(1))
        score = graph.co_cite if self.measure == "co_cite" else graph.couple
        query_rows, doc_rows, scores = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
        for query, cited in enumerate(self._list_cited(queries, ctx)):
            ctx.count("queries_without_citations", not len(cited))
            all_scores = score(cited, mark_voters(scope, query))
            found = np.flatnonzero(all_scores)
            found = found[scope.allows(np.full(len(found), query), found)]
            query_rows.append(np.full(len(found), query))
            doc_rows.append(found)
            scores.append(all_scores[found])
        pairs = np.concatenate(query_rows), np.concatenate(doc_rows), np.concatenate(scores)
        return Ranking.build(queries.ids, scope.docs, *pairs, source=self.name, depth=k)

    def _list_cited(self, queries: Texts, ctx: Context) -> Iterator[NDArray[np.int64]]:
        """Yield the document rows that each query's text cites."""
        catalogue = open_catalogue(ctx)
        for text in queries.read(TextView(self.query_text)):
            rows = {row for citation in catalogue.find_citations(text) for row in citation.rows}
            yield np.array(sorted(rows), np.int64)
