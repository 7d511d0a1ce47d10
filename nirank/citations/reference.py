"""Reference: one mention of an act in a text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Jurisdiction = Literal["EU", "UK", "CA", ""]


@dataclass(frozen=True)
class Reference:
    """One mention of an act: as written, where, and what it names.

    kind          regulation, directive, decision …; chapter or instrument; celex, eli, uri; title; number
    jurisdiction  '' where the mention alone does not tell
    identifiers   what it may name, the likeliest first; none for a title that only a collection can resolve
    certain       whether the first identifier follows from the text; if not, a collection that has it confirms it
    """

    text: str
    start: int
    end: int
    kind: str
    jurisdiction: Jurisdiction
    identifiers: tuple[str, ...] = ()
    certain: bool = True


def merge_references(*groups: Iterable[Reference]) -> list[Reference]:
    """Return all references in order of appearance; of those that overlap, the one of the earlier group stays."""
    kept: list[Reference] = []
    for group in groups:
        starts = [reference.start for reference in kept]
        added: list[Reference] = []
        for reference in sorted(group, key=lambda reference: (reference.start, -reference.end)):
            place = bisect_left(starts, reference.end)
            before = kept[place - 1] if place else None
            previous = added[-1] if added else None
            if not any(other is not None and other.end > reference.start for other in (before, previous)):
                added.append(reference)
        kept = sorted(kept + added, key=lambda reference: reference.start)
    return kept
