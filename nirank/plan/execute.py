"""Run a plan: every computation once, found again where it was done before."""

from __future__ import annotations

import importlib
import logging
import platform
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nirank.algebra.context import Context
from nirank.algebra.model import MODEL, locate_models
from nirank.algebra.node import Job, Node, Store, Stored
from nirank.base.amounts import format_size
from nirank.base.memo import Memo, open_null_memo
from nirank.base.memory import measure_process_memory
from nirank.base.work import Engine
from nirank.errors import NirankError, StageError, StoreError
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.inference.device import forget_models
from nirank.plan.costs import Cost, NodeCost, describe_cost, find_answering_nodes, measure_seconds
from nirank.plan.estimate import PastCosts
from nirank.plan.joint_scoring import JointScoring, union_heads
from nirank.plan.memory import MemoryEstimator, describe_need
from nirank.plan.memory_guard import guard_memory
from nirank.plan.reporter import Reporter
from nirank.plan.values import open_value

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger("nirank")

_RECORDED = ("nirank", "numpy", "pyarrow", "torch", "transformers", "sentence_transformers")


class FailedNode(NirankError):
    """A computation failed; `node` is the one, which may lie below the one asked for."""

    def __init__(self, node: Node, message: str) -> None:
        super().__init__(f"{node.label}: {message}")
        self.node = node


