"""What computations cost: what is recorded of each, and what a system costs alone."""

from __future__ import annotations

import platform
import resource
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nirank.context import Context
from nirank.node import Node, Stored
from nirank.pairs import Pairs
from nirank.ranking import Ranking
from nirank.stage import Scorer

Cost = dict[str, Any]


@contextmanager
def measured(cost: Cost) -> Iterator[None]:
    """Record the seconds of what runs in the block: `wall_s`, and `cpu_s` of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    cost |= {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}


def recorded(node: Node, inputs: Mapping[str, Sequence[Any]], value: Any, folder: Path, context: Context) -> Cost:
    """Return what else is recorded of a computation.

    items    what it worked on: texts, head pairs or queries; 1 where that cannot be said
    pairs    in its result, if that is a list
    found, found_s, computed, computed_s   what memos spared and what they lacked, and the seconds
    """
    return {
        "items": items(node, inputs),
        "pairs": len(value) if isinstance(value, Pairs) else None,
        "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        **context.remembered,
        "device": context.device,
        "machine": platform.node(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def items(node: Node, inputs: Mapping[str, Sequence[Any]]) -> int:
    """Return how many things a computation works on."""
    if isinstance(node.stage, Scorer) and inputs.get("list"):
        found = inputs["list"][0]
        return len(found.cut(node.stage.depth) if isinstance(found, Ranking) else found)
    for role in ("texts", "queries"):
        if inputs.get(role):
            return len(inputs[role][0])
    return 1


def alone_s(cost: Mapping[str, Any]) -> float:
    """Return the seconds that a computation would have taken without memos."""
    return float(cost["wall_s"]) + float(cost.get("found_s", 0.0))


@dataclass(frozen=True)
class Spent:
    """A computation of a system: its node, its artifact, and what it cost now or when it was computed."""

    node: Node
    stored: Stored
    cost: Mapping[str, Any]
    now: bool


def costs(spent: Iterable[Spent], n_queries: int) -> dict[str, Any]:
    """Sum up what a system costs alone: every node it needs counts in full, shared or not, as if no memo had helped.

    ms_per_query   of online nodes; index_s and index_bytes of offline ones
    pairs_scored   that scorers read
    remembered_s   how much of the seconds was spared by memos, at their recorded rates
    peak_bytes     the most that a process held when it computed one of the nodes
    measured       'now', 'stored' (found in the store, measured when it was computed) or 'mixed'
    machines, devices   on which
    """
    seen = list(spent)
    online = sum(alone_s(one.cost) for one in seen if not one.node.offline)
    fresh = [one.now and not one.cost.get("found") for one in seen]
    scorers = [one for one in seen if isinstance(one.node.stage, Scorer)]
    return {
        "ms_per_query": 1000 * online / n_queries if n_queries else None,
        "index_s": sum(alone_s(one.cost) for one in seen if one.node.offline),
        "index_bytes": sum(one.stored.meta["cost"]["bytes"] for one in seen if one.node.offline),
        "pairs": sum(one.stored.meta["cost"]["pairs"] or 0 for one in seen),
        "pairs_scored": sum(one.cost.get("items", 0) for one in scorers),
        "cpu_s": sum(one.cost["cpu_s"] for one in seen),
        "remembered_s": sum(one.cost.get("found_s", 0.0) for one in seen),
        "peak_bytes": max((one.cost.get("peak_rss_bytes", 0) for one in seen), default=0),
        "measured": "now" if all(fresh) else "mixed" if any(fresh) else "stored",
        "machines": sorted({str(one.cost.get("machine", "")) for one in seen} - {""}),
        "devices": sorted({str(one.cost.get("device", "")) for one in seen} - {""}),
    }


def counted(spent: Iterable[Spent]) -> tuple[dict[str, int], dict[str, Any]]:
    """Return the counters of all nodes together, and what each stage declared, by its label."""
    counts: Counter[str] = Counter()
    declared: dict[str, Any] = {}
    for one in spent:
        counts.update(one.stored.meta["counts"])
        if one.stored.meta["declared"]:
            declared.setdefault(one.node.label, {}).update(one.stored.meta["declared"])
    return dict(counts), declared


def in_words(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 0.1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
