"""Rows by what they are measured on: those of one collection, split and judgement set stand in one table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from nirank.results.row import Row


class JudgedSplit(NamedTuple):
    """What the rows of one table have in common; None where a collection has no splits, or no judgements."""

    collection: str
    split: str | None
    qrels: str | None

    @property
    def title(self) -> str:
        """Its parts, with blanks between them."""
        return " ".join(filter(None, self))


def group_rows(rows: Iterable[Row]) -> dict[JudgedSplit, list[Row]]:
    """Return the rows of each collection, split and judgement set, in their order."""
    groups: dict[JudgedSplit, list[Row]] = {}
    for row in rows:
        groups.setdefault(JudgedSplit(row.collection, row.split, row.qrels), []).append(row)
    return groups


def title_groups(keys: Iterable[JudgedSplit]) -> dict[JudgedSplit, str]:
    """Return what each table is called, in configurations too: `scifact/test`, and where a split has several judgement
    sets `sysrev/test (abstract)`.
    """
    known = list(keys)
    n_sets = Counter(key[:2] for key in known)
    return {
        key: key.collection
        + (f"/{key.split}" if key.split else "")
        + (f" ({key.qrels})" if n_sets[key[:2]] > 1 and key.qrels else "")
        for key in known
    }
