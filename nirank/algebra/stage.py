"""Stages: frozen values of a few kinds. A new stage is one small file that subclasses one of them.

@stage
class Overlap(Scorer):
    '''Score a pair by the share of the query's words that the document has.'''

    name = "overlap"

    def score(self, pairs, ctx): ...
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, TypeVar, dataclass_transform

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.frozen import freeze, is_finite
from nirank.algebra.model import ModelKind, TrainedModel
from nirank.algebra.node import Node
from nirank.algebra.pipeline import (
    FLOW_WORDS,
    RANKED,
    RANKED_OR_NOT,
    STARTS,
    TEXTS,
    Flow,
    Pipeline,
    as_pipeline,
    count_lists,
    describe_expected,
    require_one_list,
    suggest_application,
)
from nirank.algebra.registry import describe_origin, find_stage, keep_source, register_class
from nirank.algebra.sides import Sides
from nirank.algebra.walk import walk
from nirank.base.memory import MemoryNeed, Sizes
from nirank.base.values import fit_fields
from nirank.collections.text_fields import TextFields
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope

C = TypeVar("C", bound=type)

ALL_DOCUMENTS = 2**31 - 1  # depth of a scorer that scores whole lists: none is that long
Read = Literal["queries", "docs", "texts"]
_VIEWS: Mapping[str, Read] = {"query_text": "queries", "doc_text": "docs"}


def option(default: Any = dataclasses.MISSING, *, identity: bool = True, kw_only: bool = False, help: str = "") -> Any:
    """Declare an option of a stage.

    identity  False for what cannot change the output (batch size), or what the address of one
              of the stage's needs already says (a model's name, a file's path)
    help      one line for `nirank stages`
    """
    return dataclasses.field(default=default, kw_only=kw_only, metadata={"identity": identity, "help": help})


@dataclass_transform(frozen_default=True, field_specifiers=(option, dataclasses.field))
def stage(cls: C) -> C:
    """Make a class a stage: a frozen data class whose `repr` shows what differs from the defaults."""
    kind: C = dataclass(frozen=True, repr=False)(cls)  # type: ignore[assignment]
    if not cls.__module__.startswith("nirank."):
        keep_source(kind)
    return kind


@stage
class Stage(Pipeline):
    """The base of all kinds. Parameters are the fields; nothing else is kept, nothing is read when made.

    name     as users write it
    version  raised when the same options give another output
    source   where the method is defined: paper, section, formula
    reads    what the stage may see beside texts: {"judgements"}
    symmetric    it gives the same pairs when the documents ask for queries, as long as what flows in is the same
    model_kind   what models in its options must be, where they are trained: 'bi_encoder', …; or several kinds
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    source: ClassVar[str] = ""
    reads: ClassVar[frozenset[str]] = frozenset()
    symmetric: ClassVar[bool] = False
    model_kind: ClassVar[ModelKind | tuple[ModelKind, ...] | None] = None

    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        register_class(cls)

    def __post_init__(self) -> None:
        kind = type(self)
        if "__dataclass_fields__" not in vars(kind):
            raise ConfigError(f"{kind.__name__} is not a stage yet; put @stage above its class")
        for field in dataclasses.fields(self):
            value = freeze(getattr(self, field.name))
            if not is_finite(value):
                raise ConfigError(f"{self.name}: {field.name} must be a finite number, got {value!r}")
            object.__setattr__(self, field.name, value)
        fit_fields(self, self.name)
        self.check()
        list(self.list_text_views())

    def check(self) -> None:
        """Raise ConfigError if the options cannot be meant."""

    def list_text_views(self) -> Iterator[tuple[str, Read, TextView]]:
        """Yield what the stage reads as text: the option that says so, the side, the view; `texts` are those of a map.

        Options `query_text` and `doc_text` by default. Raises ConfigError for a view that cannot be meant.
        """
        for name, side in _VIEWS.items():
            if hasattr(self, name):
                try:
                    view = TextView(getattr(self, name))
                except ConfigError as error:
                    raise ConfigError(f"{self.name}: {name}: {error}") from None
                yield name, side, view

    def check_sides(self, sides: Sides, queries: Texts, docs: Texts) -> None:
        """Raise ConfigError or DataError for ids, keys and dates that the options name and a collection lacks.

        Called when a plan is made, so that nothing runs in vain; reads no text.
        """

    @classmethod
    def list_options(cls) -> tuple[dataclasses.Field[Any], ...]:
        """Return the options as a person would list them: the stage's own, then those of its kind."""
        return tuple(sorted(dataclasses.fields(cls), key=lambda field: bool(field.kw_only)))

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        """Return what must be computed first: an index, vectors, a model's output."""
        return ()

    def resolve_options(self, sides: Sides) -> Self:
        """Return the stage with what depends on the machine, such as `precision: auto`, decided; before addressing."""
        return self

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        """Return the main memory that the stage's own work needs at the least, lists aside; none if it goes by blocks.

        Blocks that can be made smaller count in their least size, and are made by `nirank.base.memory.fit_block_size`.
        """
        del sizes
        return MemoryNeed()

    def describe_conventions(self) -> Mapping[str, Any]:
        """Return what a row must say so that its numbers can be compared; options by default."""
        return {name: repr(value) if isinstance(value, TrainedModel) else value for name, value in self.options.items()}

    def list_models(self) -> tuple[str, ...]:
        """Return the trained models that the stage uses, by the names that model cards have; its `model` by default."""
        model = getattr(self, "model", None)
        if not isinstance(model, TrainedModel):
            return (model,) if isinstance(model, str) else ()
        parts = [part for part in walk(model) if part is not model]  # what mined and taught has a say too
        inside = [name for part in parts if isinstance(part, Stage) for name in part.list_models()]
        return (model.base_name, *inside)

    @property
    def options(self) -> dict[str, Any]:
        """The options that differ from their defaults."""
        values = ((field, getattr(self, field.name)) for field in dataclasses.fields(self))
        return {
            field.name: value
            for field, value in values
            if field.default is dataclasses.MISSING or value != field.default
        }

    @property
    def identity_options(self) -> dict[str, Any]:
        """Those of `options` that the output depends on."""
        left_out = {field.name for field in dataclasses.fields(self) if not field.metadata.get("identity", True)}
        return {name: value for name, value in self.options.items() if name not in left_out}

    def describe_identity(self) -> dict[str, Any]:
        """Return what the output depends on: where the stage comes from, name, version, options."""
        return {
            **describe_origin(type(self)),  # type: ignore[arg-type]
            "stage": self.name,
            "version": self.version,
            "options": self.identity_options,
        }

    @property
    def title(self) -> str:
        """The stage as people and messages name it: like `repr`, trained models by their titles."""
        models = {name: value.title for name, value in vars(self).items() if isinstance(value, TrainedModel)}
        text = repr(dataclasses.replace(self, **models) if models else self)
        return text.replace(f"depth={ALL_DOCUMENTS}", "depth=all")

    def __repr__(self) -> str:
        options = self.options
        first = next((field.name for field in dataclasses.fields(self) if not field.kw_only), None)
        parts = [repr(options[first])] if first in options else []
        parts += [f"{name}={value!r}" for name, value in options.items() if name != first]
        return f"{type(self).__name__}({', '.join(parts)})"


