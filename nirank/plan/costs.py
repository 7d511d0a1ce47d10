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
from typing import Any, Literal, TypeVar

from nirank.algebra.context import Context
from nirank.algebra.node import Node, StoredArtifact
from nirank.algebra.stage import Scorer
from nirank.base.loading import loading_seconds
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking

Cost = dict[str, Any]
N = TypeVar("N", int, float)


@contextmanager
def measure_seconds(cost: Cost) -> Iterator[None]:
    """Record the seconds of what runs in the block: `wall_s`, `cpu_s` of this process, and `loading_s` of `wall_s`."""
    wall, cpu, loading = time.perf_counter(), time.process_time(), loading_seconds()
    yield
    cost |= {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "loading_s": loading_seconds() - loading,
    }


def describe_cost(stage: Any, inputs: Mapping[str, Sequence[Any]], value: Any, folder: Path, context: Context) -> Cost:
    """Return what else is recorded of a computation.

    items    what it worked on: texts, head pairs or queries; 1 where that cannot be said
    pairs    in its result, if that is a list
    found, found_s, computed, computed_s   what memos spared and what they lacked, and the seconds
    models   parameters of the models that were used, by their content; none: {}
    device   on which they ran; 'cpu' where there is none
    device_s how long they computed there
    """
    return {
        "items": count_items(stage, inputs),
        "pairs": len(value) if isinstance(value, Pairs) else None,
        "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        **context.memo_use,
        "models": dict(context.models),
        "device": ", ".join(sorted(context.devices)) or "cpu",
        "device_s": context.device_s,
        "machine": platform.node(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def count_items(stage: Any, inputs: Mapping[str, Sequence[Any]]) -> int:
    """Return how many things a computation works on."""
    if isinstance(stage, Scorer) and inputs.get("list"):
        pairs = inputs["list"][0]
        return len(pairs.cut(stage.depth) if isinstance(pairs, Ranking) else pairs)
    for role in ("texts", "queries"):
        if inputs.get(role):
            return len(inputs[role][0])
    return 1


def compute_seconds_alone(cost: Mapping[str, Any]) -> float:
    """Return the seconds that a computation would have taken without memos."""
    return float(cost["wall_s"]) + float(cost.get("found_s", 0.0))


def compute_device_seconds_alone(cost: Mapping[str, Any]) -> float | None:
    """Return the seconds on the device that a computation would have taken without memos; None: not recorded.

    Memos keep whole seconds, so what they spared is split as what was computed here; where that is nothing, all of it
    counts as the device's: an upper bound.
    """
    if "device_s" not in cost:
        return None
    share = cost["device_s"] / cost["computed_s"] if cost.get("computed_s") else 1.0
    return float(cost["device_s"]) + share * float(cost.get("found_s", 0.0))


@dataclass(frozen=True)
class NodeCost:
    """A computation of a system: its node, its artifact, and what it cost now or when it was computed.

    training  it makes a model, or only such computations need it
    """

    node: Node
    stored: StoredArtifact
    cost: Mapping[str, Any]
    now: bool
    training: bool = False


def find_answering_nodes(target: Node) -> set[Node]:
    """Return the nodes that index or answer: all that a system needs and that is not there for training alone."""
    return {below for below in target.walk(lambda node: not node.training) if not below.training}


@dataclass(frozen=True)
class SystemCost:
    """What a system costs alone: every node it needs counts in full, shared or not, as if no memo had helped.

    ms_per_query   of online nodes, without loading models, Java and indexes: that is `loading_s` (None: an artifact of
                   theirs was made before it was recorded, and has it in `ms_per_query`)
    index_s        and index_bytes: of offline nodes
    training_s     of nodes that make models and what only those need, which count nowhere else; None: there are none
    pairs          in the lists of all nodes; pairs_scored: that scorers read
    parameters     of all models, each once; None where those of one are not known
    device_s       how long models computed on their devices, None where that was not recorded
    remembered_s   how much of the seconds was spared by memos, at their recorded rates
    peak_bytes     the most that a process held when it computed one of the nodes
    measured       'now', 'stored' (found in the store, measured when it was computed) or 'mixed'
    machines       on which; devices: of the models, 'cpu' where there are none
    """

    ms_per_query: float | None = None
    index_s: float | None = None
    index_bytes: int | None = None
    training_s: float | None = None
    pairs: int | None = None
    pairs_scored: int | None = None
    parameters: int | None = None
    device_s: float | None = None
    cpu_s: float | None = None
    loading_s: float | None = None
    remembered_s: float | None = None
    peak_bytes: int | None = None
    measured: Literal["now", "stored", "mixed"] | None = None
    machines: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()


def sum_costs(node_costs: Iterable[NodeCost], n_queries: int) -> SystemCost:
    """Sum up what a system costs alone."""
    nodes = list(node_costs)
    answering = [node for node in nodes if not node.training]
    online = [node.cost for node in answering if not node.node.offline]
    offline = [node for node in answering if node.node.offline]
    training = [compute_seconds_alone(node.cost) for node in nodes if node.training]
    answering_s = sum(compute_seconds_alone(cost) - cost.get("loading_s", 0.0) for cost in online)
    fresh = [node.now and not node.cost.get("found") for node in nodes]
    costs = [node.cost for node in answering]
    devices = {str(cost["device"]) for cost in costs if cost.get("models")}
    return SystemCost(
        ms_per_query=1000 * answering_s / n_queries if n_queries else None,
        index_s=sum(compute_seconds_alone(node.cost) for node in offline),
        index_bytes=sum(node.stored.meta["cost"]["bytes"] for node in offline),
        training_s=sum(training) if training else None,
        pairs=sum(node.stored.meta["cost"]["pairs"] or 0 for node in answering),
        pairs_scored=sum(node.cost.get("items", 0) for node in answering if isinstance(node.node.stage, Scorer)),
        parameters=_count_parameters(costs),
        device_s=_sum(map(compute_device_seconds_alone, costs)),
        loading_s=_sum(cost.get("loading_s") for cost in online),
        cpu_s=sum(cost["cpu_s"] for cost in costs),
        remembered_s=sum(cost.get("found_s", 0.0) for cost in costs),
        peak_bytes=max((cost.get("peak_rss_bytes", 0) for cost in costs), default=0),
        measured="now" if all(fresh) else "mixed" if any(fresh) else "stored",
        machines=tuple(sorted({str(node.cost.get("machine", "")) for node in nodes} - {""})),
        devices=tuple(sorted(devices)) or ("cpu",),
    )


def _count_parameters(costs: Iterable[Mapping[str, Any]]) -> int | None:
    """Return how many parameters all models together have; None where that was not recorded, or nobody knows."""
    models: dict[str, int | None] = {}
    for cost in costs:
        models |= cost.get("models", {"": None})
    return _sum(models.values())


def _sum(numbers: Iterable[N | None]) -> N | None:
    """Return the sum; None if a number is not known."""
    addends = list(numbers)
    return None if None in addends else sum(addends)  # type: ignore[arg-type]


def sum_counts(node_costs: Iterable[NodeCost]) -> tuple[dict[str, int], dict[str, Any]]:
    """Return the counters of all nodes together, and what each stage declared, by its label.

    Training is counted apart: of what it declares, what the nodes that make a model say; nothing of its counters.
    """
    counts: Counter[str] = Counter()
    declared: dict[str, Any] = {}
    for node_cost in node_costs:
        if node_cost.training and not node_cost.node.training:
            continue
        if not node_cost.training:
            counts.update(node_cost.stored.meta["counts"])
        if node_cost.stored.meta["declared"]:
            declared.setdefault(node_cost.node.label, {}).update(node_cost.stored.meta["declared"])
    return dict(counts), declared


def format_seconds(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 0.1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
