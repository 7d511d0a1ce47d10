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


def keeps_scores(node: Node) -> bool:
    """Tell whether a node runs a scorer that keeps its scores in a memo."""
    return isinstance(node.stage, Scorer) and node.stage.uses_memo


class JointScoring:
    """Which nodes of a plan run one scorer on the same two sides.

    A node is handed out once: when its pairs are in the memo, it has nothing left to ask of others. So the store is
    asked about each node a fixed number of times, however many lists one scorer scores.
    """

    def __init__(self) -> None:
        self._waiting: dict[Any, dict[Node, tuple[Node, ...]]] = {}

    def add(self, node: Node) -> None:
        """Take note of a node of the plan."""
        if keeps_scores(node):
            scorers = tuple(below for below in node.get_input("list").walk() if keeps_scores(below))
            self._waiting.setdefault(_make_scorer_key(node), {})[node] = scorers

    def take(self, node: Node, is_stored: Callable[[Node], bool]) -> list[Node]:
        """Return the nodes, this one aside, that are to be scored with it; empty where that was done before.

        Those whose list needs a model's scores itself are left for later: their lists cannot be made before.
        """
        waiting = self._waiting.get(_make_scorer_key(node), {}) if keeps_scores(node) else {}
        if waiting.pop(node, None) is None:
            return []
        ready = []
        for other, below in list(waiting.items()):
            if is_stored(other):
                del waiting[other]
            elif all(is_stored(scorer) for scorer in below):
                del waiting[other]
                ready.append(other)
        return ready


def union_heads(lists: Iterable[tuple[Node, Pairs]]) -> Pairs:
    """Return all pairs that some nodes score, given each with its list."""
    heads = (pairs.cut(node.stage.depth) if isinstance(pairs, Ranking) else pairs for node, pairs in lists)
    first, *rest = heads
    return first.union(*rest)


def _make_scorer_key(node: Node) -> tuple[Any, ...]:
    depthless = replace(node.stage, depth=type(node.stage).depth)
    return (depthless, tuple(pair for pair in node.inputs if pair[0] != "list"))
