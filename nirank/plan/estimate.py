"""What computations will take, from what such computations took before."""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nirank.algebra.node import Node
from nirank.algebra.stage import Scorer
from nirank.base.identity import to_canonical_json
from nirank.base.memory import MIB
from nirank.plan.costs import compute_seconds_alone

CountRows = Callable[[Node], int | None]  # how many rows the value of a texts node has, None: not known yet

_NOTICEABLE = 64 * MIB  # what is less may as well be memory that the process took for something else
_LEAST_RATIO = 0.5  # memory that was freed and kept is used again unseen, so a peak may be too low


class PastCosts:
    """What computations took before, by what was computed: seconds an item, and memory in parts of what was expected.

    Seconds are those of the same task with the same options, else of the same kind of stage, on this machine; memory is
    that of the same task with the same options, on any.

    described  what `artifact.json` says of what was computed before
    """

    def __init__(self, described: Iterable[Mapping[str, Any]] = ()) -> None:
        self._seconds: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._memory_ratios: dict[str, float] = {}
        for meta in described:
            cost, keys = meta.get("cost") or {}, _make_keys(meta["task"], meta["params"])
            if cost.get("items") and cost.get("machine") == platform.node():
                for key in keys:
                    self._seconds[key][0] += compute_seconds_alone(cost)
                    self._seconds[key][1] += cost["items"]
            ratio = _compare_memory(cost.get("memory") or {})
            if ratio is not None:
                self._memory_ratios[keys[0]] = max(ratio, self._memory_ratios.get(keys[0], 0.0))

    def estimate_seconds(self, node: Node, count_rows: CountRows) -> float | None:
        """Return how long a node will take if no memo helps; None where nothing like it was computed before."""
        n = estimate_items(node, count_rows)
        for key in _make_keys(node.task, node.params):
            if n is not None and key in self._seconds:
                seconds, count = self._seconds[key]
                return n * seconds / count
        return None

    def correct_memory(self, node: Node, expected: int) -> int:
        """Return the memory that is expected of a node as earlier computations of the same task correct it."""
        return int(expected * self._memory_ratios.get(_make_keys(node.task, node.params)[0], 1.0))


def estimate_items(node: Node, count_rows: CountRows) -> int | None:
    """Return how many things a node will work on, at most, as `costs.items` counts them afterwards."""
    inputs = dict(reversed(node.inputs))
    if isinstance(node.stage, Scorer) and "list" in inputs:
        queries, docs = count_rows(inputs["queries"]), count_rows(inputs["docs"])
        if queries is None or docs is None:
            return None
        return queries * min(node.stage.depth, docs, inputs["list"].depth or docs)
    for role in ("texts", "queries"):
        if role in inputs:
            return count_rows(inputs[role])
    return 1


def _compare_memory(memory: Mapping[str, int]) -> float | None:
    """Return what a computation took, in parts of what was expected of it; None where that says nothing.

    What its blocks would have shrunk by under a ceiling does not count as more than was expected.
    """
    if not memory or max(memory["taken"], memory["expected"]) < _NOTICEABLE:
        return None
    expected = max(memory["expected"], 1)
    if memory["taken"] < expected:
        return max(memory["taken"] / expected, _LEAST_RATIO)
    return max((memory["taken"] - memory["blocks"]) / expected, 1.0)


def _make_keys(task: str, params: Mapping[str, Any]) -> tuple[str, str]:
    stage = params.get("stage")
    kind = stage.get("stage", "") if isinstance(stage, Mapping) else ""
    return f"{task} {to_canonical_json(dict(params))}", f"{task} {kind}"
