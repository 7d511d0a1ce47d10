"""EndNote XML: which elements are title, abstract and the rest of what nirank uses."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import partial
from pathlib import Path

from nirank.records.decisions import find_note_decisions
from nirank.records.identifiers import find_doi, find_pmid
from nirank.records.publication_dates import find_year, normalise_date
from nirank.records.raw_records import MappedFields, RawRecord, first_filled, make_records, parse_added, unique
from nirank.records.record import BibliographicRecord, Fields
from nirank.records.xml_records import list_fields, parse_xml

INLINE = frozenset({"style"})
_SOURCES = ("pubmed", "medline", "nlm")


def read_endnote_xml(text: str, path: Path, findings: Counter[str]) -> list[BibliographicRecord]:
    """Return the records of an EndNote export."""
    root = parse_xml(text, path)
    raws = (RawRecord(at, tuple(list_fields(record, INLINE))) for at, record in enumerate(root.iter("record"), 1))
    return make_records(raws, partial(_map_fields, findings=findings), findings)


def _map_fields(fields: Fields, findings: Counter[str]) -> MappedFields:
    values: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in fields:
        values[name].append(value)
    year = first_filled(*values["dates/year"])
    day = normalise_date(f"{year} {first_filled(*values['dates/pub-dates/date'])}")
    date = day if day else normalise_date(year)
    notes = [part for name in ("notes", "research-notes") for note in values[name] for part in note.split("\n")]
    source = " ".join(values["remote-database-name"] + values["remote-database-provider"]).casefold()
    accession = first_filled(*values["accession-num"])
    journals = ("titles/secondary-title", "periodical/full-title", "periodical/abbr-1", "titles/alt-title")
    return MappedFields(
        ids=(first_filled(*values["label"]), first_filled(*values["rec-number"])),
        title=first_filled(*values["titles/title"]),
        abstract=first_filled(*values["abstract"]),
        keywords=unique(part for value in values["keywords/keyword"] for part in value.split("\n")),
        authors=unique(values["contributors/authors/author"]),
        date=date,
        year=find_year(date),
        doi=next(filter(None, map(find_doi, values["electronic-resource-num"])), ""),
        pmid=find_pmid(accession) if not source or any(name in source for name in _SOURCES) else "",
        language=first_filled(*values["language"]),
        journal=first_filled(*(value for name in journals for value in values[name])),
        decisions=find_note_decisions(notes, findings),
        added=tuple(pair for note in notes if (pair := parse_added(note)) is not None),
    )
