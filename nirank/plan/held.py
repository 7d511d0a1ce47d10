"""Folds: what does not depend on the fold is computed once over all queries, the rest on those held out."""

from __future__ import annotations

from typing import Any

import numpy as np

from nirank.algebra.judged import Judged
from nirank.algebra.node import Job, Kind, Node
from nirank.algebra.pipeline import Pipeline, Then
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Join
from nirank.algebra.walk import walk
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.plan.compile import combine, compile


def depends_on_fold(value: Any) -> bool:
    """Tell whether something is trained or tuned on the queries outside a fold."""
    return any(isinstance(one, Judged) and one.outside_fold for one in walk(value))


def compile_held(one: Pipeline, held: Sides, whole: Sides) -> Node:
    """Return the node that computes a pipeline for the queries held out.

    held, whole  the sides with those queries, and with all
    """
    if not depends_on_fold(one):
        return _taken(compile(one, whole), held, whole)
    if isinstance(one, Then):
        first = next(at for at, step in enumerate(one.steps) if depends_on_fold(step))
        upstream = None if not first else compile_held(_chain(one.steps[:first]), held, whole)
        rest = one.steps[first:]
        if upstream is None and isinstance(rest[0], Join):
            upstream, rest = compile_held(rest[0], held, whole), rest[1:]
        for step in rest:
            upstream = compile(step, held, upstream)
        assert upstream is not None
        return upstream
    if isinstance(one, Join):
        return combine(one.stage, held, tuple(compile_held(branch, held, whole) for branch in one.inputs))
    return compile(one, held)


def joined(folds: list[tuple[Node, Sides]], whole: Sides) -> Node:
    """Return the node of all folds' lists, put together over all queries."""
    inputs = (
        ("queries", whole.queries),
        ("docs", whole.docs),
        *((role, node) for found, held in folds for role, node in (("held", held.queries), ("list", found))),
    )
    kind: Kind = "ranking" if all(found.kind == "ranking" for found, _ in folds) else "pairs"
    return Node(f"{__name__}:put_together", 1, {}, inputs, kind=kind, label=f"{len(folds)} folds together")


def take(job: Job) -> Pairs:
    """Leave of a list the queries held out."""
    found: Pairs = job.get_input("list")
    queries = job.get_input("queries").ids
    return found.take(found.queries.find_rows(list(queries)), queries)


def put_together(job: Job) -> Pairs:
    """Put the lists of disjoint queries together, as pairs where not all are ranked; as deep as the shallowest."""
    queries, docs = job.get_input("queries").ids, job.get_input("docs").ids
    lists: list[Pairs] = job.inputs["list"]
    rows = [
        queries.find_rows(list(held.ids))[found.query_rows]
        for held, found in zip(job.inputs["held"], lists, strict=True)
    ]
    both = np.concatenate(rows), np.concatenate([found.rows for found in lists])
    ranked = [found for found in lists if isinstance(found, Ranking)]
    if len(ranked) < len(lists):
        return Pairs.build(queries, docs, *both, source="folds")
    depths = [found.depth for found in ranked if found.depth is not None]
    scores = np.concatenate([found.scores for found in ranked])
    made = Ranking.build(queries, docs, *both, scores, source="folds")
    return Ranking(made.queries, made.docs, made.offsets, made.rows, made.scores, min(depths, default=None))


def _taken(found: Node, held: Sides, whole: Sides) -> Node:
    inputs = (("queries", held.queries), ("docs", held.docs), ("whole", whole.queries), ("list", found))
    label = f"{found.label} for {held.queries.label}"
    return Node(f"{__name__}:take", 1, {}, inputs, depth=found.depth, kind=found.kind, label=label)


def _chain(steps: tuple[Pipeline, ...]) -> Pipeline:
    return steps[0] if len(steps) == 1 else Then(steps)
