"""From a file's fields to records: what every form has in common."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nirank.records.record import BibliographicRecord, Decision, Fields

_ADDED = re.compile(r"nirank_(?!decision:)(\w+): ?(.*)", re.DOTALL)


class RawRecord(NamedTuple):
    """One record as it stands in a file: where it begins, and everything in it."""

    line: int
    fields: Fields


@dataclass
class MappedFields:
    """What nirank uses of a record's fields.

    ids  what could be its id, the best name first; '' where the record lacks one
    """

    ids: tuple[str, ...] = ()
    title: str = ""
    abstract: str = ""
    keywords: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    date: str = ""
    year: int | None = None
    doi: str = ""
    pmid: str = ""
    language: str = ""
    journal: str = ""
    decisions: tuple[Decision, ...] = ()
    added: Fields = ()


def make_records(
    raws: Iterable[RawRecord], map_fields: Callable[[Fields], MappedFields], findings: Counter[str]
) -> list[BibliographicRecord]:
    """Number the records of a file and map their fields.

    Ids are those of the best name that every record has and no two share; else the records' numbers.
    """
    raws = list(raws)
    mapped = [map_fields(raw.fields) for raw in raws]
    ids = _choose_ids([each.ids for each in mapped], findings)
    return [
        BibliographicRecord(
            number,
            raw.line,
            id,
            raw.fields,
            each.title,
            each.abstract,
            each.keywords,
            each.authors,
            each.date,
            each.year,
            each.doi,
            each.pmid,
            each.language,
            each.journal,
            each.decisions,
            each.added,
        )
        for number, (raw, each, id) in enumerate(zip(raws, mapped, ids, strict=True), 1)
    ]


def _choose_ids(candidates: Sequence[tuple[str, ...]], findings: Counter[str]) -> list[str]:
    for column in zip(*candidates, strict=True):
        if all(column) and len(set(column)) == len(column):
            return list(column)
        filled = [id for id in column if id]
        if filled:
            twice = len(filled) - len(set(filled))
            findings["ids that occur twice, so that they are not used"] += twice
            findings["records without the id that others have, so that it is not used"] += len(column) - len(filled)
    return [str(number) for number in range(1, len(candidates) + 1)]


def parse_added(note: str) -> tuple[str, str] | None:
    """Return name and value of a note in which nirank wrote something (`nirank_rank: 1`), else None."""
    match = _ADDED.fullmatch(note) if note.startswith("nirank_") else None
    return None if match is None else (match[1], match[2])


def flatten(value: str) -> str:
    """Return a value in one line."""
    return " ".join(line for part in value.split("\n") if (line := part.strip())) if "\n" in value else value.strip()


def first_filled(*values: str) -> str:
    """Return the first value that is not blank, flattened."""
    return next((flatten(value) for value in values if value and not value.isspace()), "")


def unique(values: Iterable[str]) -> tuple[str, ...]:
    """Return the values that are not blank, each once."""
    return tuple(dict.fromkeys(value.strip() for value in values if value and not value.isspace()))
