"""What stages have in common that give candidate pairs without scores: no depth, and everything left out is counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.pipeline import Flow
from nirank.algebra.stage import Read, Retriever, stage
from nirank.base.memory import Sizes
from nirank.blocking.join import join
from nirank.blocking.keys import RecordKeys
from nirank.blocking.purging import PurgeCounts, purge_buckets
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs
from nirank.flow.scope import Scope

SIDES: tuple[Read, Read] = ("queries", "docs")


@stage
class Blocker(Retriever):
    """Gives each query the documents that share a block with it: pairs, without scores or order.

    Behind it a retriever or scorer works within these pairs: `MinHash() >> Dense("model")`.
    """

    gives: ClassVar[Flow] = "pairs"

    def check(self) -> None:
        check_unranked(self)

    def make_keys(self, queries: Texts, docs: Texts, *, same_side: bool) -> tuple[RecordKeys, RecordKeys] | None:
        """Return both sides' blocking keys, which say before anything is compared how many pairs there would be.

        None: this blocker has no keys.
        """
        return None

    @property
    def purging(self) -> Mapping[str, Any]:
        """What `purge_buckets` is told."""
        return {"smoothing": None, "ratio": None}

    def describe_conventions(self) -> Mapping[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "k" and value is not None}


def check_unranked(blocker: Retriever) -> None:
    """Raise ConfigError for a depth: pairs have no order in which they could be cut."""
    if blocker.k is not None:
        raise ConfigError(f"{blocker.name}: gives pairs without order, so k cannot cut them; rank them first")


def is_one_table(queries: Texts, docs: Texts, scope: Scope) -> bool:
    """Tell whether both sides are the same records, none of which may pair with itself.

    Two tables can have equal records and ids as well; their own documents are not out of scope.
    """
    if scope.own_rows is None or not np.array_equal(scope.own_rows, np.arange(len(docs))):
        return False
    return queries is docs or queries.digest == docs.digest


def limit_bucket_pairs(sizes: Sizes, query_keys: int, doc_keys: int, most: int | None) -> int:
    """Return how many pairs buckets can make at most, whatever is in them.

    query_keys, doc_keys  keys that the records of a side have together, at most
    most                  records in a bucket: each key of a record pairs it with one fewer; None: any number
    """
    possible = sizes.queries * sizes.docs
    return possible if most is None else min(possible, min(query_keys, doc_keys) * (most - 1))


def join_blocks(
    queries: RecordKeys,
    docs: RecordKeys,
    scope: Scope,
    ctx: Context,
    *,
    same_side: bool,
    smoothing: float | None = None,
    ratio: float | None = None,
    most: int | None = None,
) -> Pairs:
    """Purge, join, and say on the row how many blocks there were and what was left out."""
    purged_queries, purged_docs, counts = purge_buckets(
        queries, docs, same_side=same_side, smoothing=smoothing, ratio=ratio, most=most
    )
    pairs = join(purged_queries, purged_docs, scope)
    state_blocks(counts, ctx)
    count_lost_records(pairs, ctx)
    return pairs


def state_blocks(counts: PurgeCounts, ctx: Context) -> None:
    """State how many blocks and comparisons there were, and what was left out."""
    ctx.declare("blocks", counts.buckets)
    ctx.declare("comparisons", counts.comparisons)
    ctx.declare("kept_comparisons", counts.kept_comparisons)
    ctx.declare("largest_block", counts.largest)
    ctx.count("purged_blocks", counts.purged_buckets)


def count_lost_records(pairs: Pairs, ctx: Context) -> None:
    """Count the records of either side that no pair holds."""
    queries, documents = pairs.count_unpaired()
    ctx.count("queries_without_pair", queries)
    ctx.count("documents_without_pair", documents)
