"""Records as EndNote XML."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from xml.sax.saxutils import escape, quoteattr

from nirank.records.annotations import Annotation
from nirank.records.conversion import list_portable_fields
from nirank.records.raw_records import flatten
from nirank.records.record import BibliographicRecord
from nirank.records.tagged_writers import list_missing_labels

Field = tuple[str, str]

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<xml><records>\n'
FOOT = "</records></xml>\n"
_NOTE_PATHS = ("research-notes", "notes")
# In EndNote's own order, in which elements of one parent stand together.
_PATHS: Mapping[str, str] = {
    "author": "contributors/authors/author",
    "address": "auth-address",
    "title": "titles/title",
    "journal": "titles/secondary-title",
    "pages": "pages",
    "volume": "volume",
    "issue": "number",
    "keyword": "keywords/keyword",
    "date": "dates/year",
    "pub date": "dates/pub-dates/date",
    "place": "pub-location",
    "publisher": "publisher",
    "issn": "isbn",
    "pmid": "accession-num",
    "abstract": "abstract",
    "note": "notes",
    "id": "label",
    "url": "urls/related-urls/url",
    "doi": "electronic-resource-num",
    "database": "remote-database-name",
    "language": "language",
    "unknown": "research-notes",
}
_ORDER = {path: at for at, path in enumerate(_PATHS.values())}
_PLAIN = frozenset({"rec-number", "ref-type", "database", "source-app", "foreign-keys/key"})  # no <style> inside
_ILLEGAL = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def write_endnote_xml(records: Iterable[tuple[BibliographicRecord, Annotation]], form: str) -> Iterator[str]:
    """Yield the parts of an EndNote export of the records."""
    yield HEAD
    for number, (record, annotation) in enumerate(records, 1):
        fields = list(record.fields) if form == "endnote_xml" else _make_fields(record, form, number)
        yield f"<record>{''.join(_write_elements(_annotate_notes(fields, annotation)))}</record>\n"
    yield FOOT


def _annotate_notes(fields: list[Field], annotation: Annotation) -> list[Field]:
    """Return fields with what is added to a record: each note is a line of one element."""
    changed: list[Field] = []
    notes: list[str] = []
    for path, value in fields:
        if path in _NOTE_PATHS:
            lines = [note for line in value.split("\n") if (note := annotation.change_note(line)) is not None]
            notes += lines
            value = "\n".join(lines)
        changed.append((path, value))
    added = annotation.list_notes(notes)
    place = next((at for at, (path, _) in enumerate(changed) if path == _NOTE_PATHS[0]), None)
    if added and place is None:
        changed.append((_NOTE_PATHS[0], "\n".join(added)))
    elif added and place is not None:
        changed[place] = _NOTE_PATHS[0], "\n".join(filter(None, (changed[place][1], *added)))
    return changed


def _make_fields(record: BibliographicRecord, form: str, number: int) -> list[Field]:
    fields: list[Field] = []
    notes: list[str] = []
    unknown: defaultdict[str, list[str]] = defaultdict(list)
    for kind, name, value in list_portable_fields(record, form):
        if kind == "date":
            fields.append((_PATHS["date"], value[:4]))
            month = value[5:7] if "/" not in value else ""
            if month:
                fields.append((_PATHS["pub date"], f"{_MONTHS[int(month) - 1]} {value[8:]}".strip()))
            elif "/" in value:
                unknown["date"].append(value)
        elif kind == "note":
            notes += value.split("\n")
        elif kind in _PATHS:
            fields.append((_PATHS[kind], flatten(value)))
        else:
            unknown[name].append(flatten(value))
    fields.sort(key=lambda field: _ORDER[field[0]])
    notes += [f"{name or 'unnamed'}: {'; '.join(dict.fromkeys(values))}" for name, values in unknown.items()]
    notes += list_missing_labels(record, notes)
    head = [("rec-number", str(number)), ("ref-type@name", "Journal Article"), ("ref-type", "17")]
    return [*head, *fields, *([(_NOTE_PATHS[0], "\n".join(notes))] if notes else [])]


def _write_elements(fields: Iterable[Field]) -> Iterator[str]:
    """Yield the elements that paths and texts stand for; neighbours share the elements above them."""
    open_elements: list[str] = []
    attributes: defaultdict[str, str] = defaultdict(str)
    for name, value in fields:
        path, _, attribute = name.partition("@")
        clean = _ILLEGAL.sub(" ", value)
        if attribute:
            attributes[path] += f" {attribute}={quoteattr(clean)}"
            continue
        *parents, leaf = path.split("/")
        common = 0
        while common < min(len(parents), len(open_elements)) and parents[common] == open_elements[common]:
            common += 1
        for element in reversed(open_elements[common:]):
            yield f"</{element}>"
        for depth in range(common, len(parents)):
            yield f"<{parents[depth]}{attributes.pop('/'.join(parents[: depth + 1]), '')}>"
        open_elements = parents
        text = escape(clean)
        if path not in _PLAIN:
            text = f'<style face="normal" font="default" size="100%">{text}</style>'
        yield f"<{leaf}{attributes.pop(path, '')}>{text}</{leaf}>"
    for element in reversed(open_elements):
        yield f"</{element}>"
