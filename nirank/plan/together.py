"""Scoring together: pairs that several lists want of one scorer are scored in one pass.

A memo spares scoring a pair twice; where reading a document is what costs (late interaction), the
second list's new pairs would still read it again. So all lists of the plan that one scorer is to
score are made first, and their heads are scored as one; each list then finds its scores in the memo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import reduce
from typing import Any

from nirank.node import Node
from nirank.pairs import Pairs
from nirank.ranking import Ranking
from nirank.stage import Scorer


def remembering(node: Node) -> bool:
    """Tell whether a node runs a scorer that keeps its scores in a memo."""
    return isinstance(node.stage, Scorer) and node.stage.remembers


def others(node: Node, planned: Iterable[Node], stored: Callable[[Node], bool]) -> Iterator[Node]:
    """Yield the nodes not stored that score other lists with the same scorer on the same two sides.

    Those whose list needs a model's scores itself are left for later: their lists cannot be made before.
    """
    same = _scorer(node)
    for one in planned:
        if one != node and remembering(one) and _scorer(one) == same and not stored(one):
            below = one.input("list").walk()
            if not any(remembering(each) and not stored(each) for each in below):
                yield one


def heads(lists: Iterable[tuple[Node, Pairs]]) -> Pairs:
    """Return all pairs that some nodes score, given each with its list."""
    cut = (found.cut(node.stage.depth) if isinstance(found, Ranking) else found for node, found in lists)
    return reduce(Pairs.union, cut)


def _scorer(node: Node) -> tuple[Any, ...]:
    depthless = replace(node.stage, depth=type(node.stage).depth)
    return (depthless, tuple(one for one in node.inputs if one[0] != "list"))
