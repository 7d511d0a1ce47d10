"""One task: called with its opened inputs, under the memory guard, and recorded with its costs in the store."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nirank.algebra.context import Context
from nirank.algebra.node import Node, Store
from nirank.base.memo import Memo, ReadOnlyMemo, open_null_memo
from nirank.base.work import Engine
from nirank.flow.pairs import Pairs
from nirank.plan.costs import Cost
from nirank.plan.memory_guard import guard_memory
from nirank.plan.reporter import Reporter
from nirank.plan.task_call import Inputs, Outcome, TaskCall, make_context

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class TaskRunner:
    """Runs the tasks of nodes.

    engine      executes what comes in shards; None: this process
    max_memory  bytes of main memory that this process and its workers may hold; None: no ceiling
    """

    store: Store
    reporter: Reporter
    device: str = "auto"
    engine: Engine | None = None
    max_memory: int | None = None

    def compute(self, node: Node, inputs: Inputs, checksums: Sequence[str], expected: int | None) -> None:
        """Run a node's task, and store what comes out as its artifact.

        checksums  of the inputs, in their order
        expected   bytes that the computation was expected to take; None: not known
        """
        memos: set[str] = set()

        def open_memo(space: Mapping[str, Any], kind: np.dtype[Any]) -> Memo:
            memo = self.store.open_memo(space, kind)
            memos.add(memo.name)
            return memo

        context = replace(self._make_context(node, inputs), open_memo=open_memo)
        meta = describe_inputs(node, checksums)
        with self.store.commit(node, meta) as folder:
            with guard_memory(self.max_memory, self.list_workers) as memory:
                outcome = TaskCall.of(node, inputs).run(inputs, folder, context)
            if expected is not None:
                outcome.cost["memory"] = {"expected": expected, "taken": memory.taken, "blocks": memory.blocks}
            for value_read in chain.from_iterable(inputs.values()):
                if isinstance(value_read, Pairs):
                    value_read.drop_caches()
            meta |= describe_outcome(outcome, memos)

    def measure_cost(self, node: Node, inputs: Inputs) -> Cost:
        """Return what a computation costs here and now, without memos; what comes out is thrown away."""
        context = replace(self._make_context(node, inputs), open_memo=open_null_memo)
        with tempfile.TemporaryDirectory(prefix="nirank-time-") as folder:
            cost = TaskCall.of(node, inputs).run(inputs, Path(folder), context).cost
        return {"found": 0, "found_s": 0.0, **cost}

    def answer(self, node: Node, inputs: Inputs, folder: Path) -> tuple[Any, Context]:
        """Return what a computation gives without storing anything, and the context that it ran in.

        Memos are read, and nothing is added to them. A value that is no folder is not saved.
        """
        (folder / "result").mkdir(parents=True)
        context = replace(
            self._make_context(node, inputs),
            open_memo=lambda space, kind: ReadOnlyMemo(self.store.open_memo(space, kind)),
            scratch=folder / "scratch",
            engine=None,
        )
        value = TaskCall.of(node, inputs).call(inputs, folder / "result", context)
        return (folder / "result" if value is None else value), context

    def score(self, node: Node, inputs: Inputs, pairs: Pairs) -> None:
        """Have a node's scorer score some pairs; its memo keeps them."""
        with guard_memory(self.max_memory, self.list_workers):
            TaskCall.of(node, inputs).stage.score(pairs, self._make_context(node, inputs))

    def list_workers(self) -> Sequence[int]:
        """Return the ids of the worker processes on this machine."""
        return self.engine.process_ids if self.engine else ()

    def _make_context(self, node: Node, inputs: Inputs) -> Context:
        base = Context(
            device=self.device,
            track=self.reporter.track,
            open_memo=self.store.open_memo,
            engine=self.engine,
            scratch=self.store.get_scratch_folder(node),
        )
        return make_context(node.label, inputs, base)


def describe_inputs(node: Node, checksums: Sequence[str]) -> dict[str, Any]:
    """Return what an artifact says of what it was made from.

    checksums  of the inputs, in their order
    """
    inputs = [
        {"role": role, "address": below.address, "depth": below.depth, "label": below.label, "checksum": checksum}
        for (role, below), checksum in zip(node.inputs, checksums, strict=True)
    ]
    return {"inputs": inputs}


def describe_outcome(outcome: Outcome, memos: Iterable[str] = ()) -> dict[str, Any]:
    """Return what an artifact says of how it was made.

    memos  names of those that were asked
    """
    return {
        "cost": outcome.cost,
        "whole": outcome.whole,
        "counts": outcome.counts,
        "declared": outcome.declared,
        "memos": sorted(memos),
        "versions": outcome.versions,
    }
