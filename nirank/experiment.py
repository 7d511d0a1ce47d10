"""Experiment: collections × systems × measures."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from nirank.amounts import parse_size
from nirank.collections.collection import Collection
from nirank.collections.twins import share_labels, unequal_groups
from nirank.contamination import zero_shot
from nirank.errors import ConfigError, DataError, NirankError
from nirank.evaluation.comparisons import Significance, compare
from nirank.evaluation.evaluate import evaluate
from nirank.evaluation.ledger import entry
from nirank.evaluation.measures import parse
from nirank.evidence import folded
from nirank.memory import ceiling
from nirank.node import Node, Store
from nirank.pipeline import Pipeline, require_system
from nirank.plan.compile import compile
from nirank.plan.costs import costs, counted
from nirank.plan.execute import FailedNode, Runner
from nirank.plan.explain import Step, after, before, steps
from nirank.plan.memory import refuse
from nirank.plan.reporter import Reporter
from nirank.qrels import Qrels
from nirank.ranking import Ranking
from nirank.result import Result, RowKey
from nirank.stage import Scorer, Sides, Stage
from nirank.summaries import add_comparisons, add_evaluation, blank_row, group_rows
from nirank.work import Engine

log = logging.getLogger("nirank")


@dataclass(frozen=True)
class _Case:
    """One system on one collection: the node that ranks, or why it cannot be planned."""

    collection: Collection
    system: str
    pipeline: Pipeline
    node: Node


class Experiment:
    """Compare systems on collections.

    collections  one, or several with different names (or splits)
    systems      {name: pipeline}
    measures     names such as 'nDCG@10', 'R@100', 'AP', 'P(rel=2)@5'; a collection with measures
                 of its own uses those
    store        where computations are kept; None: the user's store
    device       for models: 'auto', 'cpu', 'cuda', …
    engine       executes what comes in shards (encoding, pair scoring); None: this process, on all cores
    significance how systems are compared with each other; None: as `Significance` says by default
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
        store: Store | None = None,
        device: str = "auto",
        significance: Significance | None = None,
        engine: Engine | None = None,
        max_memory: int | str | None = None,
    ) -> None:
        from nirank.store import open_store

        self.collections = (collections,) if isinstance(collections, Collection) else tuple(collections)
        self.systems = dict(systems)
        self.measures = (measures,) if isinstance(measures, str) else tuple(measures)
        self.store: Store = open_store() if store is None else store
        self.device, self.engine = device, engine
        self.significance = significance or Significance()
        problems = [*self._problems()]
        try:
            self.max_memory = None if max_memory is None else int(parse_size(str(max_memory)))
        except ConfigError as error:
            problems += [f"max_memory: {message}" for message in error.messages]
        if problems:
            raise ConfigError(*problems)
        self._leaves: dict[str, Any] = {}
        self._cases: list[_Case] | None = None

    def _problems(self) -> Iterator[str]:
        if not self.collections:
            yield "an experiment needs at least one collection"
        if not self.systems:
            yield "an experiment needs at least one system"
        labels: set[tuple[str, str | None]] = set()
        for one in self.collections:
            if (one.name, one.split) in labels:
                yield f"two collections are called '{one.name}' with the same split; give one another name"
            labels.add((one.name, one.split))
        for name, pipeline in self.systems.items():
            try:
                if require_system(name, pipeline).gives != "ranking":
                    yield f"system '{name}' gives unranked pairs; the measures need a ranking: add a scorer behind it"
            except ConfigError as error:
                yield from error.messages
        for measure in dict.fromkeys((*self.measures, *(name for one in self.collections for name in one.measures))):
            try:
                parse(measure)
            except ConfigError as error:
                yield from error.messages
        try:
            self.significance.check(list(self.systems))
        except ConfigError as error:
            yield from error.messages
        if not self.measures and not all(one.measures for one in self.collections):
            yield "an experiment needs at least one measure, such as nDCG@10"

    def __repr__(self) -> str:
        return f"<Experiment: {len(self.collections)} collections × {len(self.systems)} systems>"

    def plan(self) -> list[_Case]:
        """Return what is to be computed, as nodes. Models and files are looked up, nothing is computed."""
        if self._cases is None:
            cases, problems = [], []
            for collection in self.collections:
                sides = self._sides(collection)
                for name, pipeline in self.systems.items():
                    try:
                        cases.append(_Case(collection, name, pipeline, compile(pipeline, sides)))
                    except NirankError as error:
                        if error.exit_code != 2:
                            raise
                        problems += [f"system '{name}': {message}" for message in error.messages]
            if problems:
                raise ConfigError(*dict.fromkeys(problems))
            self._cases = cases
        return self._cases

    def nodes(self) -> list[Node]:
        """Return all computations of the plan, each at every depth at which it is asked for."""
        return list(dict.fromkeys(n for case in self.plan() for n in case.node.walk() if not n.is_leaf))

    def _sides(self, collection: Collection) -> Sides:
        """Return the collection as leaves of the plan."""
        queries, docs = collection.queries, collection.docs
        label = f"{collection.name}/{collection.split}" if collection.split else collection.name
        query_leaf = self._leaf(Node.leaf("texts", queries.digest, f"{label} queries"), queries)
        doc_leaf = self._leaf(Node.leaf("texts", docs.digest, f"{collection.name} documents"), docs)
        scope = [
            self._leaf(_given("scope", f"{label} {name}", value.digest), value)
            for name, value in collection.scopes().items()
        ]
        judged = next(iter(collection.qrels.values()), None)
        judgements = None
        if judged is not None:
            judgements = self._leaf(Node.leaf("judgements", judged.digest, f"{label} judgements"), judged)
        listed = collection.candidates is not None
        return Sides(
            query_leaf, doc_leaf, tuple(scope), collection.name, collection.split, judgements, listed, self.device
        )

    def _leaf(self, node: Node, value: Any) -> Node:
        self._leaves[node.address] = value
        return node

    def explain(self) -> str:
        """Return the plan as text: computations, what is stored, what is shared by which systems."""
        return before(self._steps())

    def _steps(self) -> list[Step]:
        several = len(self.collections) > 1
        named = [
            (f"{case.collection.name}: {case.system}" if several else case.system, case.node) for case in self.plan()
        ]
        return steps(named, self.store, self._known, self._workers)

    def _known(self, node: Node) -> Any:
        """Return what a node stands for, of given data; None for what is computed."""
        return self._leaves[node.address] if node.is_leaf else None

    @property
    def _workers(self) -> int:
        return self.engine.workers if self.engine else 0

    def check(self) -> None:
        """Raise for what would only come to light later: models and files that are not there, too little memory."""
        self.plan()
        if self.max_memory is not None:
            todo = (step.node for step in self._steps() if not step.stored)
            refuse(todo, self._known, self.max_memory, self._workers)

    def run(self, reporter: Reporter | None = None, *, time_again: bool = False) -> Result:
        """Compute what is not stored, and evaluate.

        time_again  runs online computations that were found stored once more, to time them here and now

        A system that fails takes only its own rows with it; they say what failed and why.
        """
        reporter = reporter or Reporter()
        with ceiling(self.max_memory):
            return self._run(reporter, time_again)

    def _run(self, reporter: Reporter, time_again: bool) -> Result:
        begun, started = datetime.now(UTC), time.perf_counter()
        self.check()
        cases, planned = self.plan(), self._steps()
        runner = Runner(
            self.store,
            self._leaves,
            reporter,
            self.device,
            engine=self.engine,
            time=time_again,
            most=self.max_memory,
        )
        runner.plan(case.node for case in cases)
        _read_what_was_given(cases, runner)
        result = Result(measures=self._all_measures(), collections=self.collections, systems=self.systems)
        for case in cases:
            self._run_case(case, runner, result, reporter)
        _compare(result, self.significance)
        for row in group_rows(result.rows, {(one.name, one.split): one.group for one in self.collections}):
            result.add(row)
        seconds = time.perf_counter() - started
        result.finish(begun, seconds, [node.label for node in runner.ran])
        *graph, summary = after(planned, runner.costs(), self.store, seconds).splitlines()
        log.debug("%s", "\n".join(["what the run computed and what it cost:", *graph]))
        log.info("%s", summary)
        return result

    def _run_case(self, case: _Case, runner: Runner, result: Result, reporter: Reporter) -> None:
        collection = case.collection
        sets: list[Qrels | None] = [*collection.qrels.values()] or [None]
        try:
            ranking: Ranking = runner.value(case.node)
        except FailedNode as failure:
            reporter.say(f"{collection.name}: {case.system} failed: {failure}")
            for qrels in sets:
                result.add(self._row(case, qrels) | {"status": "failed", "error": str(failure)})
            return
        spent = runner.spent(case.node)
        counts, declared = counted(spent)
        counts |= _later(ranking, collection)
        cost = costs(spent, len(collection.queries))
        key = (collection.name, collection.split, case.system)
        result.rankings[key], result.folds[key] = ranking, folded(case.node, runner)
        for qrels in sets:
            row = self._row(case, qrels) | {"depth": ranking.depth, "counts": counts, "cost": cost}
            row["conventions"] |= {"stages": _stage_conventions(case.pipeline, declared)}
            evaluation = None
            if qrels is not None:
                try:
                    evaluation = evaluate(ranking, qrels, self._measures(collection), collection.scope)
                    add_evaluation(row, evaluation)
                    row["ledger"] = _ledger(case, runner, qrels, self._measures(collection))
                    row["twins"] = _with_shared_labels(ranking, qrels, self._measures(collection), collection)
                except Exception as error:  # of a library that computes a measure
                    log.debug("traceback of evaluating %s", case.system, exc_info=True)
                    row |= {"status": "failed", "error": f"cannot be evaluated: {error or type(error).__name__}"}
            else:
                row["queries"]["answered"] = int((ranking.counts > 0).sum())
                row["nulls"] = dict.fromkeys(self._measures(collection), "the collection has no judgements")
            result.add(row, evaluation)

    def _row(self, case: _Case, qrels: Qrels | None) -> dict[str, Any]:
        """Return a row before anything is known of its numbers."""
        collection = case.collection
        seen = zero_shot(case.pipeline, collection)
        return blank_row(
            self._measures(collection),
            zero_shot=seen.answer,
            collection=collection.name,
            split=collection.split,
            qrels=None if qrels is None else qrels.name,
            system=case.system,
            queries={"declared": len(collection.queries), "judged": 0, "answered": 0},
            alpha=self.significance.alpha,
            conventions={
                "self_match": collection.self_match,
                "time": collection.time,
                "zero_shot": seen.why,
                **collection.origin.get("conventions", {}),
            },
            pipeline=repr(case.pipeline),
            address=case.node.address,
        )

    def _measures(self, collection: Collection) -> tuple[str, ...]:
        return collection.measures or self.measures

    def _all_measures(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for one in self.collections for name in self._measures(one)))


