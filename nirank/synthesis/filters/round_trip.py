"""Round trip: a query is kept if a pipeline finds its document again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from nirank.algebra.node import Node
from nirank.algebra.pipeline import Pipeline, check_system
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Retriever
from nirank.base.values import fit_fields, to_expression
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.synthesis.filters.base import Filter, Inputs, KeptQueries, Verdict
from nirank.training.training_data import require_sources


@dataclass(frozen=True)
class RoundTrip(Filter):
    """Keep a query if its document, or one with the same text, is among the first k that a pipeline finds for it.

    of  the pipeline
    k   1 or more

    Measures the rank of the first such document. Alberti et al., ACL 2019; Dai et al., Promptagator, ICLR 2023, where
    k is 1.
    """

    of: Pipeline
    k: int = 1

    name: ClassVar[str] = "round_trip"

    def __post_init__(self) -> None:
        fit_fields(self, self.name)
        check_system(self.name, self.of)
        if self.of.gives != "ranking":
            raise ConfigError(f"{self.name}: ranks are asked for, and the pipeline gives unranked pairs")
        if self.k < 1:
            raise ConfigError(f"{self.name}: k must be 1 or more, got {self.k}")

    @property
    def title(self) -> str:
        return f"round trip in {self.k}"

    def describe_identity(self) -> Mapping[str, Any]:
        return {"k": self.k}

    def plan_inputs(self, queries: Sides, written: Node) -> Inputs:
        pipeline = self.of % self.k
        if isinstance(self.of, Retriever) and self.of.prefix_exact and self.of.k is None:
            pipeline = replace(self.of, k=self.k)  # the same documents, and no more are searched and kept
        return (("list", require_sources(queries).compile_pipeline(pipeline, queries)),)

    def judge(self, queries: KeptQueries, docs: Texts, inputs: Mapping[str, Sequence[Any]]) -> Verdict:
        ranking: Ranking = inputs["list"][0]
        prints = np.asarray(docs.fingerprints)
        q, d, ranks = ranking.query_rows, np.asarray(ranking.rows, np.int64), ranking.ranks
        sources = queries.docs[q]
        is_source = (d == sources) | ((prints[d] == prints[sources]) & (prints[d] != 0))
        found = is_source & (ranks <= self.k)
        scores = np.full(len(queries), np.inf)
        np.minimum.at(scores, q[found], ranks[found])
        keep = np.isfinite(scores)
        return Verdict(keep, np.where(keep, scores, np.nan).astype(np.float32))

    def __repr__(self) -> str:
        return to_expression(self)
