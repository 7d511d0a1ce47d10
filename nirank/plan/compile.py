"""From a pipeline and the two sides of a collection to the node that computes it. Nothing runs."""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch

from nirank.algebra.application import Fold, Rewrite, Within
from nirank.algebra.node import Node
from nirank.algebra.pipeline import Pipeline, Then
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Combiner, Join, Retriever, ScopeStage, Scorer, TextMap
from nirank.base.memory import MemoryNeed, Sizes
from nirank.plan.check import check_map
from nirank.plan.range_nodes import compile_ranges, has_ranges
from nirank.plan.stage_nodes import (
    TASKS,
    Inputs,
    get_kind,
    list_sides,
    list_stage_inputs,
    make_stage_node,
    resolve_stage,
)

PARTS = "nirank.plan.parts"


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
    retriever = resolve_stage(retriever, sides)
    lists = () if upstream is None else (upstream,)
    scopes = sorted({*sides.scope, *lists}, key=lambda node: (node.address, node.depth or 0))
    sides = replace(sides, scope=tuple(scopes))
    depth = None if retriever.gives == "pairs" else sides.resolve_depth(retriever.k)  # pairs have no order to be cut in
    params = {} if retriever.prefix_exact or retriever.k is not None else {"k": depth}
    if has_ranges(retriever, sides):
        return compile_ranges(retriever, sides, depth, params)
    more = list_stage_inputs(retriever, sides)
    inputs = (*list_sides(sides), *more, *(("scope", node) for node in scopes))
    return make_stage_node("search", retriever, inputs, get_kind(retriever), depth=depth, params=params)


@compile_pipeline.register
def _compile_scorer(scorer: Scorer, sides: Sides, upstream: Node | None = None) -> Node:
    scorer = resolve_stage(scorer, sides)
    assert upstream is not None, "pipeline.py refuses a scorer without a list"
    inputs = (*list_sides(sides), *list_stage_inputs(scorer, sides), ("list", upstream))
    return make_stage_node("score", scorer, inputs, "ranking", params={"depth": scorer.depth})


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
        scope = resolve_stage(within.scope, sides)
        inputs = (*list_sides(sides), *list_stage_inputs(scope, sides))
        allowed = make_stage_node("make_scope", scope, inputs, "scope")
    else:
        allowed = compile_pipeline(within.scope, sides)
    if upstream is not None:
        inputs = (*list_sides(sides), ("list", upstream), ("scope", allowed))
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
    tables = (*list_sides(inner), ("whole", undivided))
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
    inputs = (*list_sides(sides), ("parts", parts), ("list", ranking), *(("scope", node) for node in sides.scope))
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
        stage = resolve_stage(stage, sides)
        check_map(stage, texts, sides)
        inputs: Inputs = (("texts", texts), *list_stage_inputs(stage, sides))
        if feedback is not None:
            inputs += (("queries", sides.queries), ("docs", sides.docs), ("list", feedback))
        texts, feedback = make_stage_node("map", stage, inputs, "texts", params=behind), None
        behind = {"behind_map": True}
    return texts


def compile_combiner(combiner: Combiner, sides: Sides, lists: tuple[Node, ...]) -> Node:
    """Return the node that runs a combiner on lists."""
    combiner = resolve_stage(combiner, sides)
    inputs = (
        *list_sides(sides),
        *list_stage_inputs(combiner, sides),
        *(("list", node) for node in lists),
        *(("scope", node) for node in sides.scope),
    )
    return make_stage_node("combine", combiner, inputs, get_kind(combiner))
