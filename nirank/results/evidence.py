"""Evidence: which passages gave a document its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.node import Node
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts
from nirank.flow.ranking import Ranking
from nirank.plan.parts import Side, sort_by_document

COLUMNS = ("query_id", "doc_id", "rank", "fold", "part_id", "part_score", "text")
_BODY = TextView("text")
_SortedParts = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.floating]]


@dataclass(frozen=True, eq=False)
class FoldedList:
    """What one `fold` of a system folded.

    label   its title
    ranking  of the parts
    parts   the passages of the documents or, by `side`, of the queries
    keep    and top: how the scores of parts became one
    """

    label: str
    ranking: Ranking
    parts: Texts
    side: Side
    keep: str
    top: int | None
    n_docs: int

    @cached_property
    def sorted_parts(self) -> _SortedParts:
        """Keys (query × n_docs + document), part rows and scores; by key, then in text order."""
        return sort_by_document(self.ranking, self.parts, self.side, self.n_docs)

    def find_parts(self, query: int, doc: int) -> list[tuple[int, float]]:
        """Return the parts that count for a document, and their scores, the greatest first; none: not found here.

        The best part under 'max', the first under 'first', and under the others all, or the `top` best.
        """
        keys, parts, scores = self.sorted_parts
        start, end = np.searchsorted(keys, (query * self.n_docs + doc, query * self.n_docs + doc + 1))
        if self.keep == "first":
            end = min(start + 1, end)
        order = start + np.argsort(-scores[start:end], kind="stable")
        most = {"max": 1, "first": 1}.get(self.keep, self.top)
        return [(int(parts[at]), float(scores[at])) for at in order[:most]]


class NodeValues(Protocol):
    """What gives the values of nodes, such as a runner."""

    def get_value(self, node: Node) -> Any:
        """Return what a node gives, opened."""
        ...


def find_folds(node: Node, runner: NodeValues) -> tuple[FoldedList, ...]:
    """Return the folds on the way to a system's ranking that are over its own queries and documents."""
    folds = []
    for fold_node in node.walk():
        if fold_node.task.endswith(".parts:fold") and all(
            fold_node.get_input(role) == node.get_input(role) for role in ("queries", "docs")
        ):
            ranking = runner.get_value(fold_node.get_input("list"))
            parts, docs = runner.get_value(fold_node.get_input("parts")), runner.get_value(fold_node.get_input("docs"))
            params = fold_node.params
            folds.append(
                FoldedList(
                    fold_node.label,
                    ranking,
                    parts,
                    params["side"],
                    params["keep"],
                    params.get("top"),
                    max(len(docs), 1),
                )
            )
    return tuple(folds)


def list_evidence(ranking: Ranking, folds: Sequence[FoldedList], depth: int) -> Iterator[dict[str, Any]]:
    """Yield a row, of `COLUMNS`, for each part behind the first `depth` documents of every query."""
    head = ranking.cut(depth)
    for query, doc, rank in zip(head.query_rows.tolist(), head.rows.tolist(), head.ranks.tolist(), strict=True):
        for fold in folds:
            counted = fold.find_parts(query, doc)
            texts = list(fold.parts.read(_BODY, np.array([part for part, _ in counted], np.int64))) if counted else []
            for (part, score), text in zip(counted, texts, strict=True):
                values = (
                    head.queries[query],
                    head.docs[doc],
                    rank,
                    fold.label,
                    fold.parts.ids[part],
                    score,
                    " ".join(text.split()),
                )
                yield dict(zip(COLUMNS, values, strict=True))
