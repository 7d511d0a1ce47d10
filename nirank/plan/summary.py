"""A plan as plain values, for manifests and pictures: what depends on what, who shares it, what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nirank.algebra.node import Node, Store
from nirank.plan.costs import compute_seconds_alone
from nirank.plan.explain import PlannedNode


def summarise_plan(
    plan: Sequence[PlannedNode], costs: Mapping[str, Mapping[str, Any]], store: Store
) -> list[dict[str, Any]]:
    """Return the computations of a plan and the given data below them, inputs first.

    costs  {address: cost} of what the run computed

    id        address of the node
    label, kind, offline, training  as nodes have them
    inputs    [role, id] of each
    systems   that need it
    found     whether it was there before the run: given data is, and what failed is not
    seconds   what it took without memos, now or when it was computed; None: it failed, or is given
    bytes     of its artifact; None likewise
    """
    given: dict[str, tuple[Node, dict[str, None]]] = {}
    for computation in plan:
        for _, node in computation.node.inputs:
            if node.is_leaf:
                given.setdefault(node.address, (node, {}))[1].update(dict.fromkeys(computation.users))
    summary = [_describe(node, list(users), None, found=True) for node, users in given.values()]
    for computation in plan:
        new_cost = costs.get(computation.node.address)
        cost = new_cost or _find_cost(computation, store)
        found = cost is not None and new_cost is None
        summary.append(_describe(computation.node, computation.users, cost, found=found))
    return summary


def _find_cost(computation: PlannedNode, store: Store) -> Mapping[str, Any] | None:
    """Return what a computation cost when it was computed; None where it failed."""
    artifact = computation.stored or store.find(computation.node)
    return None if artifact is None else artifact.meta["cost"]


def _describe(node: Node, systems: Sequence[str], cost: Mapping[str, Any] | None, *, found: bool) -> dict[str, Any]:
    return {
        "id": node.address,
        "label": node.label,
        "kind": node.kind,
        "inputs": [[role, below.address] for role, below in node.inputs],
        "systems": list(systems),
        "found": found,
        "seconds": None if cost is None else compute_seconds_alone(cost),
        "bytes": None if cost is None else cost["bytes"],
        "offline": node.offline,
        "training": node.training,
    }
