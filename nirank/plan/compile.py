"""From a pipeline and the two sides of a collection to the node that computes it. Nothing runs."""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch
from typing import Any, TypeVar

from nirank.algebra.application import Fold, Rewrite, Within
from nirank.algebra.model import list_model_inputs, plan_models
from nirank.algebra.node import Node, NodeKind
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
def compile_pipeline(pipeline: Pipeline, sides: Sides, upstream: Node | None = None) -> Node:
    """Return the node that computes a pipeline on two sides.

    upstream  the list that flows in, None at the start of a pipeline
    """
    raise TypeError(f"{type(pipeline).__name__} is no pipeline that can be compiled")


@compile_pipeline.register
def _compile_chain(chain: Then, sides: Sides, upstream: Node | None = None) -> Node:
    for stage in chain.steps:
        upstream = compile_pipeline(stage, sides, upstream)
    assert upstream is not None
    return upstream


@compile_pipeline.register
def _compile_retriever(retriever: Retriever, sides: Sides, upstream: Node | None = None) -> Node:
    retriever = _resolve_stage(retriever, sides)
    lists = () if upstream is None else (upstream,)
    scopes = sorted({*sides.scope, *lists}, key=lambda node: (node.address, node.depth or 0))
    more = _list_stage_inputs(retriever, replace(sides, scope=tuple(scopes)))
    inputs = (*_list_sides(sides), *more, *(("scope", node) for node in scopes))
    depth = None if retriever.gives == "pairs" else sides.resolve_depth(retriever.k)  # pairs have no order to be cut in
    params = {} if retriever.prefix_exact or retriever.k is not None else {"k": depth}
    return _make_stage_node("search", retriever, inputs, _get_kind(retriever), depth=depth, params=params)


@compile_pipeline.register
def _compile_scorer(scorer: Scorer, sides: Sides, upstream: Node | None = None) -> Node:
    scorer = _resolve_stage(scorer, sides)
    assert upstream is not None, "pipeline.py refuses a scorer without a list"
    inputs = (*_list_sides(sides), *_list_stage_inputs(scorer, sides), ("list", upstream))
    return _make_stage_node("score", scorer, inputs, "ranking", params={"depth": scorer.depth})


@compile_pipeline.register
def _compile_combiner_stage(combiner: Combiner, sides: Sides, upstream: Node | None = None) -> Node:
    return compile_combiner(combiner, sides, () if upstream is None else (upstream,))


@compile_pipeline.register
def _compile_join(join: Join, sides: Sides, upstream: Node | None = None) -> Node:
    return compile_combiner(
        join.stage, sides, tuple(compile_pipeline(branch, sides, upstream) for branch in join.inputs)
    )


@compile_pipeline.register
def _compile_within(within: Within, sides: Sides, upstream: Node | None = None) -> Node:
    if isinstance(within.scope, ScopeStage):
        scope = _resolve_stage(within.scope, sides)
        inputs = (*_list_sides(sides), *_list_stage_inputs(scope, sides))
        allowed = _make_stage_node("make_scope", scope, inputs, "scope")
    else:
        allowed = compile_pipeline(within.scope, sides)
    if upstream is not None:
        inputs = (*_list_sides(sides), ("list", upstream), ("scope", allowed))
        upstream = Node(f"{TASKS}:restrict", 1, inputs=inputs, kind=upstream.kind, label="what the scope allows")
    return compile_pipeline(within.of, replace(sides, scope=(*sides.scope, allowed)), upstream)


@compile_pipeline.register
def _compile_rewrite(rewrite: Rewrite, sides: Sides, upstream: Node | None = None) -> Node:
    texts = _compile_map(rewrite.by, sides, sides.queries)
    inputs = (("texts", sides.queries), ("made", texts))
    queries = Node(f"{TASKS}:align_rewritten", 1, inputs=inputs, kind="texts", label="rewritten")
    return compile_pipeline(rewrite.of, replace(sides, queries=queries), upstream)