class Runner:
    """Runs nodes against a store.

    leaves  {address: value} of given data
    ran     nodes that this runner computed, in order
    engine  executes what comes in shards; None: this process
    time    online computations that are found, or that a memo helped, are run once more to be timed
    most    bytes of main memory that the run may hold; None: no ceiling
    """

    def __init__(
        self,
        store: Store,
        leaves: Mapping[str, Any],
        reporter: Reporter,
        device: str = "auto",
        *,
        engine: Engine | None = None,
        time: bool = False,
        most: int | None = None,
    ) -> None:
        self.store, self.leaves, self.reporter, self.device = store, leaves, reporter, device
        self.engine, self.time, self.most = engine, time, most
        self._base = measure_process_memory()
        self.ran: list[Node] = []
        self._ran: set[str] = set()
        self._timed: dict[str, Cost] = {}
        self._deepest: dict[str, Node] = {}
        self._stored: dict[str, Stored] = {}
        self._values: dict[Node, Any] = {}
        self._failed: dict[str, FailedNode] = {}
        self._stale: set[str] = set()
        self._together = JointScoring()
        self._there: dict[str, bool] = {}

    def plan(self, targets: Iterable[Node]) -> None:
        """Take note of everything that will be asked for, so that one search at the greatest depth serves all."""
        seen: set[Node] = set()
        for target in targets:
            for node in target.walk(seen=seen):
                known = self._deepest.get(node.address)
                if known is None or _is_deeper(node, known):
                    self._deepest[node.address] = node
                    self._together.add(node)

    def run(self, node: Node) -> Stored | None:
        """See that a node's artifact is stored and fresh; None for given data.

        Raises FailedNode; what failed once is not tried again by this runner.
        """
        if node.is_leaf:
            return None
        if node.address not in self._deepest:
            self.plan([node])
        wanted = self._deepest[node.address]
        if wanted.address in self._failed:
            raise self._failed[wanted.address]
        return self._find(wanted) or self._compute(wanted)

    def value(self, node: Node) -> Any:
        """Return what a node gives, opened; computed first if need be."""
        if node.is_leaf:
            return self.leaves[node.address]
        if node not in self._values:
            stored = self.run(node)
            assert stored is not None
            if not self.store.verify(stored):
                del self._stored[node.address]
                stored = self.run(node)
                assert stored is not None
            self._values[node] = open_value(node, stored.folder, self.value)
        return self._values[node]

    def spent(self, target: Node) -> list[NodeCost]:
        """Return what each computation of a system that was run cost, now or when it was computed."""
        needed = find_answering_nodes(target)
        found = []
        for node in target.walk():
            stored = self.run(node)
            if stored is not None:
                again = self.time and node in needed and not node.offline
                cost = self._timed_cost(node, stored) if again else stored.meta["cost"]
                now = node.address in self._ran or node.address in self._timed
                found.append(NodeCost(node, stored, cost, now, training=node not in needed))
        return found

    def costs(self) -> dict[str, Mapping[str, Any]]:
        """Return {address: cost} of what this runner computed."""
        return {node.address: self._stored[node.address].meta["cost"] for node in self.ran}

    def _timed_cost(self, node: Node, stored: Stored) -> Cost:
        """Return what a computation costs now, without memos; what comes out is thrown away."""
        wanted = self._deepest[node.address]
        cost: Cost = dict(stored.meta["cost"])
        if not cost.get("found") and node.address in self._ran:
            return cost
        if node.address not in self._timed:
            self.reporter.stage(f"{node.label} once more, to be timed")
            inputs = self._inputs(wanted)
            context = replace(self._context(wanted, inputs), open_memo=open_null_memo)
            with tempfile.TemporaryDirectory(prefix="nirank-time-") as folder:
                with measure_seconds(cost):
                    job = Job(
                        wanted.params, inputs, Path(folder), context, _locate_models(wanted, inputs), wanted.depth
                    )
                    value = _load_task(wanted.task)(job)
                    if value is not None:
                        value.save(Path(folder))
                fresh = describe_cost(wanted, inputs, value, Path(folder), context)
            self._timed[node.address] = {**cost, "found": 0, "found_s": 0.0, **fresh}
        return self._timed[node.address]

    def _inputs(self, node: Node) -> dict[str, list[Any]]:
        inputs: dict[str, list[Any]] = {}
        for role, below in node.inputs:
            inputs.setdefault(role, []).append(self.value(below))
        return inputs

    def _find(self, node: Node) -> Stored | None:
        """Return a node's artifact unless it is stale: made from inputs that have changed since."""
        if node.address not in self._stored:
            stored = self.store.find(node)
            if stored is None:
                return None
            recorded = [one["checksum"] for one in stored.meta["inputs"]]
            if any(self._changed(below, one) for (_, below), one in zip(node.inputs, recorded, strict=True)):
                log.info("%s: what it was made from has changed; it is computed again", node.label)
                self.store.discard_artifacts(node)
                self._stale.add(node.address)
                return None
            self._stored[node.address] = stored
        return self._stored[node.address]

    def _changed(self, node: Node, recorded: str) -> bool:
        """Tell whether an input's content is another than recorded; one that is no longer stored is believed."""
        if node.is_leaf:
            return False  # its content is its address
        if self._find(node) is None and node.address in self._stale:
            self.run(node)
        present = self.store.read_checksums(node)
        return bool(present) and recorded not in present

    def _compute(self, node: Node) -> Stored:
        try:
            inputs = self._inputs(node)
            wanted = self._wanted_together(node, inputs)
            with self.store.lock(node, self.reporter.say):
                stored = self.store.find(node)  # another process may have been at it
                if stored is None:
                    self.reporter.stage(node.label)
                    self._make_room(node)
                    if wanted is not None:
                        self._score_together(node, wanted, inputs)
                    self._run_task(node, inputs)
                    self.ran.append(node)
                    self._ran.add(node.address)
        except (FailedNode, StoreError):  # a store that cannot be written fails the run, not one system of it
            raise
        except Exception as error:
            if not isinstance(error, NirankError):
                log.debug("traceback of %s", node.label, exc_info=True)
            message = str(error) if isinstance(error, NirankError) else f"{type(error).__name__}: {error}"
            self._failed[node.address] = FailedNode(node, message)
            raise self._failed[node.address] from error
        stored = stored or self.store.find(node)
        assert stored is not None, f"{node.label} was committed and is not there"
        self._stored[node.address] = stored
        self._there[node.address] = True
        return stored

    def _make_room(self, node: Node) -> None:
        """See that a node fits under the ceiling: models of earlier nodes go if they must.

        Raises StageError for one whose size nobody knew before its inputs were computed, and that is too large.
        """
        if self.most is None:
            return
        need = self._make_estimator(self._past_costs).estimate(node)
        if need is not None and self._base + need > self.most:
            raise StageError(f"max_memory {format_size(self.most)}: {describe_need(node, self._base + need)}")
        if measure_process_memory() + (need or 0) > self.most:
            forget_models()

    @cached_property
    def _past_costs(self) -> PastCosts:
        return PastCosts(self.store.read_descriptions())

    def _make_estimator(self, past: PastCosts | None = None) -> MemoryEstimator:
        return MemoryEstimator(self._known, self.engine.workers if self.engine else 0, past)

    def _list_workers(self) -> Sequence[int]:
        return self.engine.process_ids if self.engine else ()

    def _known(self, node: Node) -> Any:
        """Return a node's value, None where it has not been opened."""
        return self.leaves.get(node.address) if node.is_leaf else self._values.get(node)

    def _wanted_together(self, node: Node, inputs: dict[str, list[Any]]) -> Pairs | None:
        """Return the pairs that other lists of the plan and this one want of a scorer; None where it is this one alone.

        Their scores go into the scorer's memo, where every list finds its own.
        """
        others = self._together.take(node, self._is_there)
        if not others:
            return None
        lists = [(node, inputs["list"][0])]
        for other in others:
            try:
                lists.append((other, self.value(other.get_input("list"))))
            except FailedNode:
                continue  # its own systems will say so
        return union_heads(lists) if len(lists) > 1 else None

    def _is_there(self, node: Node) -> bool:
        """Tell whether a node was stored when that was first asked, or was computed since."""
        if node.address not in self._there:
            self._there[node.address] = node.address in self._stored or self.store.find(node) is not None
        return self._there[node.address]

    def _score_together(self, node: Node, wanted: Pairs, inputs: dict[str, list[Any]]) -> None:
        try:
            with guard_memory(self.most, self._list_workers):
                _locate_models(node, inputs).score(wanted, self._context(node, inputs))
        except StoreError:
            raise
        except Exception:  # perhaps another list's fault: each is still scored by itself, and fails by itself
            log.debug("scoring several lists together with %s", node.label, exc_info=True)

    def _context(self, node: Node, inputs: dict[str, list[Any]]) -> Context:
        return Context(
            queries=inputs.get("queries", [None])[0],
            docs=inputs.get("docs", [None])[0],
            inputs=tuple(inputs.get("need", ())),
            device=self.device,
            stage=node.label,
            track=self.reporter.track,
            qrels=inputs.get("judgements", [None])[0],
            open_memo=self.store.open_memo,
            engine=self.engine,
            scratch=self.store.get_scratch_folder(node),
        )

    def _run_task(self, node: Node, inputs: dict[str, list[Any]]) -> None:
        used: set[str] = set()

        def memos(space: Mapping[str, Any], kind: np.dtype[Any]) -> Memo:
            memo = self.store.open_memo(space, kind)
            used.add(memo.name)
            return memo

        context = replace(self._context(node, inputs), open_memo=memos)
        cost: Cost
        meta: dict[str, Any] = {
            "inputs": [
                {
                    "role": role,
                    "address": below.address,
                    "depth": below.depth,
                    "label": below.label,
                    "checksum": below.address if below.is_leaf else self._stored[below.address].meta["checksum"],
                }
                for role, below in node.inputs
            ]
        }
        with self.store.commit(node, meta) as folder:
            meta["cost"] = cost = {}
            expected = self._make_estimator().estimate_from_sizes(node)
            with guard_memory(self.most, self._list_workers) as memory, measure_seconds(cost):
                value = _load_task(node.task)(
                    Job(node.params, inputs, folder, context, _locate_models(node, inputs), node.depth)
                )
                if value is not None:
                    value.save(folder)
            cost |= describe_cost(node, inputs, value, folder, context)
            if expected is not None:
                cost["memory"] = {"expected": expected, "taken": memory.taken, "blocks": memory.blocks}
            for one in chain.from_iterable(inputs.values()):
                if isinstance(one, Pairs):
                    one.drop_caches()
            meta["whole"] = isinstance(value, Ranking) and value.depth is None
            meta["counts"] = {name: int(n) for name, n in context.counts.items()}
            for name, said in context.declared.items():  # what a stage put there itself
                context.declare(name, said)
            meta["declared"] = context.declared
            meta["memos"] = sorted(used)
            meta["versions"] = _list_versions()


def _is_deeper(one: Node, other: Node) -> bool:
    return other.depth is not None and (one.depth is None or one.depth > other.depth)


def _locate_models(node: Node, inputs: Mapping[str, list[Any]]) -> Any:
    """Return a node's stage, its trained models where they lie."""
    made = [below.address for role, below in node.inputs if role == MODEL]
    return locate_models(node.stage, dict(zip(made, inputs.get(MODEL, ()), strict=True)))


def _load_task(path: str) -> Any:
    module, function = path.split(":")
    return getattr(importlib.import_module(module), function)


def _list_versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _RECORDED:
        version = getattr(sys.modules.get(name), "__version__", None)
        if version:
            found[name] = str(version)
    return found


__all__ = ["FailedNode", "Runner"]
