"""Systems asked from both sides: the candidates of each query, and those that the documents find when they ask."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nirank.algebra.model import TrainedModel
from nirank.algebra.node import Job, Node
from nirank.algebra.pipeline import Pipeline, Then
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Combiner, Join, Stage
from nirank.algebra.walk import transform
from nirank.base.memory import MemoryNeed, Sizes
from nirank.flow.pairs import Pairs
from nirank.plan.compile import compile_combiner, compile_pipeline

UNITE = f"{__name__}:unite"
_A_PAIR = 40  # bytes: its key in each list, and sorted


def compile_system(pipeline: Pipeline, sides: Sides) -> Node:
    """Return the node that computes a system on two sides, asked from both where both ask.

    Then its candidates are pairs without order, over the queries and documents as they are: those that the queries
    found, and those that the documents did. Stages that would find the same are not run twice, and what decides about
    each pair by itself, at the end, is run on the united pairs.
    """
    if not sides.both_ask:
        return compile_pipeline(pipeline, sides)
    finding, deciding = _split_pairwise(pipeline)
    candidates = compile_pipeline(finding, sides)
    if not _is_symmetric(finding):
        turned = replace(sides, queries=sides.docs, docs=sides.queries, judgements=None)
        found = _make_turn_node(_compile_turned(finding, sides, turned), sides, ", asked by the other table")
        inputs = (("queries", sides.queries), ("docs", sides.docs), ("list", candidates), ("list", found))
        candidates = Node(UNITE, 1, {}, inputs, kind="pairs", memory=_estimate_memory, label="both tables asking")
    for stage in deciding:
        candidates = compile_pipeline(stage, sides, candidates)
    return candidates


def turn(job: Job) -> Pairs:
    """Return the pairs of a list whose queries and documents have changed places."""
    pairs: Pairs = job.get_input("list")
    return pairs.transpose()


def unite(job: Job) -> Pairs:
    """Return the pairs that either side found, and count the records that no pair holds."""
    first, second = job.inputs["list"]
    pairs: Pairs = first.union(second)
    without_query, without_document = pairs.count_unpaired()
    job.context.count("queries_without_pair", without_query)
    job.context.count("documents_without_pair", without_document)
    return pairs


def _split_pairwise(pipeline: Pipeline) -> tuple[Pipeline, tuple[Pipeline, ...]]:
    """Return what finds pairs, and the last stages, which decide about each by itself."""
    stages = pipeline.steps if isinstance(pipeline, Then) else (pipeline,)
    n_finding = len(stages)
    while n_finding > 1 and _is_pairwise(stages[n_finding - 1]):
        n_finding -= 1
    return _make_chain(stages[:n_finding]), stages[n_finding:]


def _is_pairwise(pipeline: Pipeline) -> bool:
    return isinstance(pipeline, Combiner) and pipeline.pairwise


def _is_symmetric(pipeline: Pipeline) -> bool:
    """Tell whether a pipeline finds the same pairs whichever side asks."""
    if isinstance(pipeline, Then):
        return all(_is_pairwise(step) or _is_symmetric(step) for step in pipeline.steps)
    if isinstance(pipeline, Join):
        return pipeline.stage.symmetric and all(map(_is_symmetric, pipeline.inputs))
    return isinstance(pipeline, Stage) and pipeline.symmetric


def _compile_turned(pipeline: Pipeline, sides: Sides, turned: Sides, upstream: Node | None = None) -> Node:
    """Return the node that computes a pipeline on the turned sides; what is symmetric is computed on `sides`."""
    if upstream is None and _is_symmetric(pipeline):
        return _make_turn_node(compile_pipeline(pipeline, sides), turned, ", turned")
    if isinstance(pipeline, Then):
        steps = pipeline.steps
        n_symmetric = 0
        while upstream is None and n_symmetric < len(steps) and _is_symmetric(_make_chain(steps[: n_symmetric + 1])):
            n_symmetric += 1
        if n_symmetric:
            upstream = _compile_turned(_make_chain(steps[:n_symmetric]), sides, turned)
        for step in steps[n_symmetric:]:
            upstream = _compile_turned(step, sides, turned, upstream)
        assert upstream is not None
        return upstream
    if isinstance(pipeline, Join):
        lists = tuple(_compile_turned(branch, sides, turned, upstream) for branch in pipeline.inputs)
        return compile_combiner(_turn_views(pipeline.stage), turned, lists)
    return compile_pipeline(_turn_views(pipeline), turned, upstream)


def _turn_views(pipeline: Any) -> Any:
    """Return a pipeline whose stages read each table by the view that is meant for it, in its new place."""

    def change(part: Any) -> Any:
        if not (isinstance(part, Stage) and hasattr(part, "query_text") and hasattr(part, "doc_text")):
            return part
        views: dict[str, Any] = {"query_text": part.doc_text, "doc_text": part.query_text}
        return part if part.query_text == part.doc_text else replace(part, **views)

    return transform(pipeline, change, closed=TrainedModel)


def _make_turn_node(found: Node, sides: Sides, what: str) -> Node:
    """Return the node of a list over these sides, of one over the turned ones."""
    inputs = (("queries", sides.queries), ("docs", sides.docs), ("list", found))
    return Node(f"{__name__}:turn", 1, {}, inputs, kind="pairs", memory=_estimate_memory, label=f"{found.label}{what}")


def _make_chain(stages: tuple[Pipeline, ...]) -> Pipeline:
    return stages[0] if len(stages) == 1 else Then(stages)


def _estimate_memory(sizes: Sizes) -> MemoryNeed:
    return MemoryNeed(_A_PAIR * sizes.listed_pairs)


__all__ = ["UNITE", "compile_system", "turn", "unite"]
