"""System runs: which system, on which collection, with which seed, is computed by which node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nirank.algebra.node import Node
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.sides import Sides, Use, WrittenData
from nirank.algebra.walk import transform, walk
from nirank.base.identity import SEED, digest
from nirank.collections.collection import Collection
from nirank.errors import ConfigError, NirankError
from nirank.experiment.folds import Folds
from nirank.experiment.seeds import name_seeded_system
from nirank.experiment.supervision import Supervision, count_trained_too
from nirank.experiment.training_sources import RunSources, TrainingCollections
from nirank.plan.both_sides import compile_system
from nirank.plan.choices import Choices, FindChoice, resolve_choices
from nirank.plan.execute import FailedNode
from nirank.plan.folds import compile_fold, depends_on_fold, join_fold_nodes
from nirank.results.row_training import TrainingQueries


@dataclass(frozen=True)
class SystemRun:
    """One system on one collection, with one seed.

    system        as its row is named; `of`, as the user named it
    pipeline      with its seed and choices
    ranking       the node that ranks; None where a choice comes first
    seed          of trained models; None: nothing depends on one
    folds         how many; None: nothing depends on them
    supervision   what it was trained and tuned on; `unjudged`: training sets without judgements
    written       queries that the plan writes
    documents     digests of the documents that sets without judgements are of
    choices       each choice (of each fold), and its outcome
    open_choices  those that have to be made before the rest can be planned
    """

    collection: Collection
    system: str
    of: str
    pipeline: Pipeline
    ranking: Node | None = None
    seed: int | None = None
    folds: int | None = None
    supervision: tuple[Supervision, ...] = ()
    unjudged: tuple[TrainingQueries, ...] = ()
    written: tuple[WrittenData, ...] = ()
    documents: frozenset[str] = frozenset()
    choices: tuple[tuple[Node, Mapping[str, Any]], ...] = ()
    open_choices: tuple[Node, ...] = ()

    @property
    def target(self) -> Node:
        """What is to be computed next: the ranking, or a choice that comes first."""
        return self.ranking or self.open_choices[0]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Everything that is asked for: choices, and the ranking."""
        return (*(node for node, _ in self.choices), *self.open_choices, *((self.ranking,) if self.ranking else ()))

    def list_supervision(self, use: Use) -> list[Supervision]:
        """Return what the system was trained on, or tuned on."""
        return [query_set for query_set in self.supervision if query_set.use == use]

    def describe_training(self) -> tuple[TrainingQueries, ...]:
        """Return what the system was trained on."""
        training = [data for data in self.written if data.trains]
        written = (TrainingQueries(data.title, 0, data.drops_evaluated, written=0, kept=0) for data in training)
        return (*(query_set.describe() for query_set in self.list_supervision("trained")), *self.unjudged, *written)

    def describe_tuning(self) -> tuple[TrainingQueries, ...]:
        """Return what the system was tuned on, and how much of that its models were trained on."""
        trained = self.list_supervision("trained")
        return tuple(
            replace(query_set.describe(), trained_too=count_trained_too(query_set, trained))
            for query_set in self.list_supervision("tuned")
        )

    def list_training_on_documents(self) -> list[str]:
        """Return the training sets over the documents that are ranked, by title."""
        docs, trained = self.collection.docs.digest, self.list_supervision("trained")
        titles = [query_set.title for query_set in trained if query_set.collection.docs.digest == docs]
        return list(dict.fromkeys([*titles, *(["its documents"] if docs in self.documents else [])]))


def plan_system_runs(
    collections: TrainingCollections,
    systems: Mapping[str, Pipeline],
    seeds: Sequence[int],
    folds: Folds | None,
    find_choice: FindChoice,
) -> list[SystemRun]:
    """Return the system runs of an experiment; raise ConfigError with every system's mistakes.

    find_choice  gives the outcome of a choice; None: it is left open. What it raises as FailedNode fails its system
    """
    runs = []
    mistakes: dict[str, list[Collection]] = {}  # each with the collections on which it shows
    for run in _list_system_runs(collections.evaluated, systems, seeds):
        try:
            runs.append(_plan_system_run(run, collections, folds, find_choice))
        except FailedNode as failure:
            runs.append(replace(run, open_choices=(failure.node,)))
        except NirankError as error:
            if error.exit_code != 2:
                raise
            for message in error.messages:
                mistakes.setdefault(f"system '{run.of}': {message}", []).append(run.collection)
    if mistakes:
        raise ConfigError(*(_name_places(*mistake, collections.evaluated) for mistake in mistakes.items()))
    return runs


