"""What lexical stages need of all ranges of rows together."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nirank.algebra.context import Context
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.base.memory import MemoryNeed, Sizes

if TYPE_CHECKING:
    from nirank.lexical.postings import Fields
    from nirank.lexical.weights import TermCounts

_TOKENS = 200  # of a document, roughly


class Indexer(Protocol):
    """A stage whose documents are indexed."""

    def plan_index(self, sides: Sides) -> Node:
        """Return the node of the documents' index."""
        ...

    def __hash__(self) -> int: ...


def plan_with_statistics(indexer: Indexer, sides: Sides) -> tuple[Node, ...]:
    """Return the index of the documents; where they are one range of rows, the counts of all ranges beside it."""
    if sides.whole is None:
        return (indexer.plan_index(sides),)
    return indexer.plan_index(sides), plan_statistics(indexer, sides.whole)


def plan_statistics(indexer: Indexer, whole: Node) -> Node:
    """Return the node that adds up the counts of the indexes of all ranges, which depend on the documents alone."""
    return _plan_statistics(indexer, whole, whole.ranges)


@lru_cache(maxsize=32)  # every range asks for the same
def _plan_statistics(indexer: Indexer, whole: Node, ranges: tuple[Node, ...]) -> Node:
    indexes = [indexer.plan_index(Sides(whole, rows, whole=whole)) for rows in ranges]

    def estimate_memory(sizes: Sizes) -> MemoryNeed:
        from nirank.lexical.vocabularies import estimate_merging

        terms = 44 * (_TOKENS * sizes.texts) ** 0.49  # of a range, by Heaps' law (see `bm25`)
        return MemoryNeed(estimate_merging(int(terms) * len(indexes)))

    return Node(
        f"{__name__}:gather_statistics",
        1,
        {},
        (*(("index", index) for index in indexes), *(("rows", rows) for rows in ranges)),
        offline=True,
        memory=estimate_memory,
        label=f"counts of the ranges of {whole.label}",
    )


def plan_term_counts(indexer: Indexer, sides: Sides) -> Node:
    """Return what tells how frequent terms are in the documents: their index, or the counts of all ranges."""
    return plan_statistics(indexer, sides.docs) if sides.docs.ranges else indexer.plan_index(sides)


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