@stage
class Retriever(Stage):
    """Finds documents: queries and a scope in, a Ranking or Pairs out.

    k             how deep to search; None: 1000, and all of them where the collection lists candidates
    prefix_exact  the first k of a deeper search are the search at k, so one search serves every
                  depth and k is no part of identity

    by_ranges    documents may be searched by ranges of rows, each for itself: the best of all are then the best of the
                 whole. A pair's score comes from its query and its document, or else from what `plan_inputs` gathers
                 over the ranges of `sides.whole`. Not inherited: a subclass that may says so itself

    Behind another stage a retriever searches within that list, with its own scores.
    """

    k: int | None = option(
        default=None, kw_only=True, help="how many documents a query gets at most [1000; all candidates]"
    )

    prefix_exact: ClassVar[bool] = True
    by_ranges: ClassVar[bool] = False
    gives: ClassVar[Flow] = "ranking"
    takes: ClassVar[frozenset[Flow]] = STARTS | RANKED_OR_NOT

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.k is not None and self.k < 1:
            raise ConfigError(f"{self.name}: k must be 1 or more, got {self.k}")

    def estimate_pairs(self, sizes: Sizes) -> int:
        """Return how many pairs the result has at most, depth and scope aside; by default all that there are."""
        return sizes.queries * sizes.docs

    def search(self, queries: Texts, scope: Scope, k: int | None, ctx: Context) -> Pairs:
        """Return at most k documents a query, all inside the scope; a Ranking, or Pairs without order."""
        raise NotImplementedError

    @property
    def identity_options(self) -> dict[str, Any]:
        options = super().identity_options
        if self.prefix_exact:
            options.pop("k", None)
        return options


@stage
class Scorer(Stage):
    """Scores pairs, each independent of the others.

    depth      of each query's list, how many documents are scored; those below keep their old order,
               below the scored ones. Pairs without order are scored all.
    uses_memo  scores are kept in a memo (`ctx.open_memo`), so that all lists of a plan can be scored in one pass
    """

    depth: int = option(
        default=100, kw_only=True, help="how many documents a query are scored; the tail keeps its order"
    )

    uses_memo: ClassVar[bool] = False
    gives: ClassVar[Flow] = "ranking"
    takes: ClassVar[frozenset[Flow]] = RANKED_OR_NOT

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.depth < 1:
            raise ConfigError(f"{self.name}: depth must be 1 or more, got {self.depth}")

    def score(self, pairs: Pairs, ctx: Context) -> NDArray[np.floating]:
        """Return one score a pair, (n_pairs,), in the pairs' order."""
        raise NotImplementedError


