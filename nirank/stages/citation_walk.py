"""Re-rank by a random walk along citations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Combiner, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.citations.graph import CitationGraph, Direction
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.stages._citations import mark_voters, plan_graph

_A_DOCUMENT = 120  # bytes of a document while a query's walk goes on,
_A_CITATION = 80  # and of a citation


@stage
class CitationWalk(Combiner):
    """Walk from the first documents of a list along citations, and rank by how often the walk comes by.

    p ← (1 - restart) · A p + restart · p₀, until it stands still (the sum of all changes is below 1e-12). p₀ is
    proportional to 1 / rank of the first `docs` documents. A goes from a document with equal chances to those that it
    cites, or that cite it; from one without any the walk goes back to p₀. Documents whose
    date the query may not see, and its own, are left out of the walk, so that under `time: as_of_query` later laws
    neither appear nor lead anywhere; it may pass through what is no candidate. What the
    walk does not reach of the list stands below, in its old order.
    """

    docs: int = option(default=20, help="documents at the top of the list from which the walk begins")
    restart: float = option(default=0.2, help="how often it begins again, above 0 to 1")
    direction: Direction = option(default="both", help="along citations: to what is cited, to what cites, or both")

    name = "citation_walk"
    source = "Tong, Faloutsos and Pan, ICDM 2006 (random walk with restart); ours: start by reciprocal rank"

    def check(self) -> None:
        if self.docs < 1:
            raise ConfigError(f"citation_walk: docs must be 1 or more, got {self.docs}")
        if not 0.01 <= self.restart <= 1:
            raise ConfigError(f"citation_walk: restart must be from 0.01 to 1, got {self.restart}")

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        return (plan_graph(sides),)

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return MemoryNeed(_A_DOCUMENT * sizes.docs + _A_CITATION * 20 * sizes.docs)

    def estimate_pairs(self, sizes: Sizes) -> int:
        return sizes.queries * sizes.docs

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        ranking = lists[0]
        scope = ctx.scope or Scope(ranking.queries, ranking.docs)
        graph = CitationGraph.open(ctx.input_folder())
        rows, scores, counts = [np.empty(0, np.int64)], [np.empty(0)], []
        for query in range(len(ranking.queries)):
            listed = np.asarray(ranking.get_rows(query), np.int64)
            start = np.zeros(len(ranking.docs))
            first = listed[: self.docs]
            start[first] = 1 / np.arange(1, len(first) + 1)
            reached = np.zeros(len(ranking.docs))
            if len(first):
                voters = mark_voters(scope, query)
                if scope.own_rows is not None and scope.own_rows[query] >= 0:
                    voters[scope.own_rows[query]] = False  # whose citations are the query's
                voters[listed] = True
                reached = graph.walk(start / start.sum(), voters, self.restart, self.direction)
            found = np.flatnonzero(reached)
            found = found[scope.allows(np.full(len(found), query), found) | (start[found] > 0)]
            rest = listed[reached[listed] == 0]
            least = reached[found].min() if len(found) else 1.0
            rows += [found, rest]
            scores += [reached[found], least / (1 + np.arange(1, len(rest) + 1))]
            counts.append(len(found) + len(rest))
        pairs = np.repeat(np.arange(len(counts)), counts), np.concatenate(rows), np.concatenate(scores)
        return Ranking.build(ranking.queries, ranking.docs, *pairs, source=self.name, depth=ranking.depth)
