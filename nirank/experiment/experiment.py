"""Experiment: collections × systems × measures."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nirank.algebra.node import Node, Store
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.sides import Sides
from nirank.base.amounts import parse_size
from nirank.base.memory import limit_memory
from nirank.base.work import Engine
from nirank.collections.collection import Collection
from nirank.diagnostics.diagnosis import Diagnostics, parse_diagnostics
from nirank.errors import ConfigError
from nirank.evaluation.comparisons import Significance
from nirank.evaluation.measures import list_measure_names
from nirank.experiment.arguments import as_collections, as_systems
from nirank.experiment.both_ask import check_both_ask
from nirank.experiment.diagnostics import Diagnostician
from nirank.experiment.folds import Folds
from nirank.experiment.leaves import Leaves
from nirank.experiment.mistakes import (
    check_collections,
    check_device,
    check_measures,
    check_significance,
    check_systems,
    collect_mistakes,
    list_measures,
)
from nirank.experiment.result import Result, RowKey
from nirank.experiment.run_evaluation import compare_systems, evaluate_system_run, read_given_files
from nirank.experiment.seeds import average_seeds, order_means_first, parse_seeds
from nirank.experiment.stopping import parse_stopping_rules
from nirank.experiment.system_runs import SystemRun, plan_query, plan_system_runs
from nirank.experiment.training_sources import TrainingCollections
from nirank.plan.choices import Choice, FindChoice, read_choice
from nirank.plan.execute import Runner
from nirank.plan.explain import PlannedNode, describe_plan, describe_run, list_planned_nodes
from nirank.plan.folds import depends_on_fold
from nirank.plan.memory import refuse_over_ceiling
from nirank.plan.reporter import Reporter
from nirank.plan.summary import summarise_plan
from nirank.results.summaries import summarise_groups
from nirank.stopping.rule import StoppingRule

log = logging.getLogger("nirank")


class Experiment:
    """Compare systems on collections.

    collections  one, or several with different names (or splits)
    systems      {name: pipeline}
    measures     names such as 'nDCG@10', 'R@100', 'AP', 'P(rel=2)@5'; a collection with measures
                 of its own uses those
    store        where computations are kept, a store or its folder; None: the user's store
    device       for models: 'auto', 'cpu', 'cuda', …
    engine       executes what comes in shards (encoding, pair scoring); None: this process, on all cores
    significance how systems are compared with each other; None: as `Significance` says by default
    seeds        of trained models: a system with such a model has a row a seed, and with several seeds one of their
                 mean and spread
    folds        split the queries for systems that are trained or tuned on the queries outside a fold
    stopping     stopping rules, as `parse_stopping_rule` takes them: where each would end the review of every topic, on
                 systems whose lists are whole orders of the candidates
    diagnostics  why lists are as they are: True, names of `Diagnostics`, or such a value; computed after the run
    max_memory   of this process and its workers, mapped files aside: bytes, or text such as '4GB'. Blocks are made as
                 small as they must be; what would need more all the same is refused before anything runs

    Making one checks everything that can be checked without computing; all mistakes are in one
    ConfigError.
    """

    def __init__(
        self,
        collections: Collection | Sequence[Collection],
        systems: Mapping[str, Pipeline],
        measures: Sequence[str],
        *,
        store: Store | str | Path | None = None,
        device: str = "auto",
        significance: Significance | None = None,
        engine: Engine | None = None,
        seeds: Sequence[int] = (1,),
        folds: int | Folds | None = None,
        stopping: Sequence[Any] = (),
        diagnostics: Any = None,
        max_memory: int | str | None = None,
    ) -> None:
        from nirank.store import open_store

        self.collections = as_collections(collections)
        self.systems = as_systems(systems)
        self.measures = list_measure_names(measures)
        self.store: Store = open_store(store) if store is None or isinstance(store, (str, Path)) else store
        self.device, self.engine = device, engine
        self.significance = Significance() if significance is None else significance
        self.seeds: tuple[int, ...] = ()
        self.folds = folds if folds is None or isinstance(folds, Folds) else Folds(folds)
        self.max_memory: int | None = None
        self.stopping: tuple[StoppingRule, ...] = ()
        self.diagnostics: Diagnostics | None = None
        mistakes: list[str] = []
        with collect_mistakes(mistakes):
            self.seeds = parse_seeds(seeds)
        mistakes += check_collections(self.collections)
        mistakes += check_systems(self.systems, list_measures(self.measures, self.collections), self.seeds)
        mistakes += check_measures(self.measures, self.collections)
        mistakes += check_both_ask(self.collections, self.systems, self.measures, self.folds is not None)
        with collect_mistakes(mistakes):
            check_significance(self.significance, self.systems)
        mistakes += check_device(self.device)
        with collect_mistakes(mistakes, "max_memory: "):
            self.max_memory = None if max_memory is None else int(parse_size(str(max_memory)))
        with collect_mistakes(mistakes):
            self.stopping = parse_stopping_rules(stopping)
        with collect_mistakes(mistakes):
            self.diagnostics = parse_diagnostics(diagnostics)
        if mistakes:
            raise ConfigError(*mistakes)
        self._leaves = Leaves(device, self.measures, to_end=bool(self.stopping))
        self._training = TrainingCollections(self.collections, self.store, self._leaves)
        self._system_runs: list[SystemRun] | None = None
        if self.folds is not None and not any(map(depends_on_fold, self.systems.values())):
            log.warning("folds change nothing: no system is trained or tuned on the queries outside a fold")

    def __repr__(self) -> str:
        return f"<Experiment: {len(self.collections)} collections × {len(self.systems)} systems>"

    def plan(self) -> list[SystemRun]:
        """Return what is to be computed, as nodes. Models and files are looked up, nothing is computed.

        What a tuned pipeline will be is known where its choice is stored; elsewhere the choice is open.
        """
        if self._system_runs is None:
            self._system_runs = self._plan(self._find_stored_choice)
        return self._system_runs

    def list_nodes(self) -> list[Node]:
        """Return all computations of the plan, each at every depth at which it is asked for."""
        targets = [target for run in self.plan() for target in run.nodes]
        return list(dict.fromkeys(node for target in targets for node in target.walk() if not node.is_leaf))

    def explain(self) -> str:
        """Return the plan as text: computations, what is stored, what is shared by which systems."""
        graph = describe_plan(self._list_planned_nodes())
        waiting = sum(bool(run.open_choices) for run in self.plan())
        if waiting:
            graph += f"\n{waiting} of the rows wait for a choice; what follows it is planned when it is made"
        return graph

    def estimate_seconds(self) -> float:
        """Return how long what is not stored will take at most, as far as such computations were made before."""
        return sum(planned.estimate_s or 0.0 for planned in self._list_planned_nodes())

    def check(self, *, files: bool = False) -> None:
        """Raise for what would only come to light later: models and files that are not there, too little memory.

        files  read run files and lists of ids as well; what is read is stored
        """
        self.plan()
        if files:
            runner = Runner(self.store, self._leaves.values, Reporter(), self.device)
            read_given_files(self.plan(), runner, leaves_only=True)
        if self.max_memory is not None:
            refuse_over_ceiling(((step.node, step.memory) for step in self._list_planned_nodes()), self.max_memory)

    def run(self, reporter: Reporter | None = None, *, time_again: bool = False) -> Result:
        """Compute what is not stored, and evaluate.

        time_again  runs online computations that were found stored once more, to time them here and now

        A system that fails takes only its own rows with it; they say what failed and why.
        """
        with limit_memory(self.max_memory):
            return self._run(reporter or Reporter(), time_again)

    def make_runner(self, reporter: Reporter, *, time_again: bool = False) -> Runner:
        """Return what runs the computations of the plan."""
        return Runner(
            self.store,
            self._leaves.values,
            reporter,
            self.device,
            engine=self.engine,
            time=time_again,
            max_memory=self.max_memory,
        )

    def plan_query(self, run: SystemRun, asked: Collection) -> tuple[Node, Sides]:
        """Return the node by which a planned system ranks other queries, and the sides that they make.

        asked  the run's collection with these queries instead of its own
        """
        return plan_query(run, self._training, asked)

    def _run(self, reporter: Reporter, time_again: bool) -> Result:
        began, started = datetime.now(UTC), time.perf_counter()
        self.check()
        graph = self._list_planned_nodes()
        if not all(step.stored for step in graph):
            self.store.require_writable()
            self._log_earlier_artifacts()
        runner = self.make_runner(reporter, time_again=time_again)
        if self.make_choices(runner):
            self.check()
            graph = self._list_planned_nodes()
        runs = self.plan()
        runner.plan(run.target for run in runs)
        read_given_files(runs, runner)
        measures = dict.fromkeys(name for collection in self.collections for name in self._get_measures(collection))
        result = Result(measures=tuple(measures), collections=self.collections, systems=self.systems)
        diagnostician = None if self.diagnostics is None else Diagnostician(self.diagnostics, self._training, runner)
        for run in runs:
            names = self._get_measures(run.collection)
            evaluate_system_run(run, runner, names, self.significance, self.stopping, diagnostician, result)
        self._summarise(result)
        seconds = time.perf_counter() - started
        costs = runner.get_new_costs()
        result.finish(
            began, seconds, [node.label for node in runner.computed], summarise_plan(graph, costs, self.store)
        )
        *lines, summary = describe_run(graph, costs, self.store, seconds).splitlines()
        log.debug("%s", "\n".join(["what the run computed and what it cost:", *lines]))
        log.info("%s", summary)
        return result

    def _plan(self, find_choice: FindChoice) -> list[SystemRun]:
        return plan_system_runs(self._training, self.systems, self.seeds, self.folds, find_choice)

    def _find_stored_choice(self, node: Node) -> Choice | None:
        stored = self.store.find(node)
        return read_choice(stored.folder) if stored is not None and self.store.verify(stored) else None

    def make_choices(self, runner: Runner) -> bool:
        """Make the choices that are open and plan again; return whether there were any.

        Those that are known are planned together. A choice around one of them is made while the plan is.
        """
        open_choices = [node for run in self.plan() for node in run.open_choices]
        if open_choices:
            runner.plan(open_choices)
            self._system_runs = self._plan(lambda node: read_choice(runner.get_value(node)))
        return bool(open_choices)

    def _summarise(self, result: Result) -> None:
        """Add the rows that summarise others, and compare the systems."""
        for row, evaluation in average_seeds(result.rows, result.evaluations):
            result.add(row, evaluation)
        result.rows = order_means_first(result.rows)
        compare_systems(result, self.significance)
        of_systems = [row for row in result.rows if row.seed_of is None]
        groups = {(collection.name, collection.split): collection.group for collection in self.collections}
        for row in summarise_groups(of_systems, groups):
            result.add(row)

    def _log_earlier_artifacts(self) -> None:
        """Say why a store that is not empty spares less than it seems to."""
        from nirank.store.inventory import describe_earlier

        if message := describe_earlier(self.store.read_descriptions()):
            log.info("%s", message)

    def _list_planned_nodes(self) -> list[PlannedNode]:
        several = len(self.collections) > 1
        named = [
            (f"{run.collection.name}: {run.system}" if several else run.system, node)
            for run in self.plan()
            for node in run.nodes
        ]
        return list_planned_nodes(named, self.store, self._find_leaf, self._n_workers)

    def _find_leaf(self, node: Node) -> Any:
        """Return what a node stands for, of given data; None for what is computed."""
        return self._leaves.values[node.address] if node.is_leaf else None

    @property
    def _n_workers(self) -> int:
        return self.engine.workers if self.engine else 0

    def _get_measures(self, collection: Collection) -> tuple[str, ...]:
        return collection.measures or self.measures


__all__ = ["Experiment", "Result", "RowKey"]
