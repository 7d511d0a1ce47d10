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
    for first, second in combinations(collection.qrels.values(), 2):
        yield from _audit_pairs(collection, first, second)
        judged_once = np.flatnonzero((first.counts > 0) != (second.counts > 0))
        if len(judged_once):
            message = (
                f"{len(judged_once):,} queries are judged in only one of {first.name} and {second.name}; their means"
                " differ"
            )
            examples = tuple(collection.queries.ids.take(judged_once[:MAX_EXAMPLES]))
            yield Finding("sets-judge-other-queries", "note", len(judged_once), message, examples)


def _audit_pairs(collection: CollectionData, first: Qrels, second: Qrels) -> Iterator[Finding]:
    judged = np.flatnonzero(first.rows >= 0)
    second_places = second.find_positions(first.query_rows[judged], first.rows[judged])
    judged, second_places = judged[second_places >= 0], second_places[second_places >= 0]
    first_relevant, second_relevant = (
        first.grades[judged] >= first.min_rel,
        second.grades[second_places] >= second.min_rel,
    )
    different = judged[first_relevant != second_relevant]
    if len(different):
        examples = tuple(
            f"{first.queries[first.query_rows[at]]} {collection.docs.ids[first.rows[at]]}"
            for at in different[:MAX_EXAMPLES].tolist()
        )
        message = (
            f"{len(different):,} of {len(judged):,} pairs that {first.name} and {second.name} both judge are relevant"
            " in one"
            " of them only"
        )
        yield Finding("sets-disagree", "note", len(different), message, examples)
