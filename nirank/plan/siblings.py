"""Siblings: computations that differ in what they read alone, as those of ranges of rows do, run on workers at once.

Only what was made is new to the store: a worker fills a folder, and this process makes it an artifact when it comes
back, under the same lock, with the same descriptions as what it computes itself.
"""

from __future__ import annotations

import logging
import pickle
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from nirank.algebra.node import Node, Store
from nirank.base.identity import to_canonical_json
from nirank.base.memory import MIB, WORKER_BYTES, measure_process_memory
from nirank.base.packed_folder import unpack_folder
from nirank.base.work import Engine, LostShard, Work
from nirank.collections.text_rows import TextRows
from nirank.collections.texts import Texts
from nirank.errors import StageError, StoreError
from nirank.plan.memory_guard import guard_memory
from nirank.plan.reporter import Reporter
from nirank.plan.task_call import TaskCall
from nirank.plan.task_runner import describe_inputs, describe_outcome
from nirank.plan.values import PlacedValue, find_place
from nirank.plan.worker_tasks import Answer, Places, SentTask, SentTasks

log = logging.getLogger("nirank")

_LIBRARIES = 272 * MIB  # that a worker loads for a computation: Java, FAISS and numba (`nirank.base.memory`)


@dataclass(frozen=True)
class ReadyNode:
    """A computation whose inputs are there.

    inputs     values, in order
    checksums  of the inputs, in order
    memory     bytes that it is expected to take; None: not known
    """

    node: Node
    inputs: Sequence[Any]
    checksums: Sequence[str]
    memory: int | None


def group_siblings(nodes: Iterable[Node]) -> list[list[Node]]:
    """Return those that a worker can run as a whole, in groups of two or more of the same task and options."""
    groups: dict[tuple[Any, ...], dict[str, Node]] = {}
    for node in nodes:
        if node.movable and type(node.stage).__module__ != "__main__":  # a worker cannot import a script
            roles = tuple(role for role, _ in node.inputs)
            same = (node.task, node.version, to_canonical_json(dict(node.params)), node.kind, node.depth, roles)
            groups.setdefault((*same, node.stage), {})[node.address] = node
    return [list(group.values()) for group in groups.values() if len(group) > 1]


