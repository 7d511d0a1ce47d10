"""How much memory a computation will need: known before it starts, from sizes of inputs and what its stage says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from nirank.algebra.node import Node
from nirank.base.amounts import format_size
from nirank.base.memory import MIB, MemoryNeed, Sizes, measure_process_memory
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs
from nirank.flow.scope import Scope

_A_PAIR = 64  # bytes of a result's pair while it is made: query, document, score, and what sorts them
_A_LISTED = 40  # bytes of a pair that is read: the same, without the sorting
_SMALL = 16 * MIB  # whatever else a computation does

Value = Callable[[Node], Any]  # a node's value if it is known, else None
Known = dict[Node, Sizes | None]  # sizes of nodes, each found once


def needed(
    node: Node, value: Value, workers: int = 0, base: int | None = None, known: Known | None = None
) -> int | None:
    """Return the bytes that a run holds while it computes a node, at the least; None: its inputs are not known yet.

    Blocks count in their least size; lists, of which the longest possible is assumed, in full.

    workers  processes beside this one, which count too
    base     what the process held when it began; None: now
    known    sizes that were found with the same `value`; those that are found are added
    """
    sizes = sizes_of(node, value, known)
    if sizes is None:
        return None
    own = MemoryNeed() if node.memory is None else node.memory(sizes)
    base = measure_process_memory() if base is None else base
    lists = _A_PAIR * sizes.result_pairs + _A_LISTED * (sizes.listed_pairs + sizes.scoped_pairs)
    return base + _SMALL + own.main + workers * own.worker + lists


def refuse(nodes: Iterable[Node], value: Value, most: int, workers: int = 0) -> None:
    """Raise ConfigError, naming the one that needs most, if a node needs more than so many bytes."""
    known: Known = {}
    needs = ((needed(node, value, workers, known=known), node) for node in nodes)
    found = [(need, node) for need, node in needs if need is not None and need > most]
    if found:
        need, node = max(found, key=lambda one: one[0])
        others = f"; {len(found) - 1} more would not fit either" if len(found) > 1 else ""
        raise ConfigError(f"max_memory {format_size(most)}: {told(node, need)}{others}")


def told(node: Node, need: int) -> str:
    """Return how much a node needs, in words."""
    return (
        f"'{node.label}' would need about {format_size(need)}, {format_size(measure_process_memory())} of which"
        " this process holds already; allow that much, or make its lists, model or index smaller"
    )


def sizes_of(node: Node, value: Value, known: Known | None = None) -> Sizes | None:
    """Return how much a node works on, at most; None where an input is not known yet.

    known  as in `needed`
    """
    known = {} if known is None else known
    if node not in known:
        known[node] = _sizes_of(node, value, known)
    return known[node]


def _sizes_of(node: Node, value: Value, known: Known) -> Sizes | None:
    rows: dict[str, int] = {}
    sizes: dict[str, int] = {}
    listed: list[int] = []
    scoped = 0
    for role, below in node.inputs:
        if role in ("queries", "docs", "texts", "whole"):
            texts = value(below)
            if not isinstance(texts, Texts):
                return None
            rows["texts" if role == "whole" else role] = len(texts)
            sizes["texts" if role == "whole" else role] = sum(one.nbytes for one in texts.columns.values())
        elif role == "list":
            n = _pairs(below, value, known)
            if n is None:
                return None
            listed.append(n)
        elif below.kind == "folder":  # an index of texts, of which there are as many as there were
            made = sizes_of(below, value, known)
            if made is None:
                return None
            rows.setdefault("texts", made.texts)
        elif below.kind in ("ranking", "pairs"):
            n = _pairs(below, value, known)
            if n is None:
                return None
            scoped += n
        elif isinstance(scope := value(below), Scope):
            scoped += sum(len(pairs) for pairs in (scope.pairs, scope.excluded) if pairs is not None)
    found = Sizes(
        queries=rows.get("queries", 0),
        docs=rows.get("docs", 0),
        texts=rows.get("texts", 0),
        query_bytes=sizes.get("queries", 0),
        doc_bytes=sizes.get("docs", 0),
        text_bytes=sizes.get("texts", 0),
        listed_pairs=sum(listed),
        scoped_pairs=scoped,
    )
    return found._replace(result_pairs=_most_pairs(node, found, value)) if node.kind in ("ranking", "pairs") else found


def _pairs(node: Node, value: Value, known: Known) -> int | None:
    there = value(node)
    if there is not None:
        return len(there)
    sizes = sizes_of(node, value, known)
    return None if sizes is None else sizes.result_pairs


def _most_pairs(node: Node, sizes: Sizes, value: Value) -> int:
    """Return how many pairs a node can give: what it says, else those of its lists; within depth and listed scopes."""
    most = [sizes.queries * sizes.docs]
    if node.max_pairs is not None:
        most.append(node.max_pairs(sizes))
    elif any(role == "list" for role, _ in node.inputs):
        most.append(sizes.listed_pairs)
    if node.depth is not None:
        most.append(sizes.queries * node.depth)
    for role, below in node.inputs:
        scope = value(below) if role == "scope" else None
        allowed = scope.pairs if isinstance(scope, Scope) else scope
        if isinstance(allowed, Pairs):
            most.append(len(allowed))
    return min(most)
