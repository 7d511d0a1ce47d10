"""PubMed's format (NBIB): which tags are title, abstract and the rest of what nirank uses."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import partial

from nirank.records.decisions import find_note_decisions
from nirank.records.identifiers import find_doi
from nirank.records.publication_dates import find_year, normalise_date
from nirank.records.raw_records import MappedFields, first_filled, make_records, parse_added, unique
from nirank.records.record import BibliographicRecord, Fields
from nirank.records.tagged_lines import read_nbib_records

TITLE_TAGS = ("TI", "CTI", "BTI", "TT")
ABSTRACT_TAGS = ("AB", "OAB")
KEYWORD_TAGS = ("MH", "OT")
JOURNAL_TAGS = ("JT", "TA")
NOTE_TAG = "GN"


def read_nbib(text: str, findings: Counter[str]) -> list[BibliographicRecord]:
    """Return the records of a file in PubMed's format."""
    return make_records(read_nbib_records(text, findings), partial(_map_fields, findings=findings), findings)


def _map_fields(fields: Fields, findings: Counter[str]) -> MappedFields:
    values: defaultdict[str, list[str]] = defaultdict(list)
    for tag, value in fields:
        values[tag].append(value)
    date = normalise_date(first_filled(*values["DP"]))
    pmid = first_filled(*values["PMID"])
    notes = [" ".join(note.split("\n")) for note in values[NOTE_TAG]]
    return MappedFields(
        ids=(pmid,),
        title=first_filled(*(value for tag in TITLE_TAGS for value in values[tag])),
        abstract=first_filled(*(value for tag in ABSTRACT_TAGS for value in values[tag])),
        keywords=unique(" ".join(value.split()) for tag in KEYWORD_TAGS for value in values[tag]),
        authors=unique(" ".join(value.split()) for value in values["FAU"] or values["AU"]),
        date=date,
        year=find_year(date),
        doi=_find_doi(values["LID"] + values["AID"]),
        pmid=pmid,
        language="; ".join(unique(value.lower() if len(value) == 3 else value for value in values["LA"])),
        journal=first_filled(*(value for tag in JOURNAL_TAGS for value in values[tag])),
        decisions=find_note_decisions(notes, findings),
        added=tuple(pair for note in notes if (pair := parse_added(note)) is not None),
    )


def _find_doi(locations: list[str]) -> str:
    """Return the DOI among the article's ids (`10.1000/jb.747 [doi]`), not its publisher's item id."""
    return next((doi for value in locations if value.rstrip().endswith("[doi]") and (doi := find_doi(value))), "")
