"""Print a plan before it runs: what is computed, what is stored already, what is shared by whom."""

from __future__ import annotations

from collections.abc import Iterable

from nirank.node import Node, Store


def explain(systems: Iterable[tuple[str, Node]], store: Store) -> str:
    """Return the graph as lines, in the order in which nodes would run.

    systems  (name, node) of every ranking that is asked for
    """
    users: dict[str, list[str]] = {}
    deepest: dict[str, Node] = {}
    for name, target in systems:
        for node in target.walk():
            if node.is_leaf:
                continue
            names = users.setdefault(node.address, [])
            if name not in names:
                names.append(name)
            known = deepest.get(node.address)
            if known is None or (known.depth is not None and (node.depth is None or node.depth > known.depth)):
                deepest[node.address] = node
    lines, computed, wanted = [], 0, 0
    for address, node in deepest.items():
        stored = store.find(node) is not None
        computed += not stored
        wanted += len(users[address])
        state = "stored " if stored else "compute"
        depth = "" if node.depth is None else f" to depth {node.depth}"
        lines.append(f"{state}  {address[:12]}  {node.label}{depth}  [{', '.join(users[address])}]")
    lines.append(
        f"{len(deepest)} computations ({wanted} if nothing were shared): {len(deepest) - computed} stored,"
        f" {computed} to compute"
    )
    return "\n".join(lines)
