"""A query's plan: which computations depend on the query, and which are the run's own."""

from __future__ import annotations

from dataclasses import dataclass

from nirank.algebra.node import Node
from nirank.algebra.stage import walk_stages
from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.experiment.system_runs import SystemRun
from nirank.stages.run import RunFile


@dataclass(frozen=True)
class QueryPlan:
    """How a system answers: compiled once, for all queries with the same fields.

    target   gives the ranking
    queries  and scopes: the leaves that every query brings values for
    asked    what depends on these, inputs first: run for every query, and not stored
    stored   what those need beside: index, vectors, models; the store has it
    """

    target: Node
    queries: Node
    scopes: tuple[Node, ...]
    asked: tuple[Node, ...]
    stored: tuple[Node, ...]


def make_query_plan(experiment: Experiment, run: SystemRun, asked: Collection) -> QueryPlan:
    """Return the plan of a system for queries such as the asked one.

    Raises ConfigError where the query lacks what the system reads.
    """
    target, sides = experiment.plan_query(run, asked)
    depending = {sides.queries, *sides.scope}
    nodes: list[Node] = []
    stored: dict[Node, None] = {}
    for node in target.walk():
        if any(below in depending for _, below in node.inputs):
            depending.add(node)
            nodes.append(node)
    for node in nodes:
        stored |= dict.fromkeys(below for _, below in node.inputs if below not in depending and not below.is_leaf)
    if any(node.training for node in nodes):
        raise ConfigError(
            f"system '{run.system}' trains a model on the queries that it ranks; there is none for others"
        )
    return QueryPlan(target, sides.queries, sides.scope, tuple(nodes), tuple(stored))


def find_refusal(run: SystemRun) -> str | None:
    """Say why a system cannot be asked; None: it can."""
    if run.collection.unit == "pair":
        return "it seeks pairs of records; what is asked is one query"
    if run.folds is not None:
        return f"it is another system in each of {run.folds} folds, and a new query is in none of them"
    for stage in walk_stages(run.pipeline):
        if "judgements" in stage.reads:
            return f"{stage.name} reads judgements of the query, and a new one has none"
        if isinstance(stage, RunFile):
            return f"{stage.path} has lists of its own queries only"
    if run.pipeline.gives != "ranking":
        return "it gives candidates without order"
    return None
