"""Files of bibliographic records as documents: RIS, PubMed's format, EndNote and PubMed XML, tables of tools.

Tables are read here only where `tables` cannot: a tool's export without a column that is called an id, with the
search before its header, or with labels in the tool's own way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nirank.base.files import open_file
from nirank.collections.readers.records import Record, Side
from nirank.collections.readers.text_format import TextFormat
from nirank.errors import DataError
from nirank.forms.column_names import TextColumns
from nirank.forms.names import ID_NAMES, AmbiguousName, find_name
from nirank.records.columns import find_tool
from nirank.records.conversion import list_portable_fields
from nirank.records.decisions import are_in_conflict, combine_decisions
from nirank.records.decoding import decode_records
from nirank.records.files import read_record_file
from nirank.records.recognition import find_form
from nirank.records.record import BibliographicRecord
from nirank.records.table_rows import find_header, split_header

DECISION = "decision"  # the key of what the reviewers' decisions came to
CONFLICT = "reviewers_disagree"  # the key that only records have that were both included and excluded
_HEAD_BYTES = 1 << 18
_KEYS = {"author": "authors", "keyword": "keywords", "note": "notes"}
_LISTS = ("authors", "keywords", "notes")
_NOT_METADATA = ("id", "title", "abstract")


def read_record_documents(path: Path, side: Side, columns: TextColumns) -> Iterator[Record]:
    """Yield the records of a file: title, abstract as text, everything else as metadata.

    `decision` is what the reviewers' decisions come to (included, excluded, maybe, not_seen), `reviewers` what each
    decided. Raises DataError for columns that are named, other than `{label: decision}`, and what is no record file.
    """
    named = (columns.id, columns.title, columns.text, columns.excluded)
    if any(name is not None for name in named) or columns.numbered:
        raise DataError(f"{path}: is an export of records, whose id, title and text are known; expected no columns, or"
                        f" {{label: {DECISION}}}")  # fmt: skip
    file = read_record_file(path)
    keys = {DECISION}
    for record in file.records:
        metadata = make_metadata(record, file.format)
        keys.update(metadata)
        yield Record(record.id, record.title, record.abstract, metadata, record.line, source_names={"abstract": "text"})
    if columns.label is not None and columns.label not in keys:
        raise DataError(f"{path}: no record has '{columns.label}'; expected columns: {{label: {DECISION}}}, which is by"
                        " the convention of the tool that wrote the file")  # fmt: skip


def make_metadata(record: BibliographicRecord, form: str) -> dict[str, Any]:
    """Return all that a record has beside id, title and abstract, as JSON values."""
    values: dict[str, list[str]] = {}
    for kind, name, value in list_portable_fields(record, form):
        if kind not in _NOT_METADATA:
            values.setdefault(_KEYS.get(kind, kind) or name, []).append(value)
    metadata: dict[str, Any] = {
        key: list_ if key in _LISTS or len(list_) > 1 else list_[0] for key, list_ in values.items()
    }
    if record.year is not None:
        metadata["year"] = record.year
    metadata |= dict(record.added)
    metadata.pop(DECISION, None)
    verdict = combine_decisions(record.decisions)
    if verdict is not None:
        metadata[DECISION] = verdict
    named = {each.reviewer: each.verdict for each in record.decisions if each.reviewer}
    reasons = list(dict.fromkeys(each.reason for each in record.decisions if each.reason))
    metadata |= {"reviewers": named} if named else {}
    metadata |= {"exclusion_reasons": reasons} if reasons else {}
    metadata |= {"prior": True} if any(each.prior for each in record.decisions) else {}
    return metadata | ({CONFLICT: True} if are_in_conflict(record.decisions) else {})


def holds_records(path: Path) -> bool:
    """Tell whether a file begins like an export that is no table: RIS, PubMed's format, EndNote or PubMed XML."""
    head = read_head(path)
    return head is not None and find_form(head)[0] in ("ris", "nbib", "endnote_xml", "pubmed_xml")


def read_head(path: Path) -> str | None:
    """Return the first lines of a file in whatever encoding, None where it is no text."""
    with open_file(path) as file:
        raw = file.read(_HEAD_BYTES)
    if len(raw) == _HEAD_BYTES:
        raw = raw[: max(raw.rfind(b"\n"), 0) or len(raw) // 2 * 2]
    try:
        return decode_records(raw, path, Counter(), one_line=True)[0]
    except DataError:
        return None


def is_foreign_table(path: Path, columns: TextColumns) -> bool:
    """Tell whether a table is a tool's export that has to be read as the tool means it.

    A table that has an id under a known name, or for which names are given, is read as it stands.
    """
    if any((columns.id, columns.title, columns.text, columns.numbered, columns.excluded is not None)):
        return False
    head = read_head(path)
    lines = [] if head is None else head.split("\n")
    place = find_header(lines)
    if place is None:
        return False
    header = split_header(lines[place.before], place.separator)
    if not find_tool(header):
        return False
    if any(line.strip() for line in lines[: place.before]) or _repeats_or_lacks_id(header):
        return True
    return columns.label == DECISION and DECISION not in header


def _repeats_or_lacks_id(header: Sequence[str]) -> bool:
    try:
        return len(set(header)) < len(header) or find_name(header, ID_NAMES) is None
    except AmbiguousName:
        return True


RECORD_FILES = TextFormat("record files", read_record_documents, ("ris", "nbib", "xlsx"), has_columns=True)
