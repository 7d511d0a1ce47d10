"""Experiment: collections × systems × measures."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nirank.algebra.node import Node, Store
from nirank.algebra.pipeline import Pipeline, require_system
from nirank.algebra.stage import Sides
from nirank.algebra.walk import walk
from nirank.base.amounts import parse_size
from nirank.base.identity import SEED
from nirank.base.memory import limit_memory
from nirank.base.work import Engine
from nirank.collections.collection import Collection
from nirank.errors import ConfigError, DataError
from nirank.evaluation.comparisons import Significance, compare
from nirank.evaluation.evaluate import Evaluation
from nirank.evaluation.measures import measure_names, parse
from nirank.experiment.cases import Case, Folds, cases
from nirank.experiment.planning import Library, is_one_table
from nirank.experiment.result import Result, RowKey
from nirank.experiment.rows import begun, collapsed, later, measured, stage_conventions, unjudged_facts
from nirank.experiment.seeds import checked_seeds, place_of, seeded_name, with_means
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.plan.asked import collections_of, name_problems, systems_of
from nirank.plan.choices import read_choice
from nirank.plan.costs import Spent, costs, counted
from nirank.plan.execute import FailedNode, Runner
from nirank.plan.explain import Step, after, before, steps
from nirank.plan.held import depends_on_fold
from nirank.plan.memory import refuse
from nirank.plan.reporter import Reporter
from nirank.results.evidence import folded
from nirank.results.summaries import add_comparisons, group_rows
from nirank.results.trainings import trainings

log = logging.getLogger("nirank")

_DEVICE = re.compile(r"(auto|cpu|cuda|mps|xpu|hpu|npu)(:\d+)?")


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
        max_memory: int | str | None = None,
    ) -> None:
        from nirank.store import open_store

        self.collections = collections_of(collections)
        self.systems = systems_of(systems)
        self.measures = measure_names(measures)
        self.store: Store = open_store(store) if store is None or isinstance(store, (str, Path)) else store
        self.device, self.engine = device, engine
        self.significance = Significance() if significance is None else significance
        self.seeds: tuple[int, ...] = ()
        self.folds = folds if folds is None or isinstance(folds, Folds) else Folds(folds)
        problems: list[str] = []
        try:
            self.seeds = checked_seeds(seeds)
        except ConfigError as error:
            problems += error.messages
        problems += self._problems()
        try:
            self.max_memory = None if max_memory is None else int(parse_size(str(max_memory)))
        except ConfigError as error:
            problems += [f"max_memory: {message}" for message in error.messages]
        if problems:
            raise ConfigError(*problems)
        self._leaves: dict[str, Any] = {}
        self._library = Library(self.collections, self.store, self._sides, self._leaf, self._leaves, self._to_the_end)
        self._chosen: dict[str, dict[str, Any] | None] = {}
        self._cases: list[Case] | None = None
        if self.folds is not None and not any(map(depends_on_fold, self.systems.values())):
            log.warning("folds change nothing: no system is trained or tuned on the queries outside a fold")

    def _problems(self) -> Iterator[str]:
        if not self.collections:
            yield "an experiment needs at least one collection"
        if not self.systems:
            yield "an experiment needs at least one system"
        labels: set[tuple[str, str | None]] = set()
        for one in self.collections:
            yield from name_problems("collection", one.name)
            if (one.name, one.split) in labels:
                yield f"two collections are called '{one.name}' with the same split; give one another name"
            labels.add((one.name, one.split))
        for name, pipeline in self.systems.items():
            yield from name_problems("system", name)
            try:
                if require_system(name, pipeline).gives != "ranking" and not self._measure_pairs():
                    yield (
                        f"system '{name}' gives unranked pairs, and all the measures need a ranking: ask for one of"
                        " pairs, such as PC or candidates, or add a scorer behind it"
                    )
            except ConfigError as error:
                yield from error.messages
            if len(self.seeds) > 1 and any(one is SEED for one in walk(pipeline)):
                for seeded in (seeded_name(name, seed) for seed in self.seeds):
                    if seeded in self.systems:
                        yield f"system '{seeded}' is called as a row of system '{name}' will be; give it another name"
        for measure in dict.fromkeys((*self.measures, *(name for one in self.collections for name in one.measures))):
            try:
                parse(measure)
            except ConfigError as error:
                yield from error.messages
        try:
            if not isinstance(self.significance, Significance):
                raise ConfigError(f"significance: expected Significance(…), got {self.significance!r}")
            self.significance.check(list(self.systems))
        except ConfigError as error:
            yield from error.messages
        if not isinstance(self.device, str) or not _DEVICE.fullmatch(self.device):
            yield f"device {self.device!r}: expected auto, cpu, cuda, cuda:1, mps or another of torch's names"
        if not self.measures and not all(one.measures for one in self.collections):
            yield "an experiment needs at least one measure, such as nDCG@10"

    def _measure_pairs(self) -> bool:
        """Tell whether a measure is asked for that candidates without order have."""
        for name in (*self.measures, *(name for one in self.collections for name in one.measures)):
            with suppress(ConfigError):  # told where measures are checked
                if parse(name).unordered:
                    return True
        return False

    def __repr__(self) -> str:
        return f"<Experiment: {len(self.collections)} collections × {len(self.systems)} systems>"

    def plan(self) -> list[Case]:
        """Return what is to be computed, as nodes. Models and files are looked up, nothing is computed.

        What a tuned pipeline will be is known where its choice is stored; elsewhere the case waits for it.
        """
        if self._cases is None:
            self._cases = list(cases(self._library, self.systems, self.seeds, self.folds, self._choice))
        return self._cases

    def _choice(self, node: Node) -> dict[str, Any] | None:
        """Return what was chosen before, None where it is not stored."""
        if node.address not in self._chosen:
            stored = self.store.find(node)
            whole = stored is not None and self.store.verify(stored)
            self._chosen[node.address] = read_choice(stored.folder) if stored is not None and whole else None
        return self._chosen[node.address]

    def nodes(self) -> list[Node]:
        """Return all computations of the plan, each at every depth at which it is asked for."""
        targets = [one for case in self.plan() for one in (*(choice for choice, _ in case.chosen), case.target)]
        return list(dict.fromkeys(node for target in targets for node in target.walk() if not node.is_leaf))

    def _sides(self, collection: Collection) -> Sides:
        """Return the collection as leaves of the plan."""
        queries, docs = collection.queries, collection.docs
        over = (queries.digest, docs.digest)  # whose rows scopes and judgements speak of
        label = f"{collection.name}/{collection.split}" if collection.split else collection.name
        query_leaf = self._leaf(Node.leaf("texts", queries.digest, f"{label} queries"), queries)
        doc_leaf = self._leaf(Node.leaf("texts", docs.digest, f"{collection.name} documents"), docs)
        scope = [
            self._leaf(_given("scope", f"{label} {name}", [value.digest, *over]), value)
            for name, value in collection.scopes().items()
        ]
        judged = next(iter(collection.qrels.values()), None)
        judgements = None
        if judged is not None:
            judgements = self._leaf(_given("judgements", f"{label} judgements", [judged.digest, *over]), judged)
        listed = collection.candidates is not None
        return Sides(
            query_leaf,
            doc_leaf,
            tuple(scope),
            collection.name,
            collection.split,
            judgements,
            listed,
            self.device,
            collection.date,
            is_one_table(collection),
        )

    def _to_the_end(self, collection: Collection) -> bool:
        """Tell whether a measure reads the lists of a collection to their end, so that none may be cut by default."""
        return any(parse(name).screening for name in self._measures(collection))

    def _leaf(self, node: Node, value: Any) -> Node:
        self._leaves[node.address] = value
        return node

    def explain(self) -> str:
        """Return the plan as text: computations, what is stored, what is shared by which systems."""
        waiting = sum(case.waits is not None for case in self.plan())
        told = before(self._steps())
        if waiting:
            told += f"\n{waiting} of the rows wait for a choice; what follows it is planned when it is made"
        return told

    def _steps(self) -> list[Step]:
        several = len(self.collections) > 1
        named = [
            (f"{case.collection.name}: {case.system}" if several else case.system, node)
            for case in self.plan()
            for node in (*(choice for choice, _ in case.chosen), case.target)
        ]
        return steps(named, self.store, self._known, self._workers)

    def _known(self, node: Node) -> Any:
        """Return what a node stands for, of given data; None for what is computed."""
        return self._leaves[node.address] if node.is_leaf else None

    @property
    def _workers(self) -> int:
        return self.engine.workers if self.engine else 0

    def check(self, *, files: bool = False) -> None:
        """Raise for what would only come to light later: models and files that are not there, too little memory.

        files  read run files and lists of ids as well; what is read is stored
        """
        self.plan()
        if files:
            runner = Runner(self.store, self._leaves, Reporter(), self.device)
            _read_what_was_given(self.plan(), runner, leaves_only=True)
        if self.max_memory is not None:
            todo = (step.node for step in self._steps() if not step.stored)
            refuse(todo, self._known, self.max_memory, self._workers)

    def run(self, reporter: Reporter | None = None, *, time_again: bool = False) -> Result:
        """Compute what is not stored, and evaluate.

        time_again  runs online computations that were found stored once more, to time them here and now

        A system that fails takes only its own rows with it; they say what failed and why.
        """
        reporter = reporter or Reporter()
        with limit_memory(self.max_memory):
            return self._run(reporter, time_again)

    def _run(self, reporter: Reporter, time_again: bool) -> Result:
        begun, started = datetime.now(UTC), time.perf_counter()
        self.check()
        planned = self._steps()
        if not all(step.stored for step in planned):
            self.store.require_writable()
            self._tell_of_earlier()
        runner = Runner(
            self.store,
            self._leaves,
            reporter,
            self.device,
            engine=self.engine,
            time=time_again,
            most=self.max_memory,
        )
        self._choose(runner)
        self.check()
        cases, planned = self.plan(), planned if not self._chosen else self._steps()
        runner.plan(case.target for case in cases)
        _read_what_was_given(cases, runner)
        result = Result(measures=self._all_measures(), collections=self.collections, systems=self.systems)
        for case in cases:
            self._run_case(case, runner, result, reporter)
        for row, evaluation in with_means(result.rows, result.evaluations):
            result.add(row, evaluation)
        result.rows.sort(key=place_of(result.rows))
        _compare(result, self.significance)
        of_systems = [row for row in result.rows if row["of"] is None]
        for row in group_rows(of_systems, {(one.name, one.split): one.group for one in self.collections}):
            result.add(row)
        seconds = time.perf_counter() - started
        result.finish(begun, seconds, [node.label for node in runner.ran])
        *graph, summary = after(planned, runner.costs(), self.store, seconds).splitlines()
        log.debug("%s", "\n".join(["what the run computed and what it cost:", *graph]))
        log.info("%s", summary)
        return result

    def _tell_of_earlier(self) -> None:
        """Say why a store that is not empty spares less than it seems to."""
        from nirank.store.shelf import told_of_earlier

        if said := told_of_earlier(self.store.described()):
            log.info("%s", said)

    def _choose(self, runner: Runner) -> None:
        """Make the choices of tuned pipelines, the inner ones first, and plan again."""
        failed: set[str] = set()
        while True:
            waiting = {case.waits for case in self.plan() if case.waits is not None}
            waiting = {node for node in waiting if node.address not in failed}
            if not waiting:
                return
            runner.plan(waiting)
            for node in waiting:
                try:
                    self._chosen[node.address] = read_choice(runner.value(node))
                except FailedNode:
                    failed.add(node.address)
            self._cases = None

    def _run_case(self, case: Case, runner: Runner, result: Result, reporter: Reporter) -> None:
        collection = case.collection
        sets: list[Qrels | None] = [*collection.qrels.values()] or [None]
        try:
            found: Pairs = runner.value(case.target)
        except FailedNode as failure:
            reporter.say(f"{collection.name}: {case.system} failed: {failure}")
            for qrels in sets:
                result.add(
                    begun(case, qrels, self._measures(collection), self.significance.alpha)
                    | {"status": "failed", "error": str(failure)}
                )
            return
        spent = _spent(case, runner)
        counts, declared = counted(spent)
        ranking = found if isinstance(found, Ranking) else None
        if ranking is not None:
            counts |= later(ranking, collection) | collapsed(ranking)
        cost = costs(spent, len(collection.queries))
        made = trainings(case.target, runner)
        key = (collection.name, collection.split, case.system)
        result.rankings[key], result.folds[key] = found, folded(case.target, runner)
        for qrels in sets:
            row = self._begun(case, qrels) | {
                "depth": None if ranking is None else ranking.depth,
                "longest": int(found.counts.max(initial=0)),
                "counts": counts,
                "cost": cost,
            }
            row["trainings"] = made
            row["conventions"] |= {"stages": stage_conventions(case.pipeline, declared, case.collection)}
            evaluation, lost = None, None
            if qrels is not None:
                try:
                    evaluation, lost = measured(row, case, found, qrels, self._measures(collection), runner)
                except Exception as error:  # of a library that computes a measure
                    log.debug("traceback of evaluating %s", case.system, exc_info=True)
                    row |= {"status": "failed", "error": f"cannot be evaluated: {error or type(error).__name__}"}
            else:
                row["queries"]["answered"] = int((found.counts > 0).sum())
                row["pairs"] = {} if ranking is not None else unjudged_facts(found, collection)
                row["nulls"] = dict.fromkeys(self._measures(collection), "the collection has no judgements")
            result.add(row, evaluation, lost)

    def _begun(self, case: Case, qrels: Qrels | None) -> dict[str, Any]:
        return begun(case, qrels, self._measures(case.collection), self.significance.alpha)

    def _measures(self, collection: Collection) -> tuple[str, ...]:
        return collection.measures or self.measures

    def _all_measures(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for one in self.collections for name in self._measures(one)))


def _spent(case: Case, runner: Runner) -> list[Spent]:
    """Return what each computation of a system cost; what only its choices needed counts as training."""
    found = runner.spent(case.target)
    there = {one.node.address for one in found}
    for choice, _ in case.chosen:
        for one in runner.spent(choice):
            if one.node.address not in there:
                there.add(one.node.address)
                found.append(replace(one, training=True))
    return found


def _read_what_was_given(cases: Sequence[Case], runner: Runner, *, leaves_only: bool = False) -> None:
    """Read the users' files before anything else is computed; raise DataError with the mistakes of all.

    leaves_only  but no files about texts that have to be made first
    """
    wrong: list[str] = []
    for node in dict.fromkeys(node for case in cases for node in case.target.walk() if node.given):
        if leaves_only and not all(below.is_leaf for _, below in node.inputs):
            continue
        try:
            runner.run(node)
        except FailedNode as failure:
            if isinstance(failure.__cause__, DataError):
                wrong += failure.__cause__.messages
    if wrong:
        raise DataError(*wrong)


def _given(kind: Any, label: str, content: Any) -> Node:
    from nirank.base.identity import digest

    return Node.leaf(kind, digest({kind: content}), label)


def _compare(result: Result, how: Significance) -> None:
    """Compare the systems of every collection and judgement set, and let their rows say what came out."""
    of_seeds = {row["system"] for row in result.rows if row["of"] is not None}
    at = {(row["collection"], row["split"], row["qrels"], row["system"]): row for row in result.rows}
    sets: dict[tuple[str, str | None, str | None], dict[str, Evaluation]] = {}
    for (name, split, qrels, system), one in result.evaluations.items():
        of_set = sets.setdefault((name, split, qrels), {})
        if system not in of_seeds:
            of_set[system] = one
    for key, there in sets.items():
        asked = how if how.baseline in there else replace(how, baseline=None)  # a baseline that failed is none
        result.comparisons[key] = found = compare(there, asked)
        rows = [at[*key, system] for system in there]
        add_comparisons(rows, found)
        if asked.baseline != how.baseline:
            for row in rows:
                row["conventions"]["comparisons"] += f"; the baseline {how.baseline} has no values here"


__all__ = ["Experiment", "Result", "RowKey"]
