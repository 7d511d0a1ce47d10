"""Audit: what is wrong or odd about a collection, as values, before any number is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from nirank.collections.collection import Collection


@dataclass(frozen=True)
class Finding:
    """One thing that the audit found.

    code      stable name, such as 'duplicate-id'
    severity  'error' stops a run, 'warning' may move numbers, 'note' is good to know
    count     how many records are concerned
    message   one sentence
    examples  up to three, with where they are
    """

    code: str
    severity: Literal["error", "warning", "note"]
    count: int
    message: str
    examples: tuple[str, ...] = ()


def audit(collection: Collection) -> tuple[Finding, ...]:
    """Return what is wrong or odd about a collection."""
    return ()
