"""Queries that are documents of the corpus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nirank.collections.audit.finding import SHOWN, Finding

if TYPE_CHECKING:
    from nirank.collections.collection import Collection
    from nirank.collections.texts import Texts


def own_findings(collection: Collection) -> Iterator[Finding]:
    """Suggest a self-match rule where id and text agree, or tell how many queries the given rule misses."""
    if not len(collection.docs) or not len(collection.queries):
        return
    if collection.self_match != "keep":
        own = collection.own_documents()
        missed = np.flatnonzero(own < 0) if own is not None else np.empty(0, np.int64)
        if len(missed):
            message = f"self_match finds no document for {len(missed):,} of {len(collection.queries):,} queries"
            examples = tuple(collection.queries.ids.take(missed[:SHOWN]))
            yield Finding("self-match-missed", "warning", len(missed), message, examples)
        return
    rules = {rule: _same_text(collection, collection.docs.ids.rows(ids)) for rule, ids in _namings(collection.queries)}
    named: NDArray[np.int64] = max(rules.values(), key=len)
    if len(named):
        fitting = " or ".join(rule for rule, same in rules.items() if len(same) == len(named))
        message = (
            f"{len(named):,} of {len(collection.queries):,} queries are documents of the corpus, same id and text;"
            f" consider self_match: {fitting}"
        )
        yield Finding("self-match", "warning", len(named), message, tuple(collection.queries.ids.take(named[:SHOWN])))
    prints = np.asarray(collection.queries.fingerprints)
    copied = np.flatnonzero((prints != 0) & np.isin(prints, collection.docs.fingerprints))
    copied = np.setdiff1d(copied, named)
    if len(copied):
        message = f"{len(copied):,} queries have the text of a document under another id"
        examples = tuple(collection.queries.ids.take(copied[:SHOWN]))
        yield Finding("query-is-a-text", "note", len(copied), message, examples)


def _namings(queries: Texts) -> Iterator[tuple[str, list[str]]]:
    """Yield the ways in which queries may name documents: by their ids, or by a metadata key."""
    yield "id", list(queries.ids)
    for key, value in queries[0].get("metadata", {}).items():
        if isinstance(value, str):
            yield f"{{key: {key}}}", [str(one) for one in queries.metadata(key)]


def _same_text(collection: Collection, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the query rows whose text is that of the document in `rows`."""
    asked = np.asarray(collection.queries.fingerprints)
    at = np.flatnonzero((rows >= 0) & (asked != 0))
    same: NDArray[np.int64] = at[asked[at] == np.asarray(collection.docs.fingerprints)[rows[at]]]
    return same
