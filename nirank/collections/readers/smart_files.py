"""SMART's files of documents (.ALL) and queries (.QRY): records begin with `.I 12`, fields with a dot and a letter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from nirank.base.files import MAX_LINE_BYTES, read_lines
from nirank.collections.readers.records import Record, Side
from nirank.collections.readers.text_format import TextFormat
from nirank.errors import DataError
from nirank.forms.column_names import TextColumns

_BEGIN = re.compile(r"^\.I\s+(\S.*?)\s*$")
_FIELD = re.compile(r"^\.([A-Z])\s*$")
_NAMES = {"A": "author", "B": "bibliography", "K": "keywords", "N": "note", "C": "categories", "X": "references"}


def is_smart(lines: Sequence[str]) -> bool:
    """Tell whether the first lines of a file are SMART's: a record and a field."""
    filled = [line for line in lines if line.strip()]
    return len(filled) > 1 and bool(_BEGIN.match(filled[0])) and bool(_FIELD.match(filled[1]))


def read_smart(path: Path, side: Side, columns: TextColumns) -> Iterator[Record]:
    """Yield the records of a file; `.T` is the title and `.W` the text, the other fields are metadata.

    Numbers lose leading zeros, as the judgements beside them (.REL) write them without. Raises
    DataError, file:line, for text before the first field and a record of more than 64 MiB.
    """
    id, begin, name, size = "", 0, "", 0
    fields: dict[str, list[str]] = {}
    for number, line in read_lines(path):
        start, field = _BEGIN.match(line), _FIELD.match(line)
        if start is not None:
            if begin:
                yield _make_record(id, fields, begin)
            id, begin, name, size, fields = start[1].lstrip("0") or "0", number, "", 0, {}
        elif field is not None and begin:
            name = field[1]
            fields.setdefault(name, [])
        elif name:
            fields[name].append(line.rstrip("\r\n"))
            size += len(line)
            if size > MAX_LINE_BYTES:
                raise DataError(f"{path}:{begin}: the record is longer than {MAX_LINE_BYTES >> 20} MiB")
        elif line.strip():
            expected = "a field such as .T or .W" if begin else "a record, .I and its number"
            raise DataError(f"{path}:{number}: '{line.strip()[:40]}' stands before any field; expected {expected}")
    if begin:
        yield _make_record(id, fields, begin)


def _make_record(id: str, fields: dict[str, list[str]], line: int) -> Record:
    texts = {name: "\n".join(lines).strip() for name, lines in fields.items()}
    title = " ".join(texts.pop("T", "").split())
    text = texts.pop("W", "")
    metadata = {_NAMES.get(name, name): value for name, value in texts.items() if value}
    return Record(id, title, text, metadata, line)


SMART = TextFormat("SMART", read_smart, recognises=is_smart)
