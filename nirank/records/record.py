"""Records as files of databases and reviewing tools have them: all fields as written, those that nirank uses beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Verdict = Literal["included", "excluded", "maybe", "not_seen"]
Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Decision:
    """What one reviewer decided of a record.

    reviewer  "" where the file names none
    prior     known before the review began
    reason    why, in the reviewer's words
    """

    verdict: Verdict
    reviewer: str = ""
    prior: bool = False
    reason: str = ""


@dataclass(frozen=True)
class BibliographicRecord:
    """One record of a file.

    number     its position in the file, from 1
    line       where it begins, from 1; its row where there are no lines
    id         as the file says, else its number
    fields     everything in it, (tag or column, value) in the file's order; a tag may occur several times
    decisions  by the convention of the tool that wrote the file; never part of a text
    added      what nirank wrote into the file earlier, such as rank and score, by name; in `fields` too
    """

    number: int
    line: int
    id: str
    fields: Fields
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


@dataclass(frozen=True)
class RecordFile:
    """All records of a file: as many as are in it.

    format    'ris', 'nbib', 'endnote_xml', 'pubmed_xml', 'csv', 'tsv', 'xlsx'
    tool      which program wrote a table ('rayyan', 'covidence', …), "" where it cannot be told
    header    the columns of a table, in order; () for other forms
    encoding  'utf-8', 'utf-8-sig', 'utf-16', 'cp1252', 'latin-1'
    findings  what was not understood, or was decoded by guess: {sentence: how many}
    """

    path: Path
    format: str
    records: Sequence[BibliographicRecord]
    tool: str = ""
    header: tuple[str, ...] = ()
    encoding: str = "utf-8"
    findings: Mapping[str, int] = field(default_factory=dict)
