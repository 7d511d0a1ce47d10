"""Records as RIS and in PubMed's format: their own fields as they were, those of another form under the known tags."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from nirank.records.annotations import Annotation
from nirank.records.conversion import list_portable_fields
from nirank.records.decisions import combine_decisions, find_note_decisions
from nirank.records.raw_records import flatten
from nirank.records.record import BibliographicRecord
from nirank.records.ris import NOTE_TAGS
from nirank.records.tagged_lines import RIS_LINE

Field = tuple[str, str]

_RIS_TAGS: Mapping[str, str] = {
    "title": "TI",
    "author": "AU",
    "journal": "T2",
    "date": "PY",
    "volume": "VL",
    "issue": "IS",
    "pages": "SP",
    "end page": "EP",
    "abstract": "AB",
    "keyword": "KW",
    "doi": "DO",
    "language": "LA",
    "url": "UR",
    "issn": "SN",
    "publisher": "PB",
    "place": "CY",
    "address": "AD",
    "database": "DB",
    "id": "ID",
}
_NBIB_TAGS: Mapping[str, str] = {
    "title": "TI",
    "author": "FAU",
    "journal": "JT",
    "date": "DP",
    "volume": "VI",
    "issue": "IP",
    "pages": "PG",
    "abstract": "AB",
    "keyword": "OT",
    "language": "LA",
    "issn": "IS",
    "place": "PL",
    "type": "PT",
    "address": "AD",
}
_RIS_TYPE = re.compile("[A-Z]{3,6}")
# What tools call the type of a record, as RIS does; anything else is a generic one.
_RIS_TYPES = {
    **dict.fromkeys(("journal article", "journalarticle", "article", "journal", "review"), "JOUR"),
    **dict.fromkeys(("book", "edited book"), "BOOK"),
    **dict.fromkeys(("book section", "booksection", "book chapter", "chapter"), "CHAP"),
    **dict.fromkeys(("thesis", "dissertation"), "THES"),
    **dict.fromkeys(("conference paper", "conferencepaper", "conference proceedings"), "CPAPER"),
    **dict.fromkeys(("report",), "RPRT"),
}


def write_ris(records: Iterable[tuple[BibliographicRecord, Annotation]], form: str) -> Iterator[str]:
    """Yield the text of each record as RIS."""
    for record, annotation in records:
        fields = list(record.fields) if form == "ris" else _make_ris_fields(record, form)
        fields = annotate(fields, annotation, NOTE_TAGS)
        last = [value for tag, value in fields if tag == "ER"]
        lines = [f"{tag}  - {_keep_untagged(value, is_ris=True)}\n" for tag, value in fields if tag != "ER"]
        yield "".join((*lines, f"ER  - {last[-1] if last else ''}\n\n"))


def write_nbib(records: Iterable[tuple[BibliographicRecord, Annotation]], form: str) -> Iterator[str]:
    """Yield the text of each record in PubMed's format."""
    for record, annotation in records:
        fields = list(record.fields) if form == "nbib" else _make_nbib_fields(record, form)
        fields = annotate(fields, annotation, ("GN",))
        yield "".join((*(f"{tag:<4}- {_keep_untagged(value, is_ris=False)}\n" for tag, value in fields), "\n"))


def annotate(fields: Sequence[Field], annotation: Annotation, note_names: Sequence[str]) -> list[Field]:
    """Return fields with what is added to a record in notes, in place of what was added earlier."""
    changed: list[Field] = []
    for name, value in fields:
        note = annotation.change_note(value) if name in note_names else value
        if note is not None:
            changed.append((name, note))
    notes = [value for name, value in changed if name in note_names]
    return [*changed, *((note_names[0], note) for note in annotation.list_notes(notes))]


def _make_ris_fields(record: BibliographicRecord, form: str) -> list[Field]:
    fields: list[Field] = []
    unknown: defaultdict[str, list[str]] = defaultdict(list)
    kind_of_record = "GEN"
    for kind, name, value in list_portable_fields(record, form):
        if kind == "type" and (value.casefold() in _RIS_TYPES or _RIS_TYPE.fullmatch(value)):
            kind_of_record = _RIS_TYPES.get(value.casefold(), value)
        elif kind == "date":
            fields.append(("PY", value[:4]))
            if len(value) > 4:
                fields.append(("DA", value if "/" in value else _write_ris_date(value)))
        elif kind == "pmid":
            fields += [("DB", "PubMed"), ("AN", value)]
        elif kind == "id" and value == record.pmid:
            continue
        elif kind == "note":
            fields += [("N1", note) for note in value.split("\n") if note.strip()]
        elif kind in _RIS_TAGS:
            fields.append((_RIS_TAGS[kind], flatten(value)))
        else:
            unknown[name].append(flatten(value))
    notes = _describe_unknown(unknown)
    notes += list_missing_labels(record, [value for tag, value in fields if tag == "N1"])
    return [("TY", kind_of_record), *fields, *(("N1", note) for note in notes)]


def _write_ris_date(date: str) -> str:
    """Return a date as RIS has it: `2019/03/04/`, `2019/03//`."""
    year, month, day = (*date.split("-"), "")[:3]
    return f"{year}/{month}/{day}/"


def _make_nbib_fields(record: BibliographicRecord, form: str) -> list[Field]:
    fields: list[Field] = []
    unknown: defaultdict[str, list[str]] = defaultdict(list)
    for kind, name, value in list_portable_fields(record, form):
        if (kind == "id" and value == record.pmid) or kind == "pmid":
            continue
        if kind == "doi":
            fields.append(("LID", f"{value} [doi]"))
        elif kind == "note":
            fields += [("GN", note) for note in value.split("\n") if note.strip()]
        elif kind in _NBIB_TAGS:
            fields.append((_NBIB_TAGS[kind], flatten(value)))
        else:
            unknown[name].append(flatten(value))
    notes = _describe_unknown(unknown)
    notes += list_missing_labels(record, [value for tag, value in fields if tag == "GN"])
    return [("PMID", record.pmid), *fields, *(("GN", note) for note in notes)]


def _describe_unknown(unknown: Mapping[str, Sequence[str]]) -> list[str]:
    return [f"{name or 'unnamed'}: {'; '.join(dict.fromkeys(values))}" for name, values in unknown.items()]


def list_missing_labels(record: BibliographicRecord, notes: Sequence[str]) -> list[str]:
    """Return notes for what was added to a record earlier, and for decisions that its notes do not say."""
    verdict = combine_decisions(record.decisions)
    said = combine_decisions(find_note_decisions(notes, Counter()))
    earlier = Annotation(dict(record.added), None if verdict == said else verdict)
    prior = ["ASReview_prior"] if verdict != said and any(decision.prior for decision in record.decisions) else []
    return [*earlier.list_notes(notes), *prior]


def _keep_untagged(value: str, *, is_ris: bool) -> str:
    """Return a value whose further lines are read as its own: in RIS none of them may look like a tag."""
    if "\n" not in value:
        return value
    first, *others = value.rstrip("\n").split("\n")
    if not is_ris:
        return "\n      ".join((first, *others))
    text = first
    for line in others:
        text = f"{text} {line}" if RIS_LINE.fullmatch(line) else f"{text}\n{line}"
    return text