def _read_what_was_given(cases: Sequence[_Case], runner: Runner) -> None:
    """Read the users' files before anything else is computed; raise DataError with the mistakes of all."""
    wrong: list[str] = []
    for node in dict.fromkeys(node for case in cases for node in case.node.walk() if node.given):
        try:
            runner.run(node)
        except FailedNode as failure:
            if isinstance(failure.__cause__, DataError):
                wrong += failure.__cause__.messages
    if wrong:
        raise DataError(*wrong)


def _given(kind: Any, label: str, content: Any) -> Node:
    from nirank.identity import digest

    return Node.leaf(kind, digest({kind: content}), label)


def _with_shared_labels(
    ranking: Ranking, qrels: Qrels, measures: Sequence[str], collection: Collection
) -> dict[str, float | None]:
    """Return the measures where documents with equal texts share their best label; empty where that changes nothing."""
    groups = collection.twin_groups
    if not len(unequal_groups(qrels, groups)):
        return {}
    return dict(evaluate(ranking, share_labels(qrels, groups, collection.scope), measures, collection.scope).means)


def _ledger(case: _Case, runner: Runner, qrels: Qrels, measures: Sequence[str]) -> list[dict[str, Any]]:
    """Return an entry for every list on the way to the system's own, and for the head that each scorer reads."""
    entries = []
    docs = case.node.input("docs")
    for node in case.node.walk(lambda one: not one.training):  # what training ranks is no list of the system
        whole = any(one == ("docs", docs) for one in node.inputs)  # lists of passages are not counted
        if node.is_leaf or node.kind not in ("ranking", "pairs") or not whole:
            continue
        if isinstance(node.stage, Scorer):
            found = runner.value(node.input("list"))
            if isinstance(found, Ranking):
                entries.append(
                    entry(f"first {node.stage.depth} for {node.label}", found.cut(node.stage.depth), qrels, measures)
                )
        entries.append(entry(node.label, runner.value(node), qrels, measures))
    return entries


