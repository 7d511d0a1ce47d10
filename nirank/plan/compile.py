"""From a pipeline and the two sides of a collection to the node that computes it. Nothing runs."""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch
from typing import Any, TypeVar

from nirank.algebra.application import Fold, Rewrite, Within
from nirank.algebra.model import list_model_inputs, plan_models
from nirank.algebra.node import Kind, Node
from nirank.algebra.pipeline import Pipeline, Then
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Combiner, Join, Retriever, ScopeStage, Scorer, Stage, TextMap
from nirank.base.memory import MemoryNeed, Sizes
from nirank.errors import ConfigError
from nirank.plan.check import check_map, check_stage

TASKS = "nirank.plan.tasks"
PARTS = "nirank.plan.parts"
Inputs = tuple[tuple[str, Node], ...]
S = TypeVar("S", bound=Stage)


@singledispatch
def compile(one: Pipeline, sides: Sides, upstream: Node | None = None) -> Node:
    """Return the node that computes a pipeline on two sides.

    upstream  the list that flows in, None at the start of a pipeline
    """
    raise TypeError(f"{type(one).__name__} is no pipeline that can be compiled")


@compile.register
def _(one: Then, sides: Sides, upstream: Node | None = None) -> Node:
    for step in one.steps:
        upstream = compile(step, sides, upstream)
    assert upstream is not None
    return upstream


@compile.register
def _(one: Retriever, sides: Sides, upstream: Node | None = None) -> Node:
    one = _ready(one, sides)
    behind = () if upstream is None else (upstream,)
    scopes = sorted({*sides.scope, *behind}, key=lambda node: (node.address, node.depth or 0))
    needs = _needs(one, replace(sides, scope=tuple(scopes)))
    inputs = (*_both(sides), *needs, *(("scope", node) for node in scopes))
    depth = None if one.gives == "pairs" else sides.resolve_depth(one.k)  # pairs have no order to be cut in
    params = {} if one.prefix_exact or one.k is not None else {"k": depth}
    return _node("search", one, inputs, _kind(one), depth=depth, params=params)


@compile.register
def _(one: Scorer, sides: Sides, upstream: Node | None = None) -> Node:
    one = _ready(one, sides)
    assert upstream is not None, "pipeline.py refuses a scorer without a list"
    inputs = (*_both(sides), *_needs(one, sides), ("list", upstream))
    return _node("score", one, inputs, "ranking", params={"depth": one.depth})


@compile.register
def _(one: Combiner, sides: Sides, upstream: Node | None = None) -> Node:
    assert upstream is not None, "pipeline.py refuses a combiner without a list"
    return combine(one, sides, (upstream,))


@compile.register
def _(one: Join, sides: Sides, upstream: Node | None = None) -> Node:
    return combine(one.stage, sides, tuple(compile(branch, sides, upstream) for branch in one.inputs))


@compile.register
def _(one: Within, sides: Sides, upstream: Node | None = None) -> Node:
    if isinstance(one.scope, ScopeStage):
        scope = _ready(one.scope, sides)
        allowed = _node("scope", scope, (*_both(sides), *_needs(scope, sides)), "scope")
    else:
        allowed = compile(one.scope, sides)
    if upstream is not None:
        inputs = (*_both(sides), ("list", upstream), ("scope", allowed))
        upstream = Node(f"{TASKS}:restrict", 1, inputs=inputs, kind=upstream.kind, label="what the scope allows")
    return compile(one.of, replace(sides, scope=(*sides.scope, allowed)), upstream)


@compile.register
def _(one: Rewrite, sides: Sides, upstream: Node | None = None) -> Node:
    made = _map(one.by, sides, sides.queries)
    rewritten = Node(
        f"{TASKS}:rewritten", 1, inputs=(("texts", sides.queries), ("made", made)), kind="texts", label="rewritten"
    )
    return compile(one.of, replace(sides, queries=rewritten), upstream)


