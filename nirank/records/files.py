"""Record files, read and written: the form of what is read is told by its content, of what is written by its name."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from nirank.base.disk import sync_file
from nirank.base.files import read_bytes
from nirank.errors import ConfigError, DataError
from nirank.records.annotations import Annotation, make_annotations
from nirank.records.conversion import TABLES
from nirank.records.decoding import decode_records
from nirank.records.endnote_writer import write_endnote_xml
from nirank.records.endnote_xml import read_endnote_xml
from nirank.records.nbib import read_nbib
from nirank.records.pubmed_xml import read_pubmed_xml
from nirank.records.recognition import describe_unknown, find_form
from nirank.records.record import BibliographicRecord, RecordFile
from nirank.records.ris import read_ris
from nirank.records.table_rows import read_rows
from nirank.records.table_writer import make_table, write_delimited
from nirank.records.tables import read_table
from nirank.records.tagged_writers import write_nbib, write_ris
from nirank.records.workbooks import is_workbook, read_workbook, write_workbook

# Of files to write, and their forms.
ENDINGS = {"ris": "ris", "nbib": "nbib", "xml": "endnote_xml", "csv": "csv", "tsv": "tsv", "xlsx": "xlsx"}
_WRITERS = {"ris": write_ris, "nbib": write_nbib, "endnote_xml": write_endnote_xml}


def read_record_file(path: Path) -> RecordFile:
    """Read a file of bibliographic records, whatever its name is; `.gz` and `.zst` are unpacked.

    Raises DataError for what holds no records, and what would take too much memory to read.
    """
    findings: Counter[str] = Counter()
    raw = read_bytes(path)
    if is_workbook(raw):
        table = read_workbook(raw, path, findings)
        records, tool = read_table(table, findings)
        return RecordFile(path, "xlsx", records, tool, table.header, "utf-8", +findings)
    begins_markup = raw.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0")[:1] == b"<"
    text, encoding = decode_records(raw, path, findings, one_line=begins_markup)
    form, place = find_form(text)
    header: tuple[str, ...] = ()
    tool = ""
    if form == "ris":
        records = read_ris(text, findings)
        tool = _find_tagged_tool(records)
    elif form == "nbib":
        records = read_nbib(text, findings)
        tool = "pubmed"
    elif form == "pubmed_xml":
        records = read_pubmed_xml(text, path, findings)
        tool = "pubmed"
    elif form == "endnote_xml":
        records = read_endnote_xml(text, path, findings)
        tool = "endnote"
    elif place is not None:
        table = read_rows(text, place, path, findings)
        header = table.header
        records, tool = read_table(table, findings)
    else:
        raise DataError(describe_unknown(text, path))
    return RecordFile(path, form, records, tool, header, encoding, +findings)


def _find_tagged_tool(records: list[BibliographicRecord]) -> str:
    """Return the reviewing tool that wrote a RIS file, by the marks it leaves in notes and accession numbers."""
    for record in records[:50]:
        for tag, value in record.fields:
            if "RAYYAN-INCLUSION" in value or (tag == "AN" and value.startswith("rayyan-")):
                return "rayyan"
            if value.startswith("ASReview_"):
                return "asreview"
            if tag == "KW" and value == "eppi-reviewer":
                return "eppi"
    return ""


def write_record_file(
    path: Path, file: RecordFile, order: Sequence[int] | None, added: Mapping[str, Sequence[str]]
) -> None:
    """Write all records of a file, in the form that the ending of `path` says, whole or not at all.

    order  a permutation of the records' positions; None: as they are
    added  columns by name, a value for each record in the file's own order: rank, score, decision, …
           In RIS, PubMed's format and EndNote XML they are notes, and decisions ASReview's labels

    Fields of the same form are written as they were read, and in their order. Fields of another form go to the tags,
    elements or columns that mean the same; what has none is a note, or a column of its own name.
    Raises ConfigError for an ending that is no form, DataError for an `order` that is no permutation, and where a
    workbook cannot hold the records.
    """
    form = find_form_to_write(path)
    count = len(file.records)
    order = range(count) if order is None else order
    if sorted(order) != list(range(count)):
        raise DataError(f"{path}: the order names {len(order):,} positions, which are not {count:,} records, once each")
    annotations = make_annotations(added, count)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=path.parent) as beside:
            written = Path(beside) / path.name
            _write_form(written, form, file, order, added, annotations)
            sync_file(written)
            written.replace(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from error


def find_form_to_write(path: Path) -> str:
    """Return the form that an ending says; raise ConfigError for one that is none."""
    ending = path.suffix.lower().removeprefix(".")
    if ending not in ENDINGS:
        raise ConfigError(f"{path}: has no ending that says a form of records; expected .{', .'.join(ENDINGS)}")
    return ENDINGS[ending]


def _write_form(
    path: Path,
    form: str,
    file: RecordFile,
    order: Sequence[int],
    added: Mapping[str, Sequence[str]],
    annotations: Sequence[Annotation],
) -> None:
    if form in TABLES:
        header, rows = make_table(file, order, added)
        if form == "xlsx":
            write_workbook(path, header, rows)
            return
    encoding = "utf-8-sig" if file.encoding == "utf-8-sig" else "utf-8"
    with path.open("w", encoding=encoding, errors="replace", newline="") as stream:
        if form in TABLES:
            write_delimited(stream, header, rows, "\t" if form == "tsv" else ",")
            return
        writer = _WRITERS[form]
        for part in writer(((file.records[at], annotations[at]) for at in order), file.format):
            stream.write(part.replace("\r\n", "\n").replace("\r", "\n") if "\r" in part else part)
