"""What several judgement sets of one collection say of each other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from nirank.collections.collection_data import CollectionData
from nirank.collections.findings import MAX_EXAMPLES, Finding
from nirank.flow.qrels import Qrels


def audit_judgement_sets(collection: CollectionData) -> Iterator[Finding]:
    """Yield where two judgement sets disagree about a pair, or judge other queries."""
    for one, other in combinations(collection.qrels.values(), 2):
        yield from _pairs(collection, one, other)
        lone = np.flatnonzero((one.counts > 0) != (other.counts > 0))
        if len(lone):
            message = f"{len(lone):,} queries are judged in only one of {one.name} and {other.name}; their means differ"
            examples = tuple(collection.queries.ids.take(lone[:MAX_EXAMPLES]))
            yield Finding("sets-judge-other-queries", "note", len(lone), message, examples)


def _pairs(collection: CollectionData, one: Qrels, other: Qrels) -> Iterator[Finding]:
    mine = np.flatnonzero(one.rows >= 0)
    places = other.find_positions(one.query_rows[mine], one.rows[mine])
    mine, places = mine[places >= 0], places[places >= 0]
    here, there = one.grades[mine] >= one.min_rel, other.grades[places] >= other.min_rel
    differ = mine[here != there]
    if len(differ):
        examples = tuple(
            f"{one.queries[one.query_rows[at]]} {collection.docs.ids[one.rows[at]]}"
            for at in differ[:MAX_EXAMPLES].tolist()
        )
        message = (
            f"{len(differ):,} of {len(mine):,} pairs that {one.name} and {other.name} both judge are relevant in one"
            " of them only"
        )
        yield Finding("sets-disagree", "note", len(differ), message, examples)
