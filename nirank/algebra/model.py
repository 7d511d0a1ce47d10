"""Models as values: those that are found by name, and those that the plan makes by training."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from nirank.algebra.node import Node
from nirank.errors import ConfigError

if TYPE_CHECKING:
    from nirank.algebra.sides import Sides

EncoderKind = Literal["bi_encoder", "cross_encoder", "sparse_encoder"]
NetworkKind = Literal["drmm", "pacrr"]
ModelKind = EncoderKind | NetworkKind
MODEL = "model"  # the role of a trained model among a node's inputs, and the folder in its artifact
KINDS: Mapping[str, str] = {
    "bi_encoder": "a bi-encoder",
    "cross_encoder": "a cross-encoder",
    "sparse_encoder": "a sparse encoder",
    "drmm": "a DRMM",
    "pacrr": "a PACRR",
}
T = TypeVar("T")


class Locatable:
    """A model that a node of the plan makes: where it lies is known when that is done.

    node  the computation that makes it; None: it lies where its name says
    """

    node: Node | None

    def locate(self, folder: Path) -> Any:
        """Return the same model where it lies, given the folder of its artifact."""
        raise NotImplementedError


class TrainedModel:
    """A model that is trained in the plan; a frozen value, part of a stage's identity by the node that makes it.

    Subclasses are frozen data classes.
    """

    @property
    def kind(self) -> ModelKind:
        """What can be done with it."""
        raise NotImplementedError

    @property
    def base_name(self) -> str:
        """The name of the model that it all starts from: its configuration has prompts and similarity."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """A short name for people."""
        raise NotImplementedError

    @property
    def match_radius(self) -> float | None:
        """The Euclidean distance within which its vectors match, where it was trained for one."""
        return None

    def compile_node(self, sides: Sides) -> Node:
        """Return the computation that makes it, for a system on these sides; the model lies in its folder `model`."""
        raise NotImplementedError


@dataclass(frozen=True)
class PlannedModel(TrainedModel, Locatable):
    """A trained model whose node is known, and once it is made, its folder."""

    model: TrainedModel
    node: Node
    folder: Path | None = None

    @property
    def kind(self) -> ModelKind:
        return self.model.kind

    @property
    def base_name(self) -> str:
        return self.model.base_name

    @property
    def title(self) -> str:
        return self.model.title

    @property
    def match_radius(self) -> float | None:
        return self.model.match_radius

    def compile_node(self, sides: Sides) -> Node:
        return self.node

    def locate(self, folder: Path) -> PlannedModel:
        """Return the same model where it lies."""
        return replace(self, folder=folder / MODEL)

    def __repr__(self) -> str:
        return repr(self.model)


class _ModelOption:
    """How an option that names a model is validated: text, or a model that is trained."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        trained = core_schema.is_instance_schema(TrainedModel)
        return core_schema.union_schema([core_schema.str_schema(), trained])

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
        return {"type": "string"}


Model = Annotated[str | TrainedModel, _ModelOption]


def plan_models(value: T, sides: Sides, kind: str | tuple[str, ...] | None, where: str) -> T:
    """Return a stage (or another frozen value) whose trained models know their nodes.

    kind  what the stage can use, or several; raises ConfigError for a model of another
    """
    kinds = (kind,) if isinstance(kind, str) else kind
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(value):  # type: ignore[arg-type]
        model = getattr(value, field.name)
        if isinstance(model, TrainedModel) and not isinstance(model, PlannedModel):
            if kinds is not None and model.kind not in kinds:
                needed = " or ".join(KINDS[usable] for usable in kinds)
                raise ConfigError(f"{where}: needs {needed}; {model.title} is {KINDS[model.kind]}")
            changed[field.name] = PlannedModel(model, model.compile_node(sides))
    return replace(value, **changed) if changed else value  # type: ignore[type-var]


def list_model_inputs(value: Any) -> tuple[tuple[str, Node], ...]:
    """Return the computations of the planned models in a value's fields, as inputs."""
    models = (getattr(value, field.name) for field in dataclasses.fields(value))
    return tuple((MODEL, model.node) for model in models if isinstance(model, PlannedModel))


def locate_models(value: Any, folders: Mapping[str, Path]) -> Any:
    """Return a stage, or what else a task is handed, whose trained models know their folders.

    folders  {address: artifact's folder} of the models
    """
    if not folders or not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        model = getattr(value, field.name)
        if isinstance(model, Locatable) and model.node is not None and model.node.address in folders:
            changed[field.name] = model.locate(folders[model.node.address])
    return replace(value, **changed) if changed else value
