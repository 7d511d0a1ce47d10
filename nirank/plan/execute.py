"""Run a plan: every computation once, found again where it was done before."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from nirank.algebra.node import Node, Store, StoredArtifact
from nirank.base.amounts import format_size
from nirank.base.memory import measure_process_memory
from nirank.base.work import Engine
from nirank.errors import NirankError, StageError, StoreError
from nirank.flow.pairs import Pairs
from nirank.inference.device import forget_models
from nirank.plan.costs import Cost, NodeCost, find_answering_nodes
from nirank.plan.estimate import PastCosts
from nirank.plan.joint_scoring import JointScoring, union_heads
from nirank.plan.memory import MemoryEstimator, describe_need
from nirank.plan.reporter import Reporter
from nirank.plan.siblings import ReadyNode, SiblingRunner, group_siblings
from nirank.plan.task_runner import TaskRunner
from nirank.plan.values import open_value

log = logging.getLogger("nirank")


class FailedNode(NirankError):
    """A computation failed; `node` is the one, which may lie below the one asked for."""

    def __init__(self, node: Node, message: str) -> None:
        super().__init__(f"{node.label}: {message}")
        self.node = node


class Runner:
    """Runs nodes against a store.

    leaves      {address: value} of given data
    computed    nodes that this runner computed, in order
    engine      executes what comes in shards; None: this process
    time        online computations that are found, or that a memo helped, are run once more to be timed
    max_memory  bytes of main memory that the run may hold; None: no ceiling
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
        max_memory: int | None = None,
    ) -> None:
        self.store, self.leaves, self.reporter, self.device = store, leaves, reporter, device
        self.engine, self.time, self.max_memory = engine, time, max_memory
        self.computed: list[Node] = []
        self._tasks = TaskRunner(store, reporter, device, engine, max_memory)
        self._siblings = None if engine is None else self._make_sibling_runner(engine)
        self._memory_at_start = measure_process_memory()
        self._new_addresses: set[str] = set()
        self._timed_costs: dict[str, Cost] = {}
        self._deepest: dict[str, Node] = {}
        self._artifacts: dict[str, StoredArtifact] = {}
        self._values: dict[Node, Any] = {}
        self._failures: dict[str, FailedNode] = {}
        self._stale: set[str] = set()
        self._joint_scoring = JointScoring()
        self._is_stored: dict[str, bool] = {}

    def plan(self, targets: Iterable[Node]) -> None:
        """Take note of everything that will be asked for, so that one search at the greatest depth serves all."""
        seen: set[Node] = set()
        for target in targets:
            for node in target.walk(seen=seen):
                known = self._deepest.get(node.address)
                if known is None or _is_deeper(node, known):
                    self._deepest[node.address] = node
                    self._joint_scoring.add(node)

    def list_planned(self) -> Iterable[Node]:
        """Return every computation that was noted, each at the greatest depth."""
        return self._deepest.values()

    def run(self, node: Node) -> StoredArtifact | None:
        """See that a node's artifact is stored and fresh; None for given data.

        Raises FailedNode; what failed once is not tried again by this runner.
        """
        if node.is_leaf:
            return None
        if node.address not in self._deepest:
            self.plan([node])
        deepest = self._deepest[node.address]
        if deepest.address in self._failures:
            raise self._failures[deepest.address]
        return self._find_fresh(deepest) or self._compute(deepest)

    def get_value(self, node: Node) -> Any:
        """Return what a node gives, opened; computed first if need be."""
        if node.is_leaf:
            return self.leaves[node.address]
        if node not in self._values:
            artifact = self.run(node)
            assert artifact is not None
            if not self.store.verify(artifact):
                del self._artifacts[node.address]
                artifact = self.run(node)
                assert artifact is not None
            self._values[node] = open_value(node, artifact.folder, self.get_value)
        return self._values[node]

    def list_costs(self, target: Node) -> list[NodeCost]:
        """Return what each computation of a system that was run cost, now or when it was computed."""
        answering = find_answering_nodes(target)
        costs = []
        for node in target.walk():
            artifact = self.run(node)
            if artifact is not None:
                again = self.time and node in answering and not node.offline
                cost = self._measure_again(node, artifact) if again else artifact.meta["cost"]
                now = node.address in self._new_addresses or node.address in self._timed_costs
                costs.append(NodeCost(node, artifact, cost, now, training=node not in answering))
        return costs

    def get_new_costs(self) -> dict[str, Mapping[str, Any]]:
        """Return {address: cost} of what this runner computed."""
        return {node.address: self._artifacts[node.address].meta["cost"] for node in self.computed}

    def _measure_again(self, node: Node, artifact: StoredArtifact) -> Cost:
        """Return what a computation costs now, without memos; measured once more unless that is what was measured."""
        cost: Cost = dict(artifact.meta["cost"])
        if not cost.get("found") and node.address in self._new_addresses:
            return cost
        if node.address not in self._timed_costs:
            self.reporter.begin_stage(f"{node.label} once more, to be timed")
            deepest = self._deepest[node.address]
            self._timed_costs[node.address] = cost | self._tasks.measure_cost(deepest, self._open_inputs(deepest))
        return self._timed_costs[node.address]

    def _open_inputs(self, node: Node) -> dict[str, list[Any]]:
        inputs: dict[str, list[Any]] = {}
        for role, below in node.inputs:
            inputs.setdefault(role, []).append(self.get_value(below))
        return inputs

    def _find_fresh(self, node: Node) -> StoredArtifact | None:
        """Return a node's artifact unless it is stale: made from inputs that have changed since."""
        if node.address not in self._artifacts:
            artifact = self.store.find(node)
            if artifact is None:
                return None
            checksums = [recorded["checksum"] for recorded in artifact.meta["inputs"]]
            inputs = [below for _, below in node.inputs]
            if any(self._has_changed(*pair) for pair in zip(inputs, checksums, strict=True)):
                log.info("%s: what it was made from has changed; it is computed again", node.label)
                self.store.discard_artifacts(node)
                self._stale.add(node.address)
                return None
            self._artifacts[node.address] = artifact
        return self._artifacts[node.address]

    def _has_changed(self, node: Node, checksum: str) -> bool:
        """Tell whether an input's content is another than recorded; one that is no longer stored is believed."""
        if node.is_leaf:
            return False  # its content is its address
        if self._find_fresh(node) is None and node.address in self._stale:
            self.run(node)
        present = self.store.read_checksums(node)
        return bool(present) and checksum not in present

    def _make_sibling_runner(self, engine: Engine) -> SiblingRunner:
        return SiblingRunner(
            self.store,
            engine,
            self.reporter,
            self.device,
            self.max_memory,
            find_folder=lambda node: self._artifacts[node.address].folder.absolute(),
            get_value=self.get_value,
            note_computed=self._note_computed,
            note_failure=self._note_failure,
        )

    def _compute_on_workers(self, nodes: Iterable[Node]) -> None:
        """Compute those of some nodes that workers can run at once, and first what they need; others are left."""
        if self._siblings is None:
            return
        for group in group_siblings(self._list_missing(nodes)):
            self._compute_on_workers(below for node in group for _, below in node.inputs)
            self._siblings.run([ready for node in group if (ready := self._make_ready(node)) is not None])

    def _list_missing(self, nodes: Iterable[Node]) -> Iterator[Node]:
        """Yield the nodes that are to be computed, as deep as they are asked for."""
        for node in dict.fromkeys(node for node in nodes if not node.is_leaf):
            deepest = self._deepest.get(node.address, node)
            if node.address not in self._failures and self._find_fresh(deepest) is None:
                yield deepest

    def _make_ready(self, node: Node) -> ReadyNode | None:
        """Return a node with its inputs, computed if need be; None where one has failed, or it is stored by now."""
        try:
            inputs = [self.get_value(below) for _, below in node.inputs]
        except FailedNode:
            return None
        if self._find_fresh(node) is not None:
            return None
        return ReadyNode(
            node, inputs, self._list_checksums(node), self._make_estimator(self._past_costs).estimate(node)
        )

    def _compute(self, node: Node) -> StoredArtifact:
        try:
            self._compute_on_workers(below for _, below in node.inputs)
            inputs = self._open_inputs(node)
            joint_pairs = self._collect_joint_pairs(node, inputs)
            with self.store.lock(node, self.reporter.say):
                artifact = self.store.find(node)  # another process may have been at it
                if artifact is None:
                    self.reporter.begin_stage(node.label)
                    self._make_room(node)
                    if joint_pairs is not None:
                        self._score_jointly(node, inputs, joint_pairs)
                    self._run_task(node, inputs)
        except (FailedNode, StoreError):  # a store that cannot be written fails the run, not one system of it
            raise
        except Exception as error:
            raise self._note_failure(node, error) from error
        return self._note_computed(node) if artifact is None else self._keep_artifact(node, artifact)

    def _run_task(self, node: Node, inputs: dict[str, list[Any]]) -> None:
        expected = self._make_estimator().estimate_from_sizes(node)
        self._tasks.compute(node, inputs, self._list_checksums(node), expected)

    def _list_checksums(self, node: Node) -> list[str]:
        """Return the checksums of a node's inputs, in their order."""
        inputs = (below for _, below in node.inputs)
        return [each.address if each.is_leaf else self._artifacts[each.address].meta["checksum"] for each in inputs]

    def _note_computed(self, node: Node) -> StoredArtifact:
        """Remember that this runner computed a node; return its artifact."""
        self.computed.append(node)
        self._new_addresses.add(node.address)
        artifact = self.store.find(node)
        assert artifact is not None, f"{node.label} was committed and is not there"
        return self._keep_artifact(node, artifact)

    def _keep_artifact(self, node: Node, artifact: StoredArtifact) -> StoredArtifact:
        self._artifacts[node.address] = artifact
        self._is_stored[node.address] = True
        return artifact

    def _note_failure(self, node: Node, error: Exception) -> FailedNode:
        """Remember that a node failed, and why."""
        if not isinstance(error, NirankError):
            log.debug("traceback of %s", node.label, exc_info=error)
        message = str(error) if isinstance(error, NirankError) else f"{type(error).__name__}: {error}"
        self._failures[node.address] = FailedNode(node, message)
        return self._failures[node.address]

    def _make_room(self, node: Node) -> None:
        """See that a node fits under the ceiling: models of earlier nodes go if they must.

        Raises StageError for one whose size nobody knew before its inputs were computed, and that is too large.
        """
        if self.max_memory is None:
            return
        taken = self._make_estimator(self._past_costs).estimate(node)
        if taken is not None and self._memory_at_start + taken > self.max_memory:
            need = describe_need(node, self._memory_at_start + taken)
            raise StageError(f"max_memory {format_size(self.max_memory)}: {need}")
        if measure_process_memory() + (taken or 0) > self.max_memory:
            forget_models()

    @cached_property
    def _past_costs(self) -> PastCosts:
        return PastCosts(self.store.read_descriptions())

    def _make_estimator(self, past: PastCosts | None = None) -> MemoryEstimator:
        return MemoryEstimator(self._find_value, self.engine.workers if self.engine else 0, past)

    def _find_value(self, node: Node) -> Any:
        """Return a node's value, None where it has not been opened."""
        return self.leaves.get(node.address) if node.is_leaf else self._values.get(node)

    def _collect_joint_pairs(self, node: Node, inputs: dict[str, list[Any]]) -> Pairs | None:
        """Return the pairs that other lists of the plan and this one want of a scorer; None where it is this one alone.

        Their scores go into the scorer's memo, where every list finds its own.
        """
        other_nodes = self._joint_scoring.take(node, self._was_stored)
        if not other_nodes:
            return None
        lists = [(node, inputs["list"][0])]
        for other in other_nodes:
            try:
                lists.append((other, self.get_value(other.get_input("list"))))
            except FailedNode:
                continue  # its own systems will say so
        return union_heads(lists) if len(lists) > 1 else None

    def _was_stored(self, node: Node) -> bool:
        """Tell whether a node was stored when that was first asked, or was computed since."""
        if node.address not in self._is_stored:
            self._is_stored[node.address] = node.address in self._artifacts or self.store.find(node) is not None
        return self._is_stored[node.address]

    def _score_jointly(self, node: Node, inputs: dict[str, list[Any]], pairs: Pairs) -> None:
        try:
            self._tasks.score(node, inputs, pairs)
        except StoreError:
            raise
        except Exception:  # perhaps another list's fault: each is still scored by itself, and fails by itself
            log.debug("scoring several lists together with %s", node.label, exc_info=True)


def _is_deeper(node: Node, other: Node) -> bool:
    return other.depth is not None and (node.depth is None or node.depth > other.depth)


__all__ = ["FailedNode", "Runner"]
