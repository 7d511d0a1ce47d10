"""How long computations will take, from what such computations took before."""

from __future__ import annotations

import platform
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nirank.algebra.node import Node
from nirank.algebra.stage import Scorer
from nirank.base.identity import to_canonical_json
from nirank.plan.costs import alone_s

Size = Callable[[Node], int | None]  # how many rows the value of a texts node has, None: not known yet


class Rates:
    """Seconds an item, by what was computed: the same task with the same options, else the same kind of stage.

    described  what `artifact.json` says of what was computed before; only this machine's count
    """

    def __init__(self, described: Iterable[Mapping[str, Any]]) -> None:
        self._spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for meta in described:
            cost = meta.get("cost") or {}
            if not cost.get("items") or cost.get("machine") != platform.node():
                continue
            for key in _keys(meta["task"], meta["params"]):
                self._spent[key][0] += alone_s(cost)
                self._spent[key][1] += cost["items"]

    def seconds(self, node: Node, size: Size) -> float | None:
        """Return how long a node will take if no memo helps; None where nothing like it was computed before."""
        n = planned_items(node, size)
        for key in _keys(node.task, node.params):
            if n is not None and key in self._spent:
                seconds, count = self._spent[key]
                return n * seconds / count
        return None


def planned_items(node: Node, size: Size) -> int | None:
    """Return how many things a node will work on, at most, as `costs.items` counts them afterwards."""
    inputs = dict(reversed(node.inputs))
    if isinstance(node.stage, Scorer) and "list" in inputs:
        queries, docs = size(inputs["queries"]), size(inputs["docs"])
        if queries is None or docs is None:
            return None
        return queries * min(node.stage.depth, docs, inputs["list"].depth or docs)
    for role in ("texts", "queries"):
        if role in inputs:
            return size(inputs[role])
    return 1


def _keys(task: str, params: Mapping[str, Any]) -> tuple[str, str]:
    stage = params.get("stage")
    kind = stage.get("stage", "") if isinstance(stage, Mapping) else ""
    return f"{task} {to_canonical_json(dict(params))}", f"{task} {kind}"