@compile.register
def _(one: Fold, sides: Sides, upstream: Node | None = None) -> Node:
    whole = sides.docs if one.side == "docs" else sides.queries
    parts = replace(_map(one.view, sides, whole), offline=one.side == "docs")
    inner = replace(sides, docs=parts) if one.side == "docs" else replace(sides, queries=parts)
    over = (*_both(inner), ("whole", whole))
    side = {"side": one.side}
    scope: tuple[Node, ...] = ()
    if sides.scope:
        inputs = (*over, *(("scope", node) for node in sides.scope))
        scope = (Node(f"{PARTS}:scope_of_parts", 1, side, inputs=inputs, kind="scope", label="scope of parts"),)
    if upstream is not None:
        inputs = (*over, ("list", upstream))
        most = _doc_parts if one.side == "docs" else _query_parts
        upstream = Node(
            f"{PARTS}:list_of_parts", 1, side, inputs=inputs, kind=upstream.kind, max_pairs=most, label="list of parts"
        )
    found = compile(one.of, replace(inner, scope=scope), upstream)
    inputs = (*_both(sides), ("parts", parts), ("list", found), *(("scope", node) for node in sides.scope))
    params = {**side, "keep": one.keep, **({"top": one.top} if one.top else {})}
    return Node(f"{PARTS}:fold", 1, params, inputs, kind="ranking", memory=_folding, label=one.title)


def _doc_parts(sizes: Sizes) -> int:
    """Return how many pairs the parts of listed documents have: twice the usual number of parts, for long ones."""
    return 2 * sizes.listed_pairs * -(-sizes.docs // max(sizes.texts, 1))


def _query_parts(sizes: Sizes) -> int:
    """Return how many pairs a list has for the parts of its queries: twice the usual number of parts, for long ones."""
    return 2 * sizes.listed_pairs * -(-sizes.queries // max(sizes.texts, 1))


def _folding(sizes: Sizes) -> MemoryNeed:
    """Return what folding takes beside its lists: every pair's key, place and score once more, sorted."""
    return MemoryNeed(24 * sizes.listed_pairs)


def _map(by: Pipeline, sides: Sides, texts: Node) -> Node:
    """Compile what makes texts: a map, maps in a row, or a pipeline whose list a map reads."""
    steps = by.steps if isinstance(by, Then) else (by,)
    feedback: Node | None = None
    behind: dict[str, bool] = {}
    for step in steps:
        if not isinstance(step, TextMap):
            feedback = compile(step, sides, feedback)
            continue
        step = _ready(step, sides)
        check_map(step, texts, sides)
        inputs: Inputs = (("texts", texts), *_needs(step, sides))
        if feedback is not None:
            inputs += (("queries", sides.queries), ("docs", sides.docs), ("list", feedback))
        texts, feedback = _node("map", step, inputs, "texts", params=behind), None
        behind = {"behind_map": True}
    return texts


def _ready(one: S, sides: Sides) -> S:
    """Return a stage as it is addressed: its trained models bound to what makes them, `auto` decided."""
    check_stage(one, sides)
    return plan_models(one, sides, one.model_kind, one.name).resolve_options(sides)


def combine(one: Combiner, sides: Sides, lists: tuple[Node, ...]) -> Node:
    """Return the node that runs a combiner on lists."""
    one = _ready(one, sides)
    inputs = (
        *_both(sides),
        *_needs(one, sides),
        *(("list", node) for node in lists),
        *(("scope", node) for node in sides.scope),
    )
    return _node("combine", one, inputs, _kind(one))


def _node(task: str, one: Stage, inputs: Inputs, kind: Kind, *, depth: int | None = None, params: Any = None) -> Node:
    return Node(
        f"{TASKS}:{task}",
        1,
        {"stage": one.describe_identity(), **(params or {})},
        inputs,
        depth=depth,
        kind=kind,
        memory=one.estimate_memory,
        max_pairs=one.estimate_pairs if isinstance(one, Combiner) else None,
        stage=one,
        label=one.title,
    )


def _both(sides: Sides) -> Inputs:
    return (("queries", sides.queries), ("docs", sides.docs))


def _needs(one: Stage, sides: Sides) -> Inputs:
    found: Inputs = (*(("need", node) for node in one.plan_inputs(sides)), *list_model_inputs(one))
    if "judgements" in one.reads:
        if sides.judgements is None:
            raise ConfigError(f"{one!r} reads judgements, and {sides.collection or 'the collection'} has none")
        found += (("judgements", sides.judgements),)
    return found


def _kind(one: Stage) -> Kind:
    return "pairs" if one.gives == "pairs" else "ranking"