def _compare(result: Result, how: Significance) -> None:
    """Compare the systems of every collection and judgement set, and let their rows say what came out."""
    for key in dict.fromkeys((name, split, qrels) for name, split, qrels, _ in result.evaluations):
        there = {system: one for (*place, system), one in result.evaluations.items() if tuple(place) == key}
        asked = how if how.baseline in there else replace(how, baseline=None)  # a baseline that failed is none
        result.comparisons[key] = found = compare(there, asked)
        at = {(row["collection"], row["split"], row["qrels"], row["system"]): row for row in result.rows}
        rows = [at[*key, system] for system in there]
        add_comparisons(rows, found)
        if asked.baseline != how.baseline:
            for row in rows:
                row["conventions"]["comparisons"] += f"; the baseline {how.baseline} has no values here"


def _later(ranking: Ranking, collection: Collection) -> dict[str, int]:
    """Count documents from after the query among each list's first ten, where no rule takes them out."""
    docs, queries = collection.doc_dates, collection.query_dates
    if docs is None or queries is None or collection.time == "as_of_query":
        return {}
    head = ranking.cut(10)
    both = ~docs.undated[head.rows] & ~queries.undated[head.query_rows]
    later = both & (docs.first[head.rows] > queries.last[head.query_rows])
    return {"later_in_top10": int(later.sum())} if later.any() else {}


def _stage_conventions(pipeline: Pipeline, declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return what each stage of a pipeline states about itself, and what it declared while running."""
    found: dict[str, Any] = {}

    def visit(one: Pipeline) -> None:
        if isinstance(one, Stage):
            found[repr(one)] = {**one.conventions(), **declared.get(repr(one), {})}
        stage = getattr(one, "stage", None)
        if isinstance(stage, Stage):
            visit(stage)
        for _, below in one.children():
            visit(below)

    visit(pipeline)
    return found | {label: said for label, said in declared.items() if label not in found}


__all__ = ["Experiment", "Result", "RowKey"]
