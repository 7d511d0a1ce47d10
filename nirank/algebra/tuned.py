"""Pipelines that judged queries decide; tune(): one that is chosen among candidates by a measure on such queries."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from nirank.algebra.judged import Judged
from nirank.algebra.model import TrainedModel
from nirank.algebra.pipeline import STARTS, Flow, Pipeline, check_system
from nirank.algebra.stage import Stage
from nirank.algebra.walk import transform, walk
from nirank.base.values import convert_field, fit_fields
from nirank.errors import ConfigError, suggest

if TYPE_CHECKING:
    from nirank.evaluation.bounds import Bound


class DecidedPipeline(Pipeline):
    """A pipeline that a computation on judged queries decides, before what contains it is compiled.

    Subclasses are frozen data classes.
    """

    on: Judged

    @property
    def pipelines(self) -> tuple[Pipeline, ...]:
        """What is run on the judged queries."""
        raise NotImplementedError

    def with_pipelines(self, pipelines: tuple[Pipeline, ...]) -> Self:
        """Return the same with others in the place of these."""
        raise NotImplementedError

    def decide(self, outcome: Mapping[str, Any] | None) -> Pipeline:
        """Return the pipeline that an outcome means; of None what stands in for it until there is one."""
        raise NotImplementedError


@dataclass(frozen=True, repr=False)
class TunedPipeline(DecidedPipeline):
    """The candidate with the best mean of a measure on some judged queries; of equal ones the first.

    subject_to  a bound on another measure of the same queries, such as 'PC >= 0.95': the best of the candidates that
                keep it. Where none does, the one that comes nearest to it; of equally near ones the best

    The outcome is the candidate itself: what it computes is shared with systems that use it unchosen.
    """

    candidates: tuple[Pipeline, ...]
    on: Judged
    measure: str
    subject_to: str | None = None

    def __post_init__(self) -> None:
        from nirank.evaluation.measures import parse_measure

        fit_fields(self, "tune")
        if len(self.candidates) < 2:
            raise ConfigError(f"tune: expected two candidates or more, got {len(self.candidates)}")
        bound = self.bound
        measures = (parse_measure(self.measure), *(() if bound is None else (bound.measure,)))
        for candidate in self.candidates:
            check_system("tune", candidate)
            for measure in measures:
                if candidate.gives != "ranking" and not measure.unordered:
                    raise ConfigError(
                        f"tune: {candidate!r} gives unranked pairs; {measure} needs a ranking, and PC, candidates or F1"
                        " would not"
                    )

    @property
    def bound(self) -> Bound | None:
        """What `subject_to` says; raises ConfigError where it says nothing that can be kept."""
        from nirank.evaluation.bounds import Bound

        if self.subject_to is None:
            return None
        try:
            return Bound.parse(self.subject_to)
        except ConfigError as error:
            raise ConfigError(f"tune: subject_to: {error}") from None

    @property
    def pipelines(self) -> tuple[Pipeline, ...]:
        return self.candidates

    def with_pipelines(self, pipelines: tuple[Pipeline, ...]) -> Self:
        return dataclasses.replace(self, candidates=pipelines)

    def decide(self, outcome: Mapping[str, Any] | None) -> Pipeline:
        return self.candidates[0 if outcome is None else outcome["chosen"]]

    @property
    def takes(self) -> frozenset[Flow]:
        return STARTS

    @property
    def gives(self) -> Flow:
        return "ranking" if all(candidate.gives == "ranking" for candidate in self.candidates) else "pairs"

    def __repr__(self) -> str:
        bound = "" if self.subject_to is None else f", subject_to={self.subject_to!r}"
        return f"tune([{', '.join(map(repr, self.candidates))}], on={self.on!r}, measure={self.measure!r}{bound})"

    def label_branches(self) -> Sequence[tuple[str, Pipeline]]:
        return tuple(("or: " if i else "either: ", candidate) for i, candidate in enumerate(self.candidates))

    @property
    def title(self) -> str:
        return f"tuned by {self.goal}"

    @property
    def goal(self) -> str:
        """What is best, in words."""
        return self.measure if self.bound is None else f"{self.measure} where {self.bound}"


def tune(
    of: Pipeline | Sequence[Pipeline],
    over: Mapping[str, Sequence[Any]] | None = None,
    *,
    on: Judged,
    measure: str = "nDCG@10",
    subject_to: str | None = None,
) -> TunedPipeline:
    """Choose a pipeline by a measure on queries that are not evaluated.

    of          the candidates, or one pipeline that `over` varies
    over        {'stage.option': values}: every combination is a candidate, see `grid`
    on          the queries; where they are among the evaluated ones, the row says so
    subject_to  a bound that must be kept, such as 'PC >= 0.95' beside measure='candidates'. Where no candidate keeps
                it, the nearest is taken, and the row says so
    """
    if isinstance(of, Pipeline):
        if not over:
            raise ConfigError("tune: one pipeline, and nothing to vary; give candidates, or over={'stage.option': […]}")
        return TunedPipeline(grid(of, over), on, measure, subject_to)
    if over:
        raise ConfigError("tune: over varies one pipeline; give either candidates or over")
    return TunedPipeline(tuple(of), on, measure, subject_to)


def grid(value: Any, over: Mapping[str, Sequence[Any]]) -> tuple[Any, ...]:
    """Return the value with every combination of the options.

    over  {path: values}. A path names a stage and its option, 'weighted_sum.weights' or 'dense.model.recipe.epochs';
          within a trained model it may begin with the model's own field, 'recipe.learning_rate' or 'seed'
    """
    for path, values in over.items():
        if isinstance(values, (str, Mapping)) or not isinstance(values, Sequence) or not values:
            raise ConfigError(f"over: {path}: expected a list of values, got {values!r}")
    variants = []
    for combination in itertools.product(*over.values()):
        variant = value
        for path, chosen in zip(over, combination, strict=True):
            variant = _set_option(variant, path, chosen)
        variants.append(variant)
    return tuple(variants)


def _set_option(value: Any, path: str, chosen: Any) -> Any:
    first, _, rest = path.partition(".")
    if dataclasses.is_dataclass(value) and not isinstance(value, Pipeline):  # a model's own field
        return _replace_option(value, path.split("."), chosen, path)
    # The stages that a trained model's negatives or teacher come from are its own: a path to them leads through it.
    stages = {
        part.name: part for part in walk(value, TrainedModel) if isinstance(part, Stage) and isinstance(part.name, str)
    }
    if first not in stages:
        hint = f"; a path begins with a stage's name, here {' or '.join(stages)}" if stages else ""
        raise ConfigError(f"over: {path}: there is no stage '{first}' in {value!r}{suggest(first, stages) or hint}")
    if not rest:
        raise ConfigError(
            f"over: {path}: expected a stage and its option, such as {first}.{_name_first_option(stages[first])}"
        )

    def change(part: Any) -> Any:
        return (
            _replace_option(part, rest.split("."), chosen, path)
            if isinstance(part, Stage) and part.name == first
            else part
        )

    return transform(value, change, TrainedModel)


def _name_first_option(stage: Any) -> str:
    return next((field.name for field in dataclasses.fields(stage)), "option")


def _replace_option(value: Any, steps: Sequence[str], chosen: Any, path: str) -> Any:
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        raise ConfigError(f"over: {path}: {value!r} has no options")
    fields = [field.name for field in dataclasses.fields(value)]
    if steps[0] not in fields:
        raise ConfigError(f"over: {path}: there is no option '{steps[0]}'{suggest(steps[0], fields)}")
    if len(steps) > 1:
        new = _replace_option(getattr(value, steps[0]), steps[1:], chosen, path)
    else:
        try:
            new = convert_field(type(value), steps[0], chosen)
        except ConfigError as error:
            raise ConfigError(f"over: {path}: {error}") from None
    return dataclasses.replace(value, **{steps[0]: new})
