"""Print a plan: what is computed, stored and shared, what that will cost, and after the run what it did cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nirank.algebra.node import Node, Store, StoredArtifact
from nirank.base.amounts import format_size
from nirank.base.memory import measure_process_memory
from nirank.plan.costs import compute_seconds_alone, format_seconds
from nirank.plan.estimate import PastCosts
from nirank.plan.memory import FindValue, MemoryEstimator

_LABEL = 120  # characters of a computation's name


@dataclass(frozen=True)
class PlannedNode:
    """One computation of a plan.

    users      systems that need it
    stored     its artifact, if there was one before the run
    estimate_s what it will take without memos; None where there is no rate yet, or it is stored
    memory     bytes that the process will hold meanwhile, at the least; None where that is not known, or it is stored
    """

    node: Node
    users: Sequence[str]
    stored: StoredArtifact | None
    estimate_s: float | None = None
    memory: int | None = None


def list_planned_nodes(
    systems: Iterable[tuple[str, Node]], store: Store, find_value: FindValue, workers: int = 0
) -> list[PlannedNode]:
    """Return the graph, in the order in which nodes would run.

    systems  (name, node) of every ranking that is asked for
    value    what is known of the nodes' values before anything runs
    workers  processes that will work beside this one
    """
    users: dict[str, dict[str, None]] = {}
    deepest: dict[str, Node] = {}
    for name, target in systems:
        for node in target.walk():
            if node.is_leaf:
                continue
            users.setdefault(node.address, {})[name] = None
            deeper = deepest.get(node.address)
            if deeper is None or (deeper.depth is not None and (node.depth is None or node.depth > deeper.depth)):
                deepest[node.address] = node
    stored = {address: store.find(node) for address, node in deepest.items()}
    past = PastCosts(store.read_descriptions() if None in stored.values() else ())
    memory, held_bytes = MemoryEstimator(find_value, workers, past), measure_process_memory()

    def count_rows(node: Node) -> int | None:
        texts = find_value(node)
        return None if texts is None else len(texts)

    planned = []
    for address, node in deepest.items():
        artifact, names = stored[address], tuple(users[address])
        seconds = None if artifact else past.estimate_seconds(node, count_rows)
        taken = None if artifact else memory.estimate(node)
        planned.append(PlannedNode(node, names, artifact, seconds, None if taken is None else held_bytes + taken))
    return planned


def describe_plan(plan: Sequence[PlannedNode]) -> str:
    """Return the graph as lines; the last says what is to be computed, how long that takes and what sharing saves."""
    lines = []
    for computation in plan:
        if computation.stored:
            text = _describe_stored(computation.stored)
        else:
            seconds = computation.estimate_s
            text = "no rate yet" if seconds is None else f"about {format_seconds(seconds)}"
            if computation.memory is not None:
                text += f", {format_size(computation.memory)}"
        lines.append(_format_line("stored " if computation.stored else "compute", computation, text))
    missing = [computation for computation in plan if not computation.stored]
    n_asked = sum(len(computation.users) for computation in plan)
    summary = (
        f"{len(plan)} computations ({n_asked} if nothing were shared): {len(plan) - len(missing)} stored,"
        f" {len(missing)} to compute"
    )
    estimates = [(work.estimate_s, len(work.users)) for work in missing if work.estimate_s is not None]
    if estimates:
        shared = format_seconds(sum(seconds for seconds, _ in estimates))
        alone = format_seconds(sum(seconds * n_users for seconds, n_users in estimates))
        summary += f"; at most about {shared}, where each system alone would take {alone} together"
        if len(estimates) < len(missing):
            summary += f" ({len(missing) - len(estimates)} have no rate yet)"
    return "\n".join([*lines, summary])


def describe_run(
    plan: Sequence[PlannedNode], costs: Mapping[str, Mapping[str, Any]], store: Store, seconds: float
) -> str:
    """Return the same graph with what it did cost.

    costs    {address: cost} of what this run computed
    store    where what another process computed meanwhile is found
    seconds  of the whole run
    """
    lines, estimated, taken, alone = [], 0.0, 0.0, 0.0
    for computation in plan:
        cost = costs.get(computation.node.address)
        if cost is None:
            artifact = computation.stored or store.find(computation.node)
            state = "stored " if computation.stored else "found  " if artifact else "failed "
            text = _describe_stored(artifact) if artifact else ""
        else:
            state = "computed"
            text = format_seconds(cost["wall_s"])
            alone += compute_seconds_alone(cost) * len(computation.users)
            if cost.get("found_s"):
                text += f", {int(cost['found']):,} found in memos ({format_seconds(cost['found_s'])} spared)"
            if computation.estimate_s is not None:
                text += f"; estimated {format_seconds(computation.estimate_s)}"
                estimated, taken = estimated + computation.estimate_s, taken + compute_seconds_alone(cost)
        lines.append(_format_line(state, computation, text))
    if not costs and all(computation.stored for computation in plan):
        return "\n".join([*lines, f"all {len(plan)} computations were stored; {format_seconds(seconds)}"])
    summary = (
        f"{len(costs)} of {len(plan)} computations in {format_seconds(seconds)};"
        f" each system alone would have taken {format_seconds(alone)} together"
    )
    if estimated:
        summary += f"; estimated {format_seconds(estimated)} for what took {format_seconds(taken)}"
    return "\n".join([*lines, summary])


def _describe_stored(artifact: StoredArtifact) -> str:
    return f"({format_seconds(compute_seconds_alone(artifact.meta['cost']))} when it was computed)"


def _format_line(state: str, computation: PlannedNode, text: str) -> str:
    node = computation.node
    depth = "" if node.depth is None else f" to depth {node.depth}"
    label = node.label if len(node.label) <= _LABEL else f"{node.label[: _LABEL - 1]}…"
    users = ", ".join(computation.users)
    return f"{state}  {node.address[:12]}  {label}{depth}  {text}{' ' if text else ''} [{users}]"
