"""From a retriever over documents in ranges of rows to a search of each range, and the list that they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nirank.algebra.node import RANGE, Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Retriever
from nirank.base.memory import MemoryNeed, Sizes
from nirank.plan.stage_nodes import list_sides, list_stage_inputs

RANGES = "nirank.plan.ranges"
_A_PAIR = 40  # bytes of a pair of a list while those of a range are taken


def has_ranges(retriever: Retriever, sides: Sides) -> bool:
    """Tell whether a retriever searches these documents by ranges of rows."""
    by_ranges: bool = vars(type(retriever)).get("by_ranges", False)  # a subclass may need all documents at once
    return by_ranges and retriever.gives == "ranking" and bool(sides.docs.ranges)


def compile_ranges(retriever: Retriever, sides: Sides, depth: int | None, params: Mapping[str, Any]) -> Node:
    """Return the node that makes one list of a retriever's searches of all ranges.

    params  what the output depends on beside the stage
    """
    searches = [_compile_search(retriever, sides, rows, depth, params) for rows in sides.docs.ranges]
    inputs = (
        *list_sides(sides),
        *(("rows", rows) for rows in sides.docs.ranges),
        *((RANGE, search) for search in searches),
        *(("scope", node) for node in sides.scope),
    )
    return Node(
        f"{RANGES}:merge",
        1,
        {},
        inputs,
        depth=depth,
        kind="ranking",
        max_pairs=retriever.estimate_pairs,
        label=retriever.title,
    )


def _compile_search(
    retriever: Retriever, sides: Sides, rows: Node, depth: int | None, params: Mapping[str, Any]
) -> Node:
    scope = tuple(_take_range(node, sides, rows) for node in sides.scope)
    part = replace(sides, docs=rows, scope=scope, whole=sides.docs)
    inputs = (*list_sides(part), *list_stage_inputs(retriever, part), *(("scope", node) for node in scope))
    return Node(
        f"{RANGES}:search_range",
        1,
        {"stage": retriever.describe_identity(), **params},
        inputs,
        depth=depth,
        memory=retriever.estimate_memory,
        stage=retriever,
        label=f"{retriever.title} in {rows.label}",
        movable=True,
    )


def _take_range(scope: Node, sides: Sides, rows: Node) -> Node:
    """Return the node of what a scope, or a list, says of one range."""
    is_list = scope.kind != "scope"
    inputs = (
        ("queries", sides.queries),
        ("docs", rows),
        ("whole", sides.docs),
        ("list" if is_list else "scope", scope),
    )
    return Node(
        f"{RANGES}:{'take_list' if is_list else 'take_scope'}",
        1,
        {},
        inputs,
        kind="pairs" if is_list else "scope",
        memory=_estimate_memory,
        label=f"{scope.label} in {rows.label}",
    )


def _estimate_memory(sizes: Sizes) -> MemoryNeed:
    return MemoryNeed(_A_PAIR * (sizes.listed_pairs + sizes.scoped_pairs))
