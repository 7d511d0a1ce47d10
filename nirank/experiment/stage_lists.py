"""The lists on a system's way to its own: which there are, and of which lists each was made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from nirank.algebra.node import Node
from nirank.algebra.stage import Scorer
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.plan.execute import Runner


class ListNode(NamedTuple):
    """A list that a stage gives, or the beginning of one that a scorer reads.

    label    of the stage
    node     whose value it is
    depth    how much of the node's list; None: all
    sources  places of the lists that it was made of
    """

    label: str
    node: Node
    depth: int | None
    sources: tuple[int, ...]

    def read(self, runner: Runner) -> Pairs:
        """Return the list, from the store."""
        pairs: Pairs = runner.get_value(self.node)
        return pairs.cut(self.depth) if self.depth is not None and isinstance(pairs, Ranking) else pairs


def list_stage_lists(target: Node, runner: Runner) -> tuple[ListNode, ...]:
    """Return the lists of a system's queries in the collection's documents, in the order in which they come to be.

    Lists of passages, of a fold's queries and of training are no lists of the system.
    """
    lists: list[ListNode] = []
    places: dict[Node, int] = {}
    sides = {(role, target.get_input(role)) for role in ("queries", "docs")}
    for node in target.walk(lambda node: not node.training):
        of_both_sides = sides <= set(node.inputs)
        if node.is_leaf or node.kind not in ("ranking", "pairs") or not of_both_sides:
            continue
        sources = tuple(dict.fromkeys(_find_sources(node, places)))
        if isinstance(node.stage, Scorer):
            read = node.get_input("list")
            if isinstance(runner.get_value(read), Ranking):
                lists.append(ListNode(f"first {node.stage.depth} for {node.label}", read, node.stage.depth, sources))
                sources = (len(lists) - 1,)
        places[node] = len(lists)
        lists.append(ListNode(node.label, node, None, sources))
    return tuple(lists)


def _find_sources(node: Node, places: dict[Node, int]) -> Iterator[int]:
    """Yield the places of the nearest lists below a node."""
    for _, below in node.inputs:
        if below in places:
            yield places[below]
        elif not below.training:
            yield from _find_sources(below, places)
