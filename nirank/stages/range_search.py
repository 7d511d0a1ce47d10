"""Range search: all records whose vectors lie within a distance are candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.model import TrainedModel
from nirank.algebra.pipeline import Flow
from nirank.algebra.sides import Sides
from nirank.algebra.stage import option, stage
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs
from nirank.flow.scope import Scope
from nirank.stages._blocking import check_unranked, count_lost_records
from nirank.stages.dense import Dense


@stage
class RangeSearch(Dense):
    """Pair all records whose vectors lie within a radius of each other, exactly: a record gets few or many.

    The distance is the model's: Euclidean, or 1 - cosine. A model trained with loss lsh, radius R and ratio c knows
    that matches lie within R and all others beyond cR; without `radius` its (1 + c) R / 2, halfway, is taken.
    """

    radius: float | None = option(default=None, help="greatest distance, Euclidean or 1 - cosine; null: the model's")

    name = "range_search"
    source = "exact range search; halfway between the radii of Indyk and Motwani, STOC 1998"
    gives: ClassVar[Flow] = "pairs"

    def check(self) -> None:
        super().check()
        check_unranked(self)
        if self.radius is not None and self.radius < 0:
            raise ConfigError(f"range_search: radius must be 0 or more, got {self.radius}")
        if self.similarity == "dot":
            raise ConfigError("range_search: a dot product is no distance; expected euclidean or cosine")

    def resolve_options(self, sides: Sides) -> Self:
        from nirank.inference.models import resolve_model

        resolved = super().resolve_options(sides)
        model = resolve_model(self.model, self.revision)
        if self.radius is not None:
            if (self.similarity or model.similarity) == "dot":
                raise ConfigError("range_search: the model's dot product is no distance; set similarity")
            return resolved
        own = self.model.match_radius if isinstance(self.model, TrainedModel) else model.match_radius
        if own is None:
            raise ConfigError(
                "range_search: radius is missing, and the model names none of its own (one trained with loss lsh does)"
            )
        if self.similarity == "cosine":
            raise ConfigError("range_search: the model's own radius is a Euclidean distance; give radius beside cosine")
        return replace(resolved, radius=own, similarity="euclidean")

    def describe_conventions(self) -> Mapping[str, Any]:
        return {name: value for name, value in super().describe_conventions().items() if name != "k"}

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Pairs:
        from nirank.inference.encoder import read_vectors
        from nirank.inference.range_search import search_range

        assert self.radius is not None, "decided before anything is planned"
        docs, stated = read_vectors(ctx.input_folder(0))
        query_vectors, _ = read_vectors(ctx.input_folder(1))
        similarity = self.similarity or stated["similarity"]
        ctx.declare("similarity", similarity)
        ctx.declare("radius", self.radius)
        listed_rows = ctx.input_folder(0) / "rows.npy"
        rows_of = np.load(listed_rows) if listed_rows.exists() else None
        pairs = search_range(query_vectors, docs, scope, self.radius, similarity, rows_of)
        count_lost_records(pairs, ctx)
        return pairs