def plan_query(run: SystemRun, collections: TrainingCollections, asked: Collection) -> tuple[Node, Sides]:
    """Return the node by which a planned system ranks other queries over its documents, and the sides that they make.

    asked  the run's collection with these queries instead of its own

    What depends on the documents, on training or on choices is the run's own: only what the queries change is new. The
    queries have leaves of their own even where their content is that of others.
    """
    leaves = collections.leaves
    known = set(leaves.values)
    given = leaves.make_ranked_sides(asked)

    def set_apart(leaf: Node, label: str) -> Node:
        apart = Node.leaf(leaf.kind, digest({"asked": leaf.address}), label)
        return leaves.add(apart, leaves.values[leaf.address])

    sides = replace(
        given,
        queries=set_apart(given.queries, "the query"),
        scope=tuple(set_apart(leaf, leaf.label) for leaf in given.scope),
        training_sources=RunSources(collections, run.collection),
    )
    try:
        return compile_system(run.pipeline, sides), sides
    finally:  # who asks has the values: they are kept for checking the plan, not for every query that comes
        for leaf in (given.queries, *given.scope, sides.queries, *sides.scope):
            if leaf.address not in known:
                leaves.values.pop(leaf.address, None)


def set_seed(pipeline: Pipeline, seed: int) -> Pipeline:
    """Return the pipeline whose trained models, and choices of documents, have a seed."""
    seeded: Pipeline = transform(pipeline, lambda value: seed if value is SEED else value)
    return seeded


def _list_system_runs(
    collections: Sequence[Collection], systems: Mapping[str, Pipeline], seeds: Sequence[int]
) -> Iterator[SystemRun]:
    """Yield every system on every collection, with every seed where it depends on one."""
    for collection in collections:
        for name, pipeline in systems.items():
            if not any(value is SEED for value in walk(pipeline)):
                yield SystemRun(collection, name, name, pipeline)
                continue
            for seed in seeds:
                row = name_seeded_system(name, seed) if len(seeds) > 1 else name
                yield SystemRun(collection, row, name, set_seed(pipeline, seed), seed=seed)


def _plan_system_run(
    run: SystemRun, collections: TrainingCollections, folds: Folds | None, find_choice: FindChoice
) -> SystemRun:
    """Resolve the choices of a system, in every fold, and compile it."""
    all_queries = collections.leaves.make_ranked_sides(run.collection)
    if folds is None or not depends_on_fold(run.pipeline):
        sources = RunSources(collections, run.collection)
        choices = resolve_choices(run.pipeline, sources, find_choice)
        ranking = compile_system(choices.pipeline, replace(all_queries, training_sources=sources))
        return _complete(run, [(sources, choices)], pipeline=choices.pipeline, ranking=ranking)
    parts, lists = [], []
    for rows in folds.split_queries(run.collection):
        sources = RunSources(collections, run.collection, rows)
        choices = resolve_choices(run.pipeline, sources, find_choice)
        fold = replace(collections.leaves.make_ranked_sides(run.collection.take(rows)), training_sources=sources)
        ranking = compile_fold(choices.pipeline, fold, replace(all_queries, training_sources=sources))
        parts.append((sources, choices))
        lists.append((ranking, fold))
    return _complete(run, parts, ranking=join_fold_nodes(lists, all_queries), folds=folds.k)


def _complete(run: SystemRun, parts: Sequence[tuple[RunSources, Choices]], **planned: Any) -> SystemRun:
    """Return a run with what was planned, and with what its folds trained and tuned on; only its open choices if any.

    parts  of each fold
    """
    open_choices = dict.fromkeys(node for _, choices in parts for node in choices.open)
    if open_choices:
        return replace(run, open_choices=tuple(open_choices))
    nodes = set(planned["ranking"].walk())  # what only candidates that were not chosen ask for is not among them
    written = [data for sources, _ in parts for data in sources.written if data.table in nodes]
    query_sets = [query_set for sources, _ in parts for query_set in sources.supervision]
    supervision = {query_set.key: query_set for query_set in query_sets}  # some are asked for twice
    return replace(
        run,
        supervision=tuple(supervision.values()),
        unjudged=tuple(dict.fromkeys(queries for sources, _ in parts for queries in sources.unjudged)),
        written=tuple(dict.fromkeys(written)),
        documents=frozenset().union(*(sources.documents for sources, _ in parts)),
        choices=tuple(outcome for _, choices in parts for outcome in choices.outcomes),
        **planned,
    )


def _name_places(message: str, places: Sequence[Collection], evaluated: Sequence[Collection]) -> str:
    """Return a mistake with the collections on which it shows, unless it is a mistake on all."""
    names = dict.fromkeys(map(_name_collection, places))
    return message if set(names) == set(map(_name_collection, evaluated)) else f"{message} (on {', '.join(names)})"


def _name_collection(collection: Collection) -> str:
    return f"{collection.name}/{collection.split}" if collection.split else collection.name
