"""Print a plan: what is computed, stored and shared, what that will cost, and after the run what it did cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nirank.algebra.node import Node, Store, StoredArtifact
from nirank.base.amounts import format_size
from nirank.base.identity import to_canonical_json
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
    title      its label; where it is of one range of rows, that of all ranges' computations together
    in_range   whether it is of one range of rows
    estimate_s what it will take without memos; None where there is no rate yet, or it is stored
    memory     bytes that the process will hold meanwhile, at the least; None where that is not known, or it is stored
    """

    node: Node
    users: Sequence[str]
    stored: StoredArtifact | None
    title: str = ""
    in_range: bool = False
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
    whole_labels: dict[str, str] = {}  # of documents, by the labels of their ranges
    for name, target in systems:
        for node in target.walk():
            if node.is_leaf:
                whole_labels |= {rows.label: node.label for rows in node.ranges}
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
        memory_held = None if taken is None else held_bytes + taken
        rows = next((label for label in whole_labels if label in node.label), None)
        title = node.label if rows is None else node.label.replace(rows, whole_labels[rows])
        planned.append(PlannedNode(node, names, artifact, title, rows is not None, seconds, memory_held))
    return planned


def _group_ranges(plan: Iterable[PlannedNode]) -> list[list[PlannedNode]]:
    """Return the computations; those that differ in their range of rows alone are one group."""
    groups: dict[tuple[Any, ...], list[PlannedNode]] = {}
    for computation in plan:
        node = computation.node
        same = (node.task, to_canonical_json(dict(node.params)), computation.title, computation.users)
        groups.setdefault(same if computation.in_range else (node.address,), []).append(computation)
    return list(groups.values())


def describe_plan(plan: Sequence[PlannedNode]) -> str:
    """Return the graph as lines; the last says what is to be computed, how long that takes and what sharing saves."""
    lines = []
    for group in _group_ranges(plan):
        missing = [computation for computation in group if not computation.stored]
        text = _describe_missing(missing) if missing else _describe_stored([each.stored for each in group])
        if 0 < len(missing) < len(group):
            text += f", {len(group) - len(missing)} stored"
        lines.append(_format_line("compute" if missing else "stored ", group, text))
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
    for group in _group_ranges(plan):
        paid = [(computation, costs.get(computation.node.address)) for computation in group]
        computed = [(computation, cost) for computation, cost in paid if cost is not None]
        if not computed:
            artifacts = [each.stored or store.find(each.node) for each in group]
            state = "failed " if None in artifacts else "stored " if all(each.stored for each in group) else "found  "
            lines.append(_format_line(state, group, _describe_stored(artifacts)))
            continue
        text = format_seconds(sum(cost["wall_s"] for _, cost in computed))
        alone += sum(compute_seconds_alone(cost) * len(computation.users) for computation, cost in computed)
        if spared := sum(cost.get("found_s", 0.0) for _, cost in computed):
            found = sum(int(cost.get("found", 0)) for _, cost in computed)
            text += f", {found:,} found in memos ({format_seconds(spared)} spared)"
        expected = [(each.estimate_s, cost) for each, cost in computed if each.estimate_s is not None]
        if expected:
            text += f"; estimated {format_seconds(sum(seconds for seconds, _ in expected))}"
            estimated += sum(seconds for seconds, _ in expected)
            taken += sum(compute_seconds_alone(cost) for _, cost in expected)
        lines.append(_format_line("computed", group, text))
    if not costs and all(computation.stored for computation in plan):
        return "\n".join([*lines, f"all {len(plan)} computations were stored; {format_seconds(seconds)}"])
    summary = (
        f"{len(costs)} of {len(plan)} computations in {format_seconds(seconds)};"
        f" each system alone would have taken {format_seconds(alone)} together"
    )
    if estimated:
        summary += f"; estimated {format_seconds(estimated)} for what took {format_seconds(taken)}"
    return "\n".join([*lines, summary])


def _describe_missing(missing: Sequence[PlannedNode]) -> str:
    """Return what computations will take together, and the memory of the largest."""
    seconds = [computation.estimate_s for computation in missing if computation.estimate_s is not None]
    text = "no rate yet" if len(seconds) < len(missing) else f"about {format_seconds(sum(seconds))}"
    memory = [computation.memory for computation in missing if computation.memory is not None]
    return f"{text}, {format_size(max(memory))}" if memory else text


def _describe_stored(artifacts: Iterable[StoredArtifact | None]) -> str:
    costs = [artifact.meta["cost"] for artifact in artifacts if artifact is not None]
    return f"({format_seconds(sum(map(compute_seconds_alone, costs)))} when it was computed)" if costs else ""


def _format_line(state: str, group: Sequence[PlannedNode], text: str) -> str:
    node = group[0].node
    depth = "" if node.depth is None else f" to depth {node.depth}"
    label = group[0].title
    label = label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…"
    ranges = f", {len(group)} ranges" if len(group) > 1 else ""
    users = ", ".join(group[0].users)
    return f"{state}  {node.address[:12]}  {label}{ranges}{depth}  {text}{' ' if text else ''} [{users}]"
