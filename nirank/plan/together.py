"""Scoring together: pairs that several lists want of one scorer are scored in one pass.

A memo spares scoring a pair twice; where reading a document is what costs (late interaction), the
second list's new pairs would still read it again. So all lists of the plan that one scorer is to
score are made first, and their heads are scored as one; each list then finds its scores in the memo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from nirank.algebra.node import Node
from nirank.algebra.stage import Scorer
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking


def remembering(node: Node) -> bool:
    """Tell whether a node runs a scorer that keeps its scores in a memo."""
    return isinstance(node.stage, Scorer) and node.stage.uses_memo


class Together:
    """Which nodes of a plan run one scorer on the same two sides.

    A node is handed out once: when its pairs are in the memo, it has nothing left to ask of others. So the store is
    asked about each node a fixed number of times, however many lists one scorer scores.
    """

    def __init__(self) -> None:
        self._waiting: dict[Any, dict[Node, tuple[Node, ...]]] = {}

    def add(self, node: Node) -> None:
        """Take note of a node of the plan."""
        if remembering(node):
            below = tuple(one for one in node.get_input("list").walk() if remembering(one))
            self._waiting.setdefault(_scorer(node), {})[node] = below

    def take(self, node: Node, stored: Callable[[Node], bool]) -> list[Node]:
        """Return the nodes, this one aside, that are to be scored with it; empty where that was done before.

        Those whose list needs a model's scores itself are left for later: their lists cannot be made before.
        """
        waiting = self._waiting.get(_scorer(node), {}) if remembering(node) else {}
        if waiting.pop(node, None) is None:
            return []
        ready = []
        for one, below in list(waiting.items()):
            if stored(one):
                del waiting[one]
            elif all(stored(each) for each in below):
                del waiting[one]
                ready.append(one)
        return ready


def heads(lists: Iterable[tuple[Node, Pairs]]) -> Pairs:
    """Return all pairs that some nodes score, given each with its list."""
    cut = (found.cut(node.stage.depth) if isinstance(found, Ranking) else found for node, found in lists)
    first, *others = cut
    return first.union(*others)


def _scorer(node: Node) -> tuple[Any, ...]:
    depthless = replace(node.stage, depth=type(node.stage).depth)
    return (depthless, tuple(one for one in node.inputs if one[0] != "list"))
