"""One task: called with its opened inputs, under the memory guard, and recorded with its costs in the store."""

from __future__ import annotations

import importlib
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nirank.algebra.context import Context
from nirank.algebra.model import MODEL, locate_models
from nirank.algebra.node import Job, Node, Store
from nirank.base.memo import Memo, ReadOnlyMemo, open_null_memo
from nirank.base.work import Engine
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.plan.costs import Cost, describe_cost, measure_seconds
from nirank.plan.memory_guard import guard_memory
from nirank.plan.reporter import Reporter

if TYPE_CHECKING:
    import numpy as np

Inputs = Mapping[str, list[Any]]  # by role

_RECORDED = ("nirank", "numpy", "pyarrow", "torch", "transformers", "sentence_transformers")


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
        meta: dict[str, Any] = {
            "inputs": [
                {
                    "role": role,
                    "address": below.address,
                    "depth": below.depth,
                    "label": below.label,
                    "checksum": checksum,
                }
                for (role, below), checksum in zip(node.inputs, checksums, strict=True)
            ]
        }
        with self.store.commit(node, meta) as folder:
            cost: Cost = {}
            meta["cost"] = cost
            with guard_memory(self.max_memory, self._list_workers) as memory, measure_seconds(cost):
                value = _run_task(node, inputs, folder, context)
            cost |= describe_cost(node, inputs, value, folder, context)
            if expected is not None:
                cost["memory"] = {"expected": expected, "taken": memory.taken, "blocks": memory.blocks}
            for value_read in chain.from_iterable(inputs.values()):
                if isinstance(value_read, Pairs):
                    value_read.drop_caches()
            meta["whole"] = isinstance(value, Ranking) and value.depth is None
            meta["counts"] = {name: int(n) for name, n in context.counts.items()}
            for name, convention in context.declared.items():  # what a stage put there itself
                context.declare(name, convention)
            meta["declared"] = context.declared
            meta["memos"] = sorted(memos)
            meta["versions"] = _list_versions()

    def measure_cost(self, node: Node, inputs: Inputs) -> Cost:
        """Return what a computation costs here and now, without memos; what comes out is thrown away."""
        context = replace(self._make_context(node, inputs), open_memo=open_null_memo)
        cost: Cost = {}
        with tempfile.TemporaryDirectory(prefix="nirank-time-") as folder:
            with measure_seconds(cost):
                value = _run_task(node, inputs, Path(folder), context)
            return {**cost, "found": 0, "found_s": 0.0, **describe_cost(node, inputs, value, Path(folder), context)}

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
        value = _call_task(node, inputs, folder / "result", context)
        return (folder / "result" if value is None else value), context

    def score(self, node: Node, inputs: Inputs, pairs: Pairs) -> None:
        """Have a node's scorer score some pairs; its memo keeps them."""
        with guard_memory(self.max_memory, self._list_workers):
            _locate_stage(node, inputs).score(pairs, self._make_context(node, inputs))

    def _list_workers(self) -> Sequence[int]:
        return self.engine.process_ids if self.engine else ()

    def _make_context(self, node: Node, inputs: Inputs) -> Context:
        return Context(
            queries=inputs.get("queries", [None])[0],
            docs=inputs.get("docs", [None])[0],
            inputs=tuple(inputs.get("need", ())),
            device=self.device,
            stage=node.label,
            track=self.reporter.track,
            qrels=inputs.get("judgements", [None])[0],
            known=inputs.get("known", [None])[0],
            open_memo=self.store.open_memo,
            engine=self.engine,
            scratch=self.store.get_scratch_folder(node),
        )


def _run_task(node: Node, inputs: Inputs, folder: Path, context: Context) -> Any:
    """Return what a node's task gives, saved in a folder."""
    value = _call_task(node, inputs, folder, context)
    if value is not None:
        value.save(folder)
    return value


def _call_task(node: Node, inputs: Inputs, folder: Path, context: Context) -> Any:
    """Return what a node's task gives; None: it is what the task wrote into the folder."""
    module, function = node.task.split(":")
    task = getattr(importlib.import_module(module), function)
    return task(Job(node.params, inputs, folder, context, _locate_stage(node, inputs), node.depth))


def _locate_stage(node: Node, inputs: Inputs) -> Any:
    """Return a node's stage, its trained models where they lie."""
    models = [below.address for role, below in node.inputs if role == MODEL]
    return locate_models(node.stage, dict(zip(models, inputs.get(MODEL, ()), strict=True)))


def _list_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that are loaded."""
    versions = {"python": platform.python_version()}
    for name in _RECORDED:
        version = getattr(sys.modules.get(name), "__version__", None)
        if version:
            versions[name] = str(version)
    return versions