@compile_pipeline.register
def _compile_fold(fold: Fold, sides: Sides, upstream: Node | None = None) -> Node:
    undivided = sides.docs if fold.side == "docs" else sides.queries
    parts = replace(_compile_map(fold.view, sides, undivided), offline=fold.side == "docs")
    inner = replace(sides, docs=parts) if fold.side == "docs" else replace(sides, queries=parts)
    tables = (*_list_sides(inner), ("whole", undivided))
    side = {"side": fold.side}
    scope: tuple[Node, ...] = ()
    if sides.scope:
        inputs = (*tables, *(("scope", node) for node in sides.scope))
        scope = (Node(f"{PARTS}:make_part_scope", 1, side, inputs=inputs, kind="scope", label="scope of parts"),)
    if upstream is not None:
        inputs = (*tables, ("list", upstream))
        max_pairs = _limit_doc_parts if fold.side == "docs" else _limit_query_parts
        upstream = Node(
            f"{PARTS}:make_part_list",
            1,
            side,
            inputs=inputs,
            kind=upstream.kind,
            max_pairs=max_pairs,
            label="list of parts",
        )
    ranking = compile_pipeline(fold.of, replace(inner, scope=scope), upstream)
    inputs = (*_list_sides(sides), ("parts", parts), ("list", ranking), *(("scope", node) for node in sides.scope))
    params = {**side, "keep": fold.keep, **({"top": fold.top} if fold.top else {})}
    return Node(f"{PARTS}:fold", 1, params, inputs, kind="ranking", memory=_estimate_fold_memory, label=fold.title)


def _limit_doc_parts(sizes: Sizes) -> int:
    """Return how many pairs the parts of listed documents have: twice the usual number of parts, for long ones."""
    return 2 * sizes.listed_pairs * -(-sizes.docs // max(sizes.texts, 1))


def _limit_query_parts(sizes: Sizes) -> int:
    """Return how many pairs a list has for the parts of its queries: twice the usual number of parts, for long ones."""
    return 2 * sizes.listed_pairs * -(-sizes.queries // max(sizes.texts, 1))


def _estimate_fold_memory(sizes: Sizes) -> MemoryNeed:
    """Return what folding takes beside its lists: every pair's key, place, score and words once more, sorted."""
    return MemoryNeed(40 * sizes.listed_pairs)


def _compile_map(pipeline: Pipeline, sides: Sides, texts: Node) -> Node:
    """Compile what makes texts: a map, maps in a row, or a pipeline whose list a map reads."""
    stages = pipeline.steps if isinstance(pipeline, Then) else (pipeline,)
    feedback: Node | None = None
    behind: dict[str, bool] = {}
    for stage in stages:
        if not isinstance(stage, TextMap):
            feedback = compile_pipeline(stage, sides, feedback)
            continue
        stage = _resolve_stage(stage, sides)
        check_map(stage, texts, sides)
        inputs: Inputs = (("texts", texts), *_list_stage_inputs(stage, sides))
        if feedback is not None:
            inputs += (("queries", sides.queries), ("docs", sides.docs), ("list", feedback))
        texts, feedback = _make_stage_node("map", stage, inputs, "texts", params=behind), None
        behind = {"behind_map": True}
    return texts


def _resolve_stage(stage: S, sides: Sides) -> S:
    """Return a stage as it is addressed: its trained models bound to what makes them, `auto` decided."""
    check_stage(stage, sides)
    return plan_models(stage, sides, stage.model_kind, stage.name).resolve_options(sides)


def compile_combiner(combiner: Combiner, sides: Sides, lists: tuple[Node, ...]) -> Node:
    """Return the node that runs a combiner on lists."""
    combiner = _resolve_stage(combiner, sides)
    inputs = (
        *_list_sides(sides),
        *_list_stage_inputs(combiner, sides),
        *(("list", node) for node in lists),
        *(("scope", node) for node in sides.scope),
    )
    return _make_stage_node("combine", combiner, inputs, _get_kind(combiner))


def _make_stage_node(
    task: str, stage: Stage, inputs: Inputs, kind: NodeKind, *, depth: int | None = None, params: Any = None
) -> Node:
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


def _list_sides(sides: Sides) -> Inputs:
    return (("queries", sides.queries), ("docs", sides.docs))


def _list_stage_inputs(stage: Stage, sides: Sides) -> Inputs:
    inputs: Inputs = (*(("need", node) for node in stage.plan_inputs(sides)), *list_model_inputs(stage))
    if "judgements" in stage.reads:
        if sides.judgements is None:
            raise ConfigError(f"{stage!r} reads judgements, and {sides.collection or 'the collection'} has none")
        inputs += (("judgements", sides.judgements),)
        inputs += () if sides.known is None else (("known", sides.known),)
    return inputs


def _get_kind(stage: Stage) -> NodeKind:
    return "pairs" if stage.gives == "pairs" else "ranking"
