"""Which keys of an object, or columns of a table, are a record's id, title and text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nirank.collections.readers.records import Record
from nirank.errors import DataError, suggest
from nirank.forms.cells import NotText, cell_to_id, cell_to_text, cell_to_value, name_kind
from nirank.forms.column_names import TextColumns
from nirank.forms.names import (
    ID_NAMES,
    TABLE_LABEL_NAMES,
    TEXT_NAMES,
    TITLE_NAMES,
    AmbiguousName,
    find_name,
    is_known,
    is_row_number,
    join_names,
)

_METADATA = "metadata"
_MAX_CACHED = 10_000  # different sets of keys in one file


class RecordParts(NamedTuple):
    """The names of a record's parts; None and (): there is none.

    rest          names that are none of them: metadata
    source_names  what the file calls title and text
    """

    id: str | None
    title: str | None
    text: tuple[str, ...]
    rest: tuple[str, ...]
    source_names: Mapping[str, str]


class RecordBuilder:
    """Makes records of the objects, or rows, of one file.

    source   what errors call the file
    columns  the names that the user gives
    """

    def __init__(self, source: Path | str, columns: TextColumns) -> None:
        self._source, self._columns = source, columns
        self._parts: dict[tuple[str, ...], RecordParts] = {}
        self._table_metadata: dict[tuple[str, ...], frozenset[str]] = {}
        self._names: dict[str, None] = {}  # all that records had so far
        self._has_text_field = False  # some record has a title or a text, even if it is blank
        self._string_keys: dict[str, None] = {}  # keys of strings that are neither

    def find_parts(self, names: tuple[str, ...], where: str) -> RecordParts:
        """Return which of the names are which part; raise DataError where two are alike."""
        parts = self._parts.get(names)
        if parts is not None:
            return parts
        columns = self._columns
        only_excluded = columns.excluded is not None  # then no column is a title or a text before the others
        try:
            if columns.numbered:
                id = None
            else:
                id = find_name(names, ID_NAMES) if columns.id is None else _keep_if_present(columns.id, names)
            title = (
                find_name(names, () if only_excluded else TITLE_NAMES)
                if columns.title is None
                else _keep_if_present(columns.title, names)
            )
            text = find_name(names, () if only_excluded else TEXT_NAMES) if columns.text is None else None
        except AmbiguousName as error:
            raise DataError(f"{where}: {error}; name one: columns: {{id: …, title: …, text: …}}") from None
        texts: tuple[str, ...]
        if columns.text is None:
            texts = () if text is None else (text,)
        else:
            texts = tuple(name for name in columns.text if name in names)
        if title in texts and columns.title is None:
            title = None
        texts = tuple(name for name in texts if name not in (id, title) or name in (columns.text or ()))
        used = {id, title, *texts, _METADATA}
        fields = {} if title is None else {title: "title"}
        fields |= {name: "text" for name in texts if len(texts) == 1}
        source_names = {name: field for name, field in fields.items() if name != field}
        parts = RecordParts(id, title, texts, tuple(name for name in names if name not in used), source_names)
        if len(self._parts) < _MAX_CACHED:
            self._parts[names] = parts
        self._names.update(dict.fromkeys(names))
        self._has_text_field |= title is not None or bool(texts)
        return parts

    def build_record(self, value: Mapping[str, Any], where: str, number: int) -> Record:
        """Make a record of an object's keys; those that are no part of it are metadata, whose own keys win."""
        parts = self.find_parts(tuple(value), where)
        id, converted_id = self._read_id(value, parts.id, where)
        metadata = value.get(_METADATA)
        metadata = {} if metadata is None or metadata == "" else metadata
        if type(metadata) is not dict and not isinstance(metadata, Mapping):
            raise DataError(f"{where}: metadata is {name_kind(metadata)}; expected an object")
        rest = {name: value[name] for name in parts.rest if name not in metadata}
        if not (self._has_text_field or parts.text):
            self._string_keys.update(dict.fromkeys(name for name, cell in rest.items() if isinstance(cell, str)))
        title, converted_title = ("", False) if parts.title is None else _read_text(value, parts.title, where)
        if len(parts.text) == 1:
            text, converted_text = _read_text(value, parts.text[0], where)
        else:
            texts = [_read_text(value, name, where) for name in parts.text]
            text = " ".join(part.strip() for part, _ in texts if part.strip())
            converted_text = any(converted for _, converted in texts)
        cells = {name: _read_value(cell, name, where) for name, cell in (*metadata.items(), *rest.items())}
        return Record(
            id,
            title,
            text,
            cells,
            number,
            source_names=parts.source_names,
            converted_id=converted_id,
            converted_text=converted_title or converted_text,
            has_text_field=parts.title is not None or bool(parts.text),
        )

    def build_row(self, value: Mapping[str, Any], where: str, number: int) -> Record:
        """Make a record of a table's row; without title and text, all columns but labels and row numbers are text."""
        names = tuple(value)
        parts = self.find_parts(names, where)
        if parts.title is not None or parts.text or self._columns.text is not None:
            filled = {name: cell for name, cell in value.items() if cell not in ("", None)}
            return self.build_record(filled, where, number)._replace(has_text_field=True)
        id, converted_id = self._read_id(value, parts.id, where)
        self._has_text_field = True
        if _METADATA in names and _METADATA not in self._find_table_metadata(names):
            raise DataError(f"{where}: a column of text cannot be called {_METADATA}; rename or exclude it")
        columns: dict[str, str] = {}
        metadata: dict[str, Any] = {}
        converted_text = False
        for name in names:
            if name == parts.id:
                continue
            if name in self._find_table_metadata(names):
                metadata[name or "Unnamed: 0"] = _read_value(value[name], name, where)
            else:
                columns[name], converted = _read_text(value, name, where)
                converted_text |= converted
        metadata = {name: cell for name, cell in metadata.items() if cell not in ("", None)}
        return Record(id, "", "", metadata, number, columns, converted_id=converted_id, converted_text=converted_text)

    def _find_table_metadata(self, names: tuple[str, ...]) -> frozenset[str]:
        """Return which columns of a table are metadata: row numbers and labels, or what is excluded."""
        metadata = self._table_metadata.get(names)
        if metadata is None:
            metadata = frozenset(name for name in names if is_row_number(name) or self._is_no_text(name))
            self._table_metadata[names] = metadata
        return metadata

    def _is_no_text(self, name: str) -> bool:
        if self._columns.excluded is not None:
            return name in self._columns.excluded
        return name == self._columns.label or is_known(name, TABLE_LABEL_NAMES)

    def refuse_absent(self) -> None:
        """Raise DataError where no record has a part that was asked for, or none has a title or a text."""
        for name in self._columns.list_names():
            if self._names and name not in self._names:
                raise DataError(
                    f"{self._source}: there is no column '{name}'; it has {join_names(tuple(self._names))}"
                    f"{suggest(name, self._names)}"
                )
        if self._string_keys and not self._has_text_field and self._columns.text is None:
            keys, first = join_names([repr(name) for name in self._names]), next(iter(self._string_keys))
            raise DataError(
                f"{self._source}: no record has a title or a text; found {keys}; expected one of"
                f" {', '.join((*TITLE_NAMES[:1], *TEXT_NAMES))}, or columns: {{text: {first}}} ([]: there is no text)"
            )

    def _read_id(self, value: Mapping[str, Any], key: str | None, where: str) -> tuple[str, bool]:
        """Return the id, and whether it had to be converted; raise DataError where there is none.

        Of records that are numbered, which their reader does, the id is empty.
        """
        if self._columns.numbered:
            return "", False
        cell = None if key is None else value.get(key)
        if type(cell) is str and cell:
            return cell, False
        try:
            id = cell_to_id(cell)
        except NotText as error:
            raise DataError(f"{where}: {key} is {error}; expected a string") from None
        if not id:
            name = self._columns.id or "_id"
            keys = join_names([repr(name) for name in value]) or "(none)"
            hint = "" if key is not None or self._columns.id else f"; expected one of {', '.join(ID_NAMES)}"
            raise DataError(f"{where}: the record has no {name}; found keys {keys}{hint}")
        return id, not isinstance(cell, (str, bytes))


def _keep_if_present(name: str, names: tuple[str, ...]) -> str | None:
    return name if name in names else None


def _read_text(value: Mapping[str, Any], key: str, where: str) -> tuple[str, bool]:
    """Return a cell as text, and whether it had to be converted."""
    cell = value.get(key)
    if isinstance(cell, str):
        return cell, False
    try:
        text = cell_to_text(cell)
    except NotText as error:
        raise DataError(f"{where}: {key} is {error}; expected text, or a list of texts") from None
    return text or "", text is not None and not isinstance(cell, bytes)


def _read_value(cell: Any, name: str, where: str) -> Any:
    if cell is None or isinstance(cell, str):
        return cell
    try:
        return cell_to_value(cell)
    except NotText as error:
        raise DataError(f"{where}: {name} holds {error}; expected text") from None
