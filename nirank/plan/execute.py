"""Run a plan: every computation once, found again where it was done before."""

from __future__ import annotations

import importlib
import logging
import platform
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from nirank.context import Context
from nirank.errors import NirankError, StoreError
from nirank.node import Job, Node, Store, Stored
from nirank.pairs import Pairs
from nirank.plan.reporter import Reporter
from nirank.plan.values import open_value
from nirank.ranking import Ranking

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
    ran     addresses that this runner computed, in order
    """

    def __init__(self, store: Store, leaves: Mapping[str, Any], reporter: Reporter, device: str = "auto") -> None:
        self.store, self.leaves, self.reporter, self.device = store, leaves, reporter, device
        self.ran: list[Node] = []
        self._deepest: dict[str, Node] = {}
        self._stored: dict[str, Stored] = {}
        self._values: dict[Node, Any] = {}
        self._failed: dict[str, FailedNode] = {}
        self._stale: set[str] = set()

    def plan(self, targets: Iterable[Node]) -> None:
        """Take note of everything that will be asked for, so that one search at the greatest depth serves all."""
        for target in targets:
            for node in target.walk():
                known = self._deepest.get(node.address)
                if known is None or _deeper(node, known):
                    self._deepest[node.address] = node

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

    def _find(self, node: Node) -> Stored | None:
        """Return a node's artifact unless it is stale: made from inputs that have changed since."""
        if node.address not in self._stored:
            stored = self.store.find(node)
            if stored is None:
                return None
            recorded = [one["checksum"] for one in stored.meta["inputs"]]
            if any(self._changed(below, one) for (_, below), one in zip(node.inputs, recorded, strict=True)):
                log.info("%s: what it was made from has changed; it is computed again", node.label)
                self.store.remove(node)
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
        present = self.store.checksums(node)
        return bool(present) and recorded not in present

    def _compute(self, node: Node) -> Stored:
        try:
            inputs: dict[str, list[Any]] = {}
            for role, below in node.inputs:
                inputs.setdefault(role, []).append(self.value(below))
            with self.store.lock(node, self.reporter.say):
                stored = self.store.find(node)  # another process may have been at it
                if stored is None:
                    self.reporter.stage(node.label)
                    self._run_task(node, inputs)
                    self.ran.append(node)
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
        return stored

    def _run_task(self, node: Node, inputs: dict[str, list[Any]]) -> None:
        context = Context(
            queries=inputs.get("queries", [None])[0],
            docs=inputs.get("docs", [None])[0],
            needs=tuple(inputs.get("need", ())),
            device=self.device,
            stage=node.label,
            track=self.reporter.track,
            qrels=inputs.get("judgements", [None])[0],
            memos=self.store.memo,
        )
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
            started, cpu = time.perf_counter(), time.process_time()
            value = _task(node.task)(Job(node.params, inputs, folder, context, node.stage, node.depth))
            if value is not None:
                value.save(folder)
            meta["cost"] = {
                "wall_s": time.perf_counter() - started,
                "cpu_s": time.process_time() - cpu,
                "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
                "pairs": len(value) if isinstance(value, Pairs) else None,
                **context.remembered,
                "machine": platform.node(),
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            meta["whole"] = isinstance(value, Ranking) and value.depth is None
            meta["counts"] = dict(context.counts)
            meta["declared"] = context.declared
            meta["versions"] = _versions()


def costs(stored: Iterable[tuple[Node, Stored]], ran: Iterable[Node], n_queries: int) -> dict[str, Any]:
    """Sum up what a system costs alone: every node it needs counts in full, shared or not.

    ms_per_query   of online nodes; index_s and index_bytes of offline ones
    measured       'now', 'stored' (found in the store, measured when it was computed) or 'mixed'
    """
    now = {node.address for node in ran}
    seen = list(stored)
    online = sum(one.meta["cost"]["wall_s"] for node, one in seen if not node.offline)
    fresh = [node.address in now for node, _ in seen]
    return {
        "ms_per_query": 1000 * online / n_queries if n_queries else None,
        "index_s": sum(one.meta["cost"]["wall_s"] for node, one in seen if node.offline),
        "index_bytes": sum(one.meta["cost"]["bytes"] for node, one in seen if node.offline),
        "pairs": sum(one.meta["cost"]["pairs"] or 0 for _, one in seen),
        "measured": "now" if all(fresh) else "mixed" if any(fresh) else "stored",
    }


def counted(stored: Iterable[tuple[Node, Stored]]) -> tuple[dict[str, int], dict[str, Any]]:
    """Return the counters of all nodes together, and what each stage declared, by its label."""
    counts: Counter[str] = Counter()
    declared: dict[str, Any] = {}
    for node, one in stored:
        counts.update(one.meta["counts"])
        if one.meta["declared"]:
            declared.setdefault(node.label, {}).update(one.meta["declared"])
    return dict(counts), declared


def _deeper(one: Node, other: Node) -> bool:
    return other.depth is not None and (one.depth is None or one.depth > other.depth)


def _task(path: str) -> Any:
    module, function = path.split(":")
    return getattr(importlib.import_module(module), function)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _RECORDED:
        version = getattr(sys.modules.get(name), "__version__", None)
        if version:
            found[name] = str(version)
    return found


__all__ = ["FailedNode", "Runner", "costs", "counted"]