@dataclass
class SiblingRunner:
    """Runs siblings on an engine's workers.

    find_folder    gives the folder of a computation's artifact
    get_value      gives a node's value
    note_computed  hears of every one that is stored now
    note_failure   hears of every one that failed, with its error
    """

    store: Store
    engine: Engine
    reporter: Reporter
    device: str
    max_memory: int | None
    find_folder: Callable[[Node], Path]
    get_value: Callable[[Node], Any]
    note_computed: Callable[[Node], object]
    note_failure: Callable[[Node, Exception], object]

    def run(self, group: Sequence[ReadyNode]) -> None:
        """Compute siblings on workers; those that cannot be are left: the caller computes what is not stored after."""
        ceiling = self._share_memory(group)
        if len(group) < 2 or ceiling == 0:
            return
        with tempfile.TemporaryDirectory(prefix="nirank-") as scratch:
            batch = self._make_batch(group, ceiling, Path(scratch))
            if batch is not None:
                self._run_batch(batch)

    def _share_memory(self, group: Sequence[ReadyNode]) -> int | None:
        """Return the bytes that each worker may hold, None without a ceiling, 0 where they would not be enough."""
        if self.max_memory is None:
            return None
        share = (self.max_memory - measure_process_memory()) // self.engine.workers
        needs = [WORKER_BYTES + _LIBRARIES + (ready.memory or 0) for ready in group]
        return share if share >= max(needs, default=0) else 0

    def _make_batch(self, group: Sequence[ReadyNode], ceiling: int | None, scratch: Path) -> _Batch | None:
        """Return what is sent; None where something of it lies nowhere, or cannot be pickled.

        scratch  where texts that are in memory are written to
        """
        saved: dict[str, TextRows] = {}

        def find_rows(node: Node) -> TextRows:
            texts: Texts = self.get_value(node)
            if texts.place is not None and texts.place.folder.is_dir():
                return texts.place
            if node.address not in saved:
                folder = scratch / node.address
                folder.mkdir()
                texts.save(folder)
                saved[node.address] = TextRows(folder, 0, len(texts), texts.digest)
            return saved[node.address]

        def place_inputs(ready: ReadyNode) -> list[PlacedValue | None]:
            pairs = zip(ready.node.inputs, ready.inputs, strict=True)
            return [find_place(below, value, self.find_folder, find_rows) for (_, below), value in pairs]

        nodes = [ready.node for ready in group]
        numbers = range(len(nodes[0].inputs))
        common = [number for number in numbers if len({node.inputs[number][1] for node in nodes}) == 1]
        placed = [place_inputs(ready) for ready in group]
        roles = tuple(role for role, _ in nodes[0].inputs)
        values: dict[str, list[Any]] = {}
        for role, value in zip(roles, group[0].inputs, strict=True):
            values.setdefault(role, []).append(value)
        parts = [{number: place for number, place in enumerate(places) if place} for places in placed]
        if any(len(part) < len(numbers) for part in parts):
            return None
        first = {number: parts[0][number] for number in common}
        sent = SentTasks(TaskCall.of(nodes[0], values), roles, first, self.device, ceiling)
        try:
            pickle.dumps(sent)
        except Exception:  # a stage of somebody else's
            log.debug("%s cannot be sent to workers", nodes[0].label, exc_info=True)
            return None
        own = [{number: place for number, place in part.items() if number not in first} for part in parts]
        return _Batch(sent, list(zip(group, own, strict=True)))

    def _run_batch(self, batch: _Batch) -> None:
        work = Work("nirank.plan.worker_tasks:open_tasks", (batch.sent,), lambda task: str(task.label))
        try:
            with guard_memory(self.max_memory, lambda: self.engine.process_ids) as memory:
                try:
                    answers = cast("Generator[Answer]", self.engine.map(work, self._start(batch)))
                    with closing(answers):
                        for answer in answers:
                            self._finish(batch, answer)
                finally:
                    batch.abandon()
        except LostShard as error:
            self.note_failure(batch.find_node(error.shard), error)
        except StageError as error:
            if not memory.passed:
                raise
            log.warning("%s; what is left is computed one by one", error)

    def _start(self, batch: _Batch) -> Iterator[SentTask]:
        """Yield what is sent; each is locked, and has its place in the store, until its answer is there."""
        for ready, places in batch.waiting:
            if batch.has_failed:  # what needs one of them needs all
                return
            with ExitStack() as stack:
                try:
                    stack.enter_context(self.store.lock(ready.node, _refuse_to_wait))
                except _Locked:  # waiting with locks in hand could be for ever
                    continue
                if self.store.find(ready.node) is not None:
                    continue
                self.reporter.begin_stage(ready.node.label)
                meta = describe_inputs(ready.node, ready.checksums)
                folder = stack.enter_context(self.store.commit(ready.node, meta))
                task = SentTask(ready.node.label, places, str(folder.absolute()))
                batch.under_way.append(_UnderWay(ready.node, task, folder, meta, stack.pop_all()))
            yield task

    def _finish(self, batch: _Batch, answer: Answer) -> None:
        done = batch.under_way.popleft()
        try:
            with done.stack:
                for warning in answer.warnings:
                    log.warning(warning)
                if answer.error is not None:
                    raise answer.error
                assert answer.outcome is not None
                if answer.files is not None:
                    unpack_folder(answer.files, done.folder)
                done.meta |= describe_outcome(answer.outcome)
        except StoreError:
            raise
        except Exception as error:
            batch.has_failed = True
            self.note_failure(done.node, error)
        else:
            self.note_computed(done.node)


class _Locked(Exception):
    """Another process computes the node."""


class _Abandoned(Exception):
    """Nobody waits for the answer any more."""


def _refuse_to_wait(holder: str) -> None:
    raise _Locked(holder)


@dataclass
class _UnderWay:
    """A computation that a worker has; `stack` holds its lock and its place in the store."""

    node: Node
    task: SentTask
    folder: Path
    meta: dict[str, Any]
    stack: ExitStack


@dataclass
class _Batch:
    """Siblings that are sent to workers."""

    sent: SentTasks
    waiting: Sequence[tuple[ReadyNode, Places]]
    under_way: deque[_UnderWay] = field(default_factory=deque)
    has_failed: bool = False

    def find_node(self, task: SentTask) -> Node:
        """Return the computation that was sent as this."""
        return next(ready.node for ready, places in self.waiting if places is task.inputs)

    def abandon(self) -> None:
        """Give up what is still under way: nothing of it is stored."""
        while self.under_way:
            with suppress(_Abandoned), self.under_way.popleft().stack:
                raise _Abandoned
