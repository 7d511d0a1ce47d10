"""What lexical stages need of all ranges of rows together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nirank.algebra.context import Context
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.base.memory import MemoryNeed, Sizes

if TYPE_CHECKING:
    from nirank.lexical.postings import Fields
    from nirank.lexical.weights import TermCounts

_A_TERM = 150  # bytes of a term of a range, and of the vocabulary that is merged
_TOKENS = 200  # of a document, roughly

PlanIndex = Callable[[Sides], Node]


def plan_with_statistics(plan_index: PlanIndex, sides: Sides) -> tuple[Node, ...]:
    """Return the index of the documents; where they are one range of rows, the counts of all ranges beside it.

    plan_index  plans the index of the documents of some sides
    """
    if sides.whole is None:
        return (plan_index(sides),)
    return plan_index(sides), plan_statistics(plan_index, sides, sides.whole)


def plan_statistics(plan_index: PlanIndex, sides: Sides, whole: Node) -> Node:
    """Return the node that adds up the counts of the indexes of all ranges."""
    indexes = [plan_index(replace(sides, docs=rows)) for rows in whole.ranges]

    def estimate_memory(sizes: Sizes) -> MemoryNeed:
        terms = 44 * (_TOKENS * sizes.texts) ** 0.49  # of a range, by Heaps' law (see `bm25`)
        return MemoryNeed(int(_A_TERM * terms) * len(indexes))

    return Node(
        f"{__name__}:gather_statistics",
        1,
        {},
        (*(("index", index) for index in indexes), *(("rows", rows) for rows in whole.ranges)),
        offline=True,
        memory=estimate_memory,
        label=f"counts of the ranges of {whole.label}",
    )


def plan_term_counts(plan_index: PlanIndex, sides: Sides) -> Node:
    """Return what tells how frequent terms are in the documents: their index, or the counts of all ranges."""
    return plan_statistics(plan_index, sides, sides.docs) if sides.docs.ranges else plan_index(sides)


def open_term_counts(folder: Path) -> TermCounts:
    """Return the counts of the only field of what `plan_term_counts` planned."""
    from nirank.lexical.postings import open_fields
    from nirank.lexical.range_statistics import RangeStatistics, holds_statistics

    return RangeStatistics.open(folder).fields[""] if holds_statistics(folder) else open_fields(folder)[""]


def gather_statistics(job: Job) -> None:
    """Add up the counts of the ranges' indexes; a range goes by its content's digest."""
    from nirank.lexical.postings import open_fields
    from nirank.lexical.range_statistics import gather_statistics

    names = [rows.digest for rows in job.inputs["rows"]]
    fields = [open_fields(folder) for folder in job.inputs["index"]]
    gather_statistics(dict(zip(names, fields, strict=True)), job.folder)


def open_fields_with_statistics(ctx: Context) -> Fields:
    """Return the fields of what `plan_with_statistics` planned, counted over all ranges."""
    from nirank.lexical.postings import open_fields
    from nirank.lexical.range_statistics import RangeStatistics

    fields = open_fields(ctx.input_folder(0))
    if len(ctx.inputs) == 1:
        return fields
    assert ctx.docs is not None
    return RangeStatistics.open(ctx.input_folder(1)).replace_counts(fields, ctx.docs.digest)
