"""RIS: which tags are title, abstract and the rest of what nirank uses."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import partial

from nirank.records.decisions import find_note_decisions
from nirank.records.identifiers import find_doi, find_pmid
from nirank.records.publication_dates import find_year, normalise_date
from nirank.records.raw_records import MappedFields, first_filled, flatten, make_records, parse_added, unique
from nirank.records.record import BibliographicRecord, Fields
from nirank.records.tagged_lines import read_ris_records

TITLE_TAGS = ("TI", "T1", "CT", "BT")
ABSTRACT_TAGS = ("AB", "N2")
AUTHOR_TAGS = ("AU", "A1")
JOURNAL_TAGS = ("T2", "JO", "JF", "JA", "J2")
DATE_TAGS = ("PY", "Y1", "DA")
NOTE_TAGS = ("N1", "RN", "U1", "C1")
_PMID_SOURCES = ("pubmed", "medline", "nlm")


def read_ris(text: str, findings: Counter[str]) -> list[BibliographicRecord]:
    """Return the records of a RIS file."""
    return make_records(read_ris_records(text, findings), partial(_map_fields, findings=findings), findings)


def _map_fields(fields: Fields, findings: Counter[str]) -> MappedFields:
    values: defaultdict[str, list[str]] = defaultdict(list)
    for tag, value in fields:
        values[tag].append(value)
    notes = [note for tag in NOTE_TAGS for note in values[tag]]
    date = find_best_date(first_filled(*values[tag]) for tag in DATE_TAGS)
    return MappedFields(
        ids=(first_filled(*values["ID"]), first_filled(*values["AN"])),
        title=first_filled(*(value for tag in TITLE_TAGS for value in values[tag])),
        abstract=first_filled(*(" ".join(map(flatten, values[tag])) for tag in ABSTRACT_TAGS)),
        keywords=split_keywords(values["KW"]),
        authors=unique(author for tag in AUTHOR_TAGS for value in values[tag] for author in value.split("\n")),
        date=date,
        year=find_year(date),
        doi=find_doi(" ".join(values["DO"])) or next(filter(None, map(find_doi, values["M3"])), ""),
        pmid=_find_pmid(values),
        language="; ".join(unique(values["LA"])),
        journal=first_filled(*(value for tag in JOURNAL_TAGS for value in values[tag])),
        decisions=find_note_decisions(notes, findings),
        added=tuple(pair for note in notes if (pair := parse_added(note)) is not None),
    )


def find_best_date(texts: Iterable[str]) -> str:
    """Return the date that says most among those of the first one's year."""
    dates = [date for text in texts if text and (date := normalise_date(text))]
    return max((date for date in dates if date[:4] == dates[0][:4]), key=len) if dates else ""


def split_keywords(values: Sequence[str]) -> tuple[str, ...]:
    """Return keywords, one a line; a single line of several is split at its semicolons."""
    lines = [line for value in values for line in value.split("\n")]
    if len(lines) == 1 and ";" in lines[0]:
        lines = lines[0].split(";")
    return unique(lines)


def _find_pmid(values: defaultdict[str, list[str]]) -> str:
    source = " ".join((*values["DB"], *values["DP"])).casefold()
    if any(name in source for name in _PMID_SOURCES):
        pmid = find_pmid(first_filled(*values["AN"]))
        if pmid:
            return pmid
    for tag in ("C7", "N1", "U2", "UR"):
        for value in values[tag]:
            if "pmid" in value.casefold() or "pubmed" in value.casefold():
                pmid = find_pmid(value)
                if pmid:
                    return pmid
    return ""
