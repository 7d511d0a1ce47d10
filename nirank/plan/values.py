"""How the value of each kind of node is opened again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nirank.algebra.node import Node, NodeKind
from nirank.collections.texts import Texts
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope

_PAIRED: Mapping[NodeKind, type[Pairs] | type[Scope] | type[Qrels]] = {
    "ranking": Ranking,
    "pairs": Pairs,
    "scope": Scope,
    "judgements": Qrels,
}


def open_value(node: Node, folder: Path, value_of: Callable[[Node], Any]) -> Any:
    """Return what a node's artifact holds, memory-mapped.

    value_of  gives the values of inputs; lists, scopes and judgements are over the node's `queries` and `docs`
    """
    if node.kind == "texts":
        return Texts.open(folder)
    if node.kind in _PAIRED:
        queries, docs = value_of(node.get_input("queries")), value_of(node.get_input("docs"))
        value = _PAIRED[node.kind].open(folder, queries.ids, docs.ids)
        if isinstance(value, Ranking) and node.depth is not None:
            return value.cut(node.depth)
        return value
    return folder
