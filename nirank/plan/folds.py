"""Folds: what does not depend on the fold is computed once over all queries, the rest on those held out."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirank.algebra.judged import Judged
from nirank.algebra.node import Job, Node, NodeKind
from nirank.algebra.pipeline import Pipeline, Then
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Join
from nirank.algebra.walk import walk
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.plan.compile import compile_combiner, compile_pipeline


def depends_on_fold(value: Any) -> bool:
    """Tell whether something is trained or tuned on the queries outside a fold."""
    return any(isinstance(part, Judged) and part.outside_fold for part in walk(value))


def compile_fold(pipeline: Pipeline, held_out: Sides, all_queries: Sides) -> Node:
    """Return the node that computes a pipeline for the queries held out.

    held_out, whole  the sides with those queries, and with all
    """
    if not depends_on_fold(pipeline):
        return _make_take_node(compile_pipeline(pipeline, all_queries), held_out, all_queries)
    if isinstance(pipeline, Then):
        first = next(place for place, stage in enumerate(pipeline.steps) if depends_on_fold(stage))
        upstream = None if not first else compile_fold(_make_chain(pipeline.steps[:first]), held_out, all_queries)
        rest = pipeline.steps[first:]
        if upstream is None and isinstance(rest[0], Join):
            upstream, rest = compile_fold(rest[0], held_out, all_queries), rest[1:]
        for stage in rest:
            upstream = compile_pipeline(stage, held_out, upstream)
        assert upstream is not None
        return upstream
    if isinstance(pipeline, Join):
        return compile_combiner(
            pipeline.stage, held_out, tuple(compile_fold(branch, held_out, all_queries) for branch in pipeline.inputs)
        )
    return compile_pipeline(pipeline, held_out)


def join_fold_nodes(folds: list[tuple[Node, Sides]], all_queries: Sides) -> Node:
    """Return the node of all folds' lists, put together over all queries."""
    inputs = (
        ("queries", all_queries.queries),
        ("docs", all_queries.docs),
        *(
            (role, node)
            for ranking, held_out in folds
            for role, node in (("held", held_out.queries), ("list", ranking))
        ),
    )
    kind: NodeKind = "ranking" if all(ranking.kind == "ranking" for ranking, _ in folds) else "pairs"
    return Node(f"{__name__}:join_folds", 1, {}, inputs, kind=kind, label=f"{len(folds)} folds together")


def take_queries(job: Job) -> Pairs:
    """Leave of a list the queries held out."""
    pairs: Pairs = job.get_input("list")
    queries = job.get_input("queries").ids
    return pairs.take(pairs.queries.find_rows(list(queries)), queries)


def join_folds(job: Job) -> Pairs:
    """Put the lists of disjoint queries together, as pairs where not all are ranked; as deep as the shallowest."""
    queries, docs = job.get_input("queries").ids, job.get_input("docs").ids
    lists: list[Pairs] = job.inputs["list"]
    rows = [
        queries.find_rows(list(fold.ids))[pairs.query_rows]
        for fold, pairs in zip(job.inputs["held"], lists, strict=True)
    ]
    both = np.concatenate(rows), np.concatenate([pairs.rows for pairs in lists])
    rankings = [pairs for pairs in lists if isinstance(pairs, Ranking)]
    if len(rankings) < len(lists):
        return Pairs.build(queries, docs, *both, source="folds")
    depths = [pairs.depth for pairs in rankings if pairs.depth is not None]
    scores = np.concatenate([pairs.scores for pairs in rankings])
    ranking = Ranking.build(queries, docs, *both, scores, source="folds")
    return Ranking(
        ranking.queries, ranking.docs, ranking.offsets, ranking.rows, ranking.scores, min(depths, default=None)
    )


def _make_take_node(ranking: Node, held_out: Sides, all_queries: Sides) -> Node:
    inputs = (("queries", held_out.queries), ("docs", held_out.docs), ("whole", all_queries.queries), ("list", ranking))
    label = f"{ranking.label} for {held_out.queries.label}"
    return Node(f"{__name__}:take_queries", 1, {}, inputs, depth=ranking.depth, kind=ranking.kind, label=label)


def _make_chain(stages: tuple[Pipeline, ...]) -> Pipeline:
    return stages[0] if len(stages) == 1 else Then(stages)