@stage
class Combiner(Stage):
    """Makes one list of several, or another of one, and sees lists whole.

    lists     how many it takes: least and most (None: any number)
    pairwise  each pair stays or goes by itself, whatever else the list has
    """

    pairwise: ClassVar[bool] = False
    lists: ClassVar[tuple[int, int | None]] = (1, 1)
    gives: ClassVar[Flow] = "ranking"
    takes: ClassVar[frozenset[Flow]] = RANKED

    def estimate_pairs(self, sizes: Sizes) -> int:
        """Return how many pairs the result has at most; by default no more than the lists together."""
        return sizes.listed_pairs

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Pairs:
        """Return the combined list, over the same queries and documents; never changes `lists`."""
        raise NotImplementedError

    def check_inputs(self, n: int) -> None:
        """Raise ConfigError if the options do not fit n lists."""

    def of(self, *inputs: Pipeline) -> Join:
        """Combine these pipelines."""
        return Join(self, inputs)


@dataclass(frozen=True, repr=False)
class Join(Pipeline):
    """A combiner over several pipelines; what flows in goes to each of them."""

    stage: Combiner
    inputs: tuple[Pipeline, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", tuple(as_pipeline(branch, repr(self.stage)) for branch in self.inputs))
        least, most = self.stage.lists
        if len(self.inputs) < least or (most is not None and len(self.inputs) > most):
            raise ConfigError(f"{self.stage!r}: expected {count_lists(least, most)}, got {len(self.inputs)}")
        for branch in self.inputs:
            require_one_list(branch)
            if branch.gives not in self.stage.takes:
                got = f"got {FLOW_WORDS[branch.gives]} from {branch!r}{suggest_application(branch, self.stage)}"
                raise ConfigError(f"{self.stage!r}: {describe_expected(self.stage)}, {got}")
        if not self.takes:
            raise ConfigError(f"{self!r}: some of its inputs must stand first, others need a list in front")
        self.stage.check_inputs(len(self.inputs))

    @property
    def takes(self) -> frozenset[Flow]:
        return frozenset.intersection(*(branch.takes for branch in self.inputs))

    @property
    def gives(self) -> Flow:
        return self.stage.gives

    def __repr__(self) -> str:
        return f"{self.stage!r}.of({', '.join(map(repr, self.inputs))})"

    def label_branches(self) -> Sequence[tuple[str, Pipeline]]:
        return tuple(("", branch) for branch in self.inputs)

    def _sum_terms(self) -> tuple[tuple[float, Pipeline], ...]:
        # A sum with another normalisation stays one term: only so is `+` associative.
        kind = find_stage("weighted_sum")
        if isinstance(self.stage, kind) and dataclasses.replace(self.stage, weights=None) == kind():
            weights = self.stage.weights or (1.0,) * len(self.inputs)
            return tuple(zip(weights, self.inputs, strict=True))
        return super()._sum_terms()

    @property
    def title(self) -> str:
        return repr(self.stage)


@stage
class TextMap(Stage):
    """Makes texts of texts: rewritten queries, passages. Every made row names the row it was made from.

    feedback  the map reads a ranking of the original queries: `pipeline >> map`
    """

    feedback: ClassVar[bool] = False
    gives: ClassVar[Flow] = "texts"

    @property
    def takes(self) -> frozenset[Flow]:
        return RANKED if self.feedback else STARTS | TEXTS

    def map(self, texts: Texts, feedback: Ranking | None, ctx: Context) -> Texts:
        """Return the made texts, with `parents`."""
        raise NotImplementedError

    def describe_texts(self, texts: TextFields) -> TextFields | None:
        """Return what can be read of made texts, given what they are made of; None: only running the map tells."""
        return None


@stage
class ScopeStage(Stage):
    """Says which pairs are allowed, for `within`."""

    gives: ClassVar[Flow] = "scope"
    takes: ClassVar[frozenset[Flow]] = STARTS

    def build_scope(self, queries: Texts, docs: Texts, ctx: Context) -> Scope:
        """Return what is allowed."""
        raise NotImplementedError


def walk_stages(pipeline: Pipeline) -> Iterator[Stage]:
    """Yield the stages of a pipeline, those that combine or apply included; not those inside options of stages."""
    return (part for part in walk(pipeline, Stage) if isinstance(part, Stage))
