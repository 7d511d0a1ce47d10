"""learned_sum(): the weighted sum of pipelines whose weights are learned on queries held out for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from nirank.algebra.judged import Judged
from nirank.algebra.pipeline import STARTS, Flow, Pipeline, check_system
from nirank.algebra.registry import find_stage
from nirank.algebra.tuned import DecidedPipeline
from nirank.base.values import fit_fields
from nirank.errors import ConfigError


@dataclass(frozen=True, repr=False)
class LearnedSum(DecidedPipeline):
    """The weighted sum whose weights make the mean of max(0, 1 - score(d⁺) + score(d⁻)) least, all 0 or more.

    d⁺ is a relevant document of a query of `on`, d⁻ one of `negatives` that are drawn for it, with replacement where
    there are fewer, among those that are not judged relevant; both are among the first `depth` of some list. Relevant
    documents that no list has there are skipped and counted. Scores are normalised over the whole lists, as in
    `weighted_sum`, and the weights are given with a sum of 1, which changes no order. The least mean is found exactly,
    as a linear program.

    of         the pipelines, two or more
    on         the queries; where they are among the evaluated ones, the row says so
    normalise  as in `weighted_sum`
    seed       of the draw

    The loss is that of the re-rankers in Chalkidis et al., EACL 2021, arXiv 2101.10726, whose score and whose
    pre-fetcher's are added up with learned weights.
    """

    of: tuple[Pipeline, ...]
    on: Judged
    normalise: str = "minmax"
    negatives: int = 4
    depth: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        fit_fields(self, "learned_sum")
        if len(self.of) < 2:
            raise ConfigError(f"learned_sum: expected two pipelines or more, got {len(self.of)}")
        for pipeline in self.of:
            check_system("learned_sum", pipeline)
            if pipeline.gives != "ranking":
                raise ConfigError(f"learned_sum: {pipeline!r} gives unranked pairs, which have no scores to add up")
        for name in ("negatives", "depth"):
            if getattr(self, name) < 1:
                raise ConfigError(f"learned_sum: {name} must be 1 or more, got {getattr(self, name)}")
        self._weigh(None)

    @property
    def takes(self) -> frozenset[Flow]:
        return STARTS

    @property
    def gives(self) -> Flow:
        return "ranking"

    @property
    def pipelines(self) -> tuple[Pipeline, ...]:
        return self.of

    def with_pipelines(self, pipelines: tuple[Pipeline, ...]) -> Self:
        return replace(self, of=pipelines)

    def decide(self, outcome: Mapping[str, Any] | None) -> Pipeline:
        return self._weigh(None if outcome is None else outcome["weights"])

    def _weigh(self, weights: Sequence[float] | None) -> Pipeline:
        pipeline: Pipeline = find_stage("weighted_sum")(weights, self.normalise).of(*self.of)
        return pipeline

    def __repr__(self) -> str:
        options = "".join(
            f", {name}={getattr(self, name)!r}"
            for name, default in (("normalise", "minmax"), ("negatives", 4), ("depth", 100), ("seed", 0))
            if getattr(self, name) != default
        )
        return f"learned_sum({', '.join(map(repr, self.of))}, on={self.on!r}{options})"

    def label_branches(self) -> Sequence[tuple[str, Pipeline]]:
        return tuple(("", pipeline) for pipeline in self.of)

    @property
    def title(self) -> str:
        return "sum with learned weights"


def learned_sum(
    *of: Pipeline, on: Judged, normalise: str = "minmax", negatives: int = 4, depth: int = 100, seed: int = 0
) -> LearnedSum:
    """Add up pipelines' normalised scores with weights that are learned on queries; see `LearnedSum`."""
    return LearnedSum(of, on, normalise, negatives, depth, seed)
