"""Rank the documents that a query's text cites."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Retriever, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.citations.catalogue import Catalogue
from nirank.citations.places import find_preamble_end
from nirank.collections.document_names import read_title_and_text
from nirank.collections.text_view import TITLE_AND_TEXT, TextView, View
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.stages._citations import estimate_reading, open_catalogue, plan_catalogue


@stage
class Citations(Retriever):
    """Rank the documents that a query names: by number, id or title, as laws cite laws.

    score(d) = Σ over places of weight × (1 + ln n), n how often d is named there. Places are the query's title, its
    preamble (of acts of the Union up to the recitals, else up to the enacting words) and the rest, which weighs 1;
    titles that are only nearly d's weigh less. A number that fits several documents names them all, and is counted.
    Documents that are not named are not returned.

    Documents are known by their ids (CELEX numbers, codes of legislation.gov.uk, chapters and registrations of Canada;
    others as they are), by metadata such as number, celex, work and short_title, by their titles, and by what they say
    that they may be cited as.
    """

    title_weight: float = option(default=1.2, help="of mentions in the query's title")
    preamble_weight: float = option(default=1.4, help="of mentions in its preamble")
    near_weight: float = option(default=0.5, help="of titles that are only nearly those of documents, 0 to 1")
    query_text: View = option(default=TITLE_AND_TEXT, help="columns of the query, or a template")

    name = "citations"
    source = "what laws name each other by: Chalkidis et al., EACL 2021; ours: places and their weights"

    def check(self) -> None:
        if self.title_weight < 0 or self.preamble_weight < 0:
            raise ConfigError(
                "citations: title_weight and preamble_weight must be 0 or more, got"
                f" {self.title_weight}, {self.preamble_weight}"
            )
        if not 0 <= self.near_weight <= 1:
            raise ConfigError(f"citations: near_weight must be from 0 to 1, got {self.near_weight}")

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        return (plan_catalogue(sides),)

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return estimate_reading(sizes)

    def describe_conventions(self) -> Mapping[str, Any]:
        weights = {
            "title": self.title_weight,
            "preamble": self.preamble_weight,
            "body": 1.0,
            "near titles": self.near_weight,
        }
        return {"weights": weights, "query_text": str(TextView(self.query_text))}

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Ranking:
        catalogue = open_catalogue(ctx)
        query_rows, rows, scores = [], [], []
        for query, (title, text) in enumerate(read_title_and_text(queries, self.query_text)):
            weights = self._weigh_citations(catalogue, title, text, ctx)
            ctx.count("queries_without_citations", not weights)
            query_rows += [query] * len(weights)
            rows += list(weights)
            scores += list(weights.values())
        q, d = np.array(query_rows, np.int64), np.array(rows, np.int64)
        inside = scope.allows(q, d)
        found = (q[inside], d[inside], np.array(scores, np.float64)[inside])
        return Ranking.build(queries.ids, scope.docs, *found, source=self.name, depth=k)

    def _weigh_citations(self, catalogue: Catalogue, title: str, text: str, ctx: Context) -> dict[int, float]:
        counts: Counter[tuple[float, int]] = Counter()  # by weight of place and likeness, and document
        preamble_end = find_preamble_end(text)
        mentions = [(self.title_weight, citation) for citation in catalogue.find_citations(title)]
        for citation in catalogue.find_citations(text):
            in_preamble = citation.reference.start < preamble_end
            mentions.append((self.preamble_weight if in_preamble else 1.0, citation))
        for place, citation in mentions:
            ctx.count("citations_of_several_documents", len(citation.rows) > 1)
            ctx.count("near_titles", not citation.exact)
            weight = place * (1.0 if citation.exact else self.near_weight)
            counts.update((weight, row) for row in citation.rows if weight > 0)
        total: dict[int, float] = {}
        for (weight, row), count in sorted(counts.items()):
            total[row] = total.get(row, 0.0) + weight * (1 + math.log(count))
        return total
