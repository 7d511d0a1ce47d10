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
from nirank.plan.estimate import PastCosts

_PAIR_BYTES = 64  # of a result's pair while it is made: query, document, score, and what sorts them
_LISTED_PAIR_BYTES = 40  # of a pair that is read: the same, without the sorting
_SMALL = 16 * MIB  # whatever else a computation does

FindValue = Callable[[Node], Any]  # a node's value if it is known, else None


class MemoryEstimator:
    """How much memory computations will take, at the least: blocks in their least size, lists as long as may be.

    find_value  tells what is known of the nodes' values
    workers     processes beside this one, which count too
    past        what such computations took before
    """

    def __init__(self, find_value: FindValue, workers: int = 0, past: PastCosts | None = None) -> None:
        self._find_value, self._workers, self._past = find_value, workers, past or PastCosts()
        self._sizes: dict[Node, Sizes | None] = {}

    def estimate(self, node: Node) -> int | None:
        """Return the bytes that a node takes beside what the process holds; None: its inputs are not known yet."""
        expected = self.estimate_from_sizes(node)
        return None if expected is None else self._past.correct_memory(node, expected)

    def estimate_from_sizes(self, node: Node) -> int | None:
        """Return the same, as the sizes of its inputs and its stage say."""
        sizes = self.find_sizes(node)
        if sizes is None:
            return None
        need = MemoryNeed() if node.memory is None else node.memory(sizes)
        lists = _PAIR_BYTES * sizes.result_pairs + _LISTED_PAIR_BYTES * (sizes.listed_pairs + sizes.scoped_pairs)
        return _SMALL + need.main + self._workers * need.worker + lists

    def find_sizes(self, node: Node) -> Sizes | None:
        """Return how much a node works on, at most; None where an input is not known yet."""
        if node not in self._sizes:
            self._sizes[node] = self._measure_inputs(node)
        return self._sizes[node]

    def _measure_inputs(self, node: Node) -> Sizes | None:
        rows: dict[str, int] = {}
        n_bytes: dict[str, int] = {}
        listed: list[int] = []
        scoped = 0
        for role, below in node.inputs:
            if role in ("queries", "docs", "texts", "whole"):
                texts = self._find_value(below)
                if not isinstance(texts, Texts):
                    return None
                rows["texts" if role == "whole" else role] = len(texts)
                n_bytes["texts" if role == "whole" else role] = sum(column.nbytes for column in texts.columns.values())
            elif role == "list":
                n = self._count_pairs(below)
                if n is None:
                    return None
                listed.append(n)
            elif below.kind == "folder":  # an index of texts, of which there are as many as there were
                index = self.find_sizes(below)
                if index is None:
                    return None
                rows.setdefault("texts", index.texts)
            elif below.kind in ("ranking", "pairs"):
                n = self._count_pairs(below)
                if n is None:
                    return None
                scoped += n
            elif isinstance(scope := self._find_value(below), Scope):
                scoped += sum(len(pairs) for pairs in (scope.pairs, scope.excluded) if pairs is not None)
        sizes = Sizes(
            queries=rows.get("queries", 0),
            docs=rows.get("docs", 0),
            texts=rows.get("texts", 0),
            query_bytes=n_bytes.get("queries", 0),
            doc_bytes=n_bytes.get("docs", 0),
            text_bytes=n_bytes.get("texts", 0),
            listed_pairs=sum(listed),
            scoped_pairs=scoped,
        )
        return (
            sizes._replace(result_pairs=self._limit_pairs(node, sizes)) if node.kind in ("ranking", "pairs") else sizes
        )

    def _count_pairs(self, node: Node) -> int | None:
        """Return how many pairs a list has, at most."""
        pairs = self._find_value(node)
        if pairs is not None:
            return len(pairs)
        sizes = self.find_sizes(node)
        return None if sizes is None else sizes.result_pairs

    def _limit_pairs(self, node: Node, sizes: Sizes) -> int:
        """Return how many pairs a node gives at most: what it says, or its lists; within depth and scopes."""
        most = [sizes.queries * sizes.docs]
        if node.max_pairs is not None:
            most.append(node.max_pairs(sizes))
        elif any(role == "list" for role, _ in node.inputs):
            most.append(sizes.listed_pairs)
        if node.depth is not None:
            most.append(sizes.queries * node.depth)
        for role, below in node.inputs:
            scope = self._find_value(below) if role == "scope" else None
            allowed = scope.pairs if isinstance(scope, Scope) else scope
            if isinstance(allowed, Pairs):
                most.append(len(allowed))
        return min(most)


def refuse_over_ceiling(needs: Iterable[tuple[Node, int | None]], most: int) -> None:
    """Raise ConfigError, naming the one that needs most, if the process would hold more than so many bytes.

    needs  nodes, and what the process would hold meanwhile; None: not known yet
    """
    over = [(need, node) for node, need in needs if need is not None and need > most]
    if over:
        need, node = max(over, key=lambda pair: pair[0])
        more = f"; {len(over) - 1} more would not fit either" if len(over) > 1 else ""
        raise ConfigError(f"max_memory {format_size(most)}: {describe_need(node, need)}{more}")


def describe_need(node: Node, need: int) -> str:
    """Return how much a node needs, in words."""
    return (
        f"'{node.label}' would need about {format_size(need)}, {format_size(measure_process_memory())} of which"
        " this process holds already; allow that much, or make its lists, model or index smaller"
    )
