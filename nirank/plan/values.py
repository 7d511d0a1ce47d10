"""How the value of each kind of node is opened again: here, or in a process that is told where it lies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nirank.algebra.node import Node, NodeKind
from nirank.collections.text_rows import TextRows
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
        return _open_paired(node.kind, folder, queries, docs, node.depth)
    return folder


@dataclass(frozen=True)
class PlacedValue:
    """Where a value lies, for another process.

    place          a folder, or rows of texts
    queries, docs  of lists, scopes and judgements: what they are over
    """

    kind: NodeKind
    place: Path | TextRows
    depth: int | None = None
    queries: TextRows | None = None
    docs: TextRows | None = None

    def open(self, open_texts: Callable[[TextRows], Texts]) -> Any:
        """Return the value, memory-mapped.

        open_texts  opens texts, the same ones once
        """
        if isinstance(self.place, TextRows):
            return open_texts(self.place)
        if self.queries is None or self.docs is None:
            return self.place
        return _open_paired(self.kind, self.place, open_texts(self.queries), open_texts(self.docs), self.depth)


def find_place(
    node: Node, value: Any, find_folder: Callable[[Node], Path], find_rows: Callable[[Node], TextRows]
) -> PlacedValue | None:
    """Return where a node's value lies; None for what lies nowhere: given judgements, scopes and lists.

    find_folder  gives the folder of a computation's artifact
    find_rows    gives the rows of texts, given or computed
    """
    if isinstance(value, Texts):
        return PlacedValue("texts", find_rows(node))
    if node.is_leaf:
        return None
    if node.kind in _PAIRED:
        over = (find_rows(node.get_input(side)) for side in ("queries", "docs"))
        return PlacedValue(node.kind, find_folder(node), node.depth, *over)
    return PlacedValue(node.kind, find_folder(node))


def _open_paired(kind: NodeKind, folder: Path, queries: Texts, docs: Texts, depth: int | None) -> Any:
    value = _PAIRED[kind].open(folder, queries.ids, docs.ids)
    return value.cut(depth) if isinstance(value, Ranking) and depth is not None else value
