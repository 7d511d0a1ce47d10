"""One query through a plan: its own computations run in memory, the others are opened from the store."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.base.loading import loading_seconds
from nirank.collections.collection import Collection
from nirank.errors import NirankError
from nirank.flow.ranking import Ranking
from nirank.plan.execute import FailedNode, Runner
from nirank.plan.reporter import Reporter
from nirank.plan.task_runner import TaskRunner
from nirank.plan.values import open_value
from nirank.searching.query_plan import QueryPlan


class SearchTimeout(NirankError):
    """A query took longer than it may."""


class Deadline(Reporter):
    """Ends a computation between two batches once its time is over."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._end = None if seconds is None else time.monotonic() + seconds

    def track(self, items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
        for item in items:
            self.check()
            yield item

    def check(self) -> None:
        """Raise SearchTimeout if the time is over."""
        if self._end is not None and time.monotonic() > self._end:
            raise SearchTimeout(f"the search was ended after {self.seconds:g} s")


class QueryRun:
    """What the computations of one query gave.

    seconds    that each took, without loading
    contexts   in which each ran
    loading_s  of models, Java and indexes, by all together
    """

    def __init__(self, plan: QueryPlan, runner: Runner, asked: Collection, deadline: Deadline) -> None:
        self.plan, self.runner = plan, runner
        self.seconds: dict[Node, float] = {}
        self.contexts: dict[Node, Context] = {}
        self.loading_s = 0.0
        self._deadline = deadline
        scopes = asked.build_scopes().values()
        self._values: dict[Node, Any] = {
            plan.queries: asked.queries,
            **dict(zip(plan.scopes, scopes, strict=True)),
        }

    def get_value(self, node: Node) -> Any:
        """Return what a node gave, or what the store has of it."""
        return self._values[node] if node in self._values else self.runner.get_value(node)

    def compute(self, folder: Path) -> Ranking:
        """Run everything that depends on the query; folders of what is not a value are made in `folder`."""
        tasks = TaskRunner(self.runner.store, self._deadline, self.runner.device)
        for number, node in enumerate(self.plan.asked):
            self._deadline.check()
            began, loaded = time.perf_counter(), loading_seconds()
            self._values[node] = self._compute(node, tasks, folder / str(number))
            loading = loading_seconds() - loaded
            self.seconds[node] = time.perf_counter() - began - loading
            self.loading_s += loading
        ranking: Ranking = self._values[self.plan.target]
        return ranking

    def _compute(self, node: Node, tasks: TaskRunner, folder: Path) -> Any:
        inputs: dict[str, list[Any]] = {}
        for role, below in node.inputs:
            inputs.setdefault(role, []).append(self.get_value(below))
        try:
            value, self.contexts[node] = tasks.answer(node, inputs, folder)
        except SearchTimeout:
            raise
        except NirankError as error:
            raise FailedNode(node, str(error)) from error
        if isinstance(value, Path) and node.kind != "folder":
            return open_value(node, value, self.get_value)
        return value.cut(node.depth) if isinstance(value, Ranking) and node.depth is not None else value


def open_stored(plan: QueryPlan, runner: Runner) -> None:
    """Compute what the plan needs of documents and training, as a run would, and open it."""
    runner.plan(plan.stored)
    for node in plan.stored:
        runner.get_value(node)


def make_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for what one query leaves on disk."""
    return tempfile.TemporaryDirectory(prefix="nirank-search-", ignore_cleanup_errors=True)
