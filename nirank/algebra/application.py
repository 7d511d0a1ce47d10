"""What is applied to a pipeline: a scope, rewritten queries, parts of documents or queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from nirank.algebra.pipeline import (
    FLOW_WORDS,
    RANKED_OR_NOT,
    Flow,
    Pipeline,
    as_pipeline,
    require_one_list,
    require_start,
)
from nirank.algebra.stage import walk_stages
from nirank.errors import ConfigError

Keep = Literal["max", "first", "mean", "sum", "weighted_mean", "rrf"]


class _Application(Pipeline):
    """What is applied to a pipeline takes and gives what that pipeline does."""

    of: Pipeline

    @property
    def takes(self) -> frozenset[Flow]:
        return self.of.takes

    @property
    def gives(self) -> Flow:
        return self.of.gives


@dataclass(frozen=True, repr=False)
class Within(_Application):
    """A pipeline restricted to what a scope stage, or another pipeline's pairs, allow."""

    scope: Pipeline
    of: Pipeline

    def __post_init__(self) -> None:
        if self.scope.gives not in {"scope", "ranking", "pairs"}:
            raise ConfigError(
                f"within: expected a scope, or a pipeline that finds documents, got {FLOW_WORDS[self.scope.gives]}"
                f" from {self.scope!r}"
            )
        require_one_list(self.scope)
        require_start("within", self.scope)
        _require_lists("within", self.of)

    def __repr__(self) -> str:
        return f"within({self.scope!r}, {self.of!r})"

    def label_branches(self) -> Sequence[tuple[str, Pipeline]]:
        return (("scope: ", self.scope), ("", self.of))

    @property
    def title(self) -> str:
        return "within"


@dataclass(frozen=True, repr=False)
class Rewrite(_Application):
    """A pipeline that reads rewritten queries."""

    by: Pipeline
    of: Pipeline

    def __post_init__(self) -> None:
        _require_map("rewrite", "a map of queries", self.by)
        _require_lists("rewrite", self.of)

    def __repr__(self) -> str:
        return f"rewrite({self.by!r}, {self.of!r})"

    def label_branches(self) -> Sequence[tuple[str, Pipeline]]:
        return (("by: ", self.by), ("", self.of))

    @property
    def title(self) -> str:
        return "rewrite"


@dataclass(frozen=True, repr=False)
class Fold(_Application):
    """A pipeline over parts of documents or queries, whose scores are folded into one a document."""

    view: Pipeline
    of: Pipeline
    keep: Keep = "max"
    top: int | None = None
    side: Literal["docs", "queries"] = "docs"

    def __post_init__(self) -> None:
        _require_map("fold", "a view of documents" if self.side == "docs" else "a view of queries", self.view)
        require_one_list(self.of)
        reader = next((stage for stage in walk_stages(self.of) if "judgements" in stage.reads), None)
        if reader is not None:
            raise ConfigError(
                f"fold: {reader!r} reads judgements, which speak of whole documents and queries; expected it behind the"
                " fold"
            )
        if self.of.gives != "ranking":
            raise ConfigError(f"fold: expected a ranking of parts, got {FLOW_WORDS[self.of.gives]} from {self.of!r}")
        if self.keep not in get_args(Keep):
            raise ConfigError(f"fold: keep is one of {', '.join(get_args(Keep))}, got {self.keep!r}")
        if self.side not in ("docs", "queries"):
            raise ConfigError(f"fold: side is docs or queries, got {self.side!r}")
        if self.top is not None:
            if isinstance(self.top, bool) or not isinstance(self.top, int) or self.top < 1:
                raise ConfigError(f"fold: top must be a whole number of parts, 1 or more, got {self.top!r}")
            if self.keep in ("max", "first"):
                raise ConfigError(f"fold: top is for keep mean, sum, weighted_mean or rrf, got keep {self.keep}")

    def __repr__(self) -> str:
        keep = "" if self.keep == "max" else f", keep={self.keep!r}"
        top = "" if self.top is None else f", top={self.top}"
        side = "" if self.side == "docs" else f", side={self.side!r}"
        return f"fold({self.view!r}, {self.of!r}{keep}{top}{side})"

    def label_branches(self) -> Sequence[tuple[str, Pipeline]]:
        return (("view: ", self.view), ("", self.of))

    @property
    def title(self) -> str:
        keep = self.keep if self.top is None else f"{self.keep} of top {self.top}"
        return f"fold keep={keep}" if self.side == "docs" else f"fold queries keep={keep}"


def within(scope: Pipeline, of: Pipeline) -> Within:
    """Restrict a pipeline to what `scope` allows: a scope stage, or the pairs that a pipeline finds."""
    return Within(as_pipeline(scope, "within"), as_pipeline(of, "within"))


def rewrite(by: Pipeline, of: Pipeline) -> Rewrite:
    """Let a pipeline read the queries that `by` makes; behind it the declared queries are back."""
    return Rewrite(as_pipeline(by, "rewrite"), as_pipeline(of, "rewrite"))


def fold(
    view: Pipeline,
    of: Pipeline,
    keep: Keep = "max",
    *,
    top: int | None = None,
    side: Literal["docs", "queries"] = "docs",
) -> Fold:
    """Let a pipeline work on the parts that `view` makes of documents, or of queries, and fold their scores.

    keep  a document's score: of its best part ('max'), its first part in text order ('first'), or the mean or sum
          over its retrieved parts ('mean', 'sum'), the mean with the parts' words as weights ('weighted_mean'), or the
          sum of 1 / (60 + rank) with each part's rank in its list ('rrf')
    top   the mean or sum is over at most so many parts, those with the greatest scores
    side  whose parts: the documents', or the queries', each of which then searches by itself
    """
    return Fold(as_pipeline(view, "fold"), as_pipeline(of, "fold"), keep, top, side)


def _require_lists(where: str, pipeline: Pipeline) -> None:
    if pipeline.gives not in RANKED_OR_NOT:
        flow = FLOW_WORDS[pipeline.gives]
        raise ConfigError(f"{where}: expected a pipeline that finds documents, got {flow} from {pipeline!r}")
    require_one_list(pipeline)


def _require_map(where: str, wanted: str, pipeline: Pipeline) -> None:
    if pipeline.gives != "texts":
        flow = FLOW_WORDS[pipeline.gives]
        raise ConfigError(f"{where}: expected {wanted} (texts to texts), got {flow} from {pipeline!r}")
    require_start(where, pipeline)
