"""The nodes of stages: what they read, their identity, what they need."""

from __future__ import annotations

from typing import Any, TypeVar

from nirank.algebra.model import list_model_inputs, plan_models
from nirank.algebra.node import Node, NodeKind
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Combiner, Retriever, Stage
from nirank.errors import ConfigError
from nirank.plan.check import check_stage

TASKS = "nirank.plan.tasks"
Inputs = tuple[tuple[str, Node], ...]
S = TypeVar("S", bound=Stage)


def resolve_stage(stage: S, sides: Sides) -> S:
    """Return a stage as it is addressed: its trained models bound to what makes them, `auto` decided."""
    check_stage(stage, sides)
    return plan_models(stage, sides, stage.model_kind, stage.name).resolve_options(sides)


def make_stage_node(
    task: str, stage: Stage, inputs: Inputs, kind: NodeKind, *, depth: int | None = None, params: Any = None
) -> Node:
    """Return the node that runs a stage by one of the tasks of `nirank.plan.tasks`."""
    return Node(
        f"{TASKS}:{task}",
        1,
        {"stage": stage.describe_identity(), **(params or {})},
        inputs,
        depth=depth,
        kind=kind,
        memory=stage.estimate_memory,
        max_pairs=stage.estimate_pairs if isinstance(stage, (Combiner, Retriever)) else None,
        stage=stage,
        label=stage.title,
    )


def list_sides(sides: Sides) -> Inputs:
    """Return both sides as inputs."""
    return (("queries", sides.queries), ("docs", sides.docs))


def list_stage_inputs(stage: Stage, sides: Sides) -> Inputs:
    """Return what a stage asks for: computations that come first, its models, judgements that it may read."""
    inputs: Inputs = (*(("need", node) for node in stage.plan_inputs(sides)), *list_model_inputs(stage))
    if "judgements" in stage.reads:
        if sides.judgements is None:
            raise ConfigError(f"{stage!r} reads judgements, and {sides.collection or 'the collection'} has none")
        inputs += (("judgements", sides.judgements),)
        inputs += () if sides.known is None else (("known", sides.known),)
    return inputs


def get_kind(stage: Stage) -> NodeKind:
    """Return what comes out of a retriever or a combiner."""
    return "pairs" if stage.gives == "pairs" else "ranking"
