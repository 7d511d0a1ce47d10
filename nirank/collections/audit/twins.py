"""Equal texts under several ids, and whether they are judged alike; equal ones under other titles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nirank.collections.collection_data import CollectionData
from nirank.collections.findings import MAX_EXAMPLES, Finding
from nirank.collections.twins import find_unequal_groups, group_twins


def audit_twins(collection: CollectionData) -> Iterator[Finding]:
    """Yield the groups of documents with the same text, and those whose members are judged differently."""
    yield from _audit_twin_bodies(collection)
    groups = collection.twin_groups
    later = np.flatnonzero(groups != np.arange(len(groups)))
    if not len(later):
        return
    ids, twin_groups = collection.docs.ids, np.unique(groups[later])
    members = len(later) + len(twin_groups)
    examples = tuple(
        " = ".join(ids.take(np.flatnonzero(groups == first)[:MAX_EXAMPLES]))
        for first in twin_groups[:MAX_EXAMPLES].tolist()
    )
    message = f"{members:,} documents share their text with another one, in {len(twin_groups):,} groups"
    yield Finding("twin-documents", "note", members, message, examples)
    for qrels in collection.qrels.values():
        unequal = find_unequal_groups(qrels, groups)
        if len(unequal):
            message = (
                f"{qrels.name}: {len(unequal):,} of the {len(twin_groups):,} groups of equal texts are judged"
                " differently;"
                " rows also show measures where twins share labels"
            )
            examples = tuple(ids.take(unequal[:MAX_EXAMPLES]))
            yield Finding("twins-judged-differently", "warning", len(unequal), message, examples)


def _audit_twin_bodies(collection: CollectionData) -> Iterator[Finding]:
    """Yield the documents with the text of another one under another title, such as an act and its consolidation."""
    bodies = group_twins(np.asarray(collection.docs.body_fingerprints))
    others = np.flatnonzero(collection.twin_groups != collection.twin_groups[bodies])
    if not len(others):
        return
    members = len(np.unique(np.concatenate((others, bodies[others]))))
    ids = collection.docs.ids
    examples = tuple(f"{ids[bodies[row]]} = {ids[row]}" for row in others[:MAX_EXAMPLES].tolist())
    message = f"{members:,} documents have the text of another one under another title"
    yield Finding("twin-bodies", "note", members, message, examples)
