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
_REMEMBERED = 10_000  # different sets of keys in one file


class Parts(NamedTuple):
    """The names of a record's parts; None and (): there is none. `own` says what the file calls title and text."""

    id: str | None
    title: str | None
    text: tuple[str, ...]
    rest: tuple[str, ...]
    own: Mapping[str, str]


class Fields:
    """Makes records of the objects, or rows, of one file.

    source  what errors call the file
    asked   the names that the user gives
    """

    def __init__(self, source: Path | str, asked: TextColumns) -> None:
        self._source, self._asked = source, asked
        self._parts: dict[tuple[str, ...], Parts] = {}
        self._apart: dict[tuple[str, ...], frozenset[str]] = {}
        self._seen: dict[str, None] = {}
        self._worded = False  # a record has a title or a text, if a blank one
        self._strings: dict[str, None] = {}  # keys of strings that are neither

    def parts(self, names: tuple[str, ...], where: str) -> Parts:
        """Return which of the names are which part; raise DataError where two are alike."""
        found = self._parts.get(names)
        if found is not None:
            return found
        asked = self._asked
        whole = asked.excluded is not None
        try:
            id = find_name(names, ID_NAMES) if asked.id is None else _if_there(asked.id, names)
            title = (
                find_name(names, () if whole else TITLE_NAMES) if asked.title is None else _if_there(asked.title, names)
            )
            text = find_name(names, () if whole else TEXT_NAMES) if asked.text is None else None
        except AmbiguousName as error:
            raise DataError(f"{where}: {error}; name one: columns: {{id: …, title: …, text: …}}") from None
        texts = (() if text is None else (text,)) if asked.text is None else tuple(n for n in asked.text if n in names)
        if title in texts and asked.title is None:
            title = None
        texts = tuple(name for name in texts if name not in (id, title) or name in (asked.text or ()))
        used = {id, title, *texts, _METADATA}
        called = {} if title is None else {title: "title"}
        called |= {name: "text" for name in texts if len(texts) == 1}
        own = {name: column for name, column in called.items() if name != column}
        found = Parts(id, title, texts, tuple(name for name in names if name not in used), own)
        if len(self._parts) < _REMEMBERED:
            self._parts[names] = found
        self._seen.update(dict.fromkeys(names))
        self._worded |= title is not None or bool(texts)
        return found

    def record(self, value: Mapping[str, Any], where: str, number: int) -> Record:
        """Make a record of an object's keys; those that are no part of it are metadata, whose own keys win."""
        parts = self.parts(tuple(value), where)
        id, number_id = self._id(value, parts.id, where)
        metadata = value.get(_METADATA)
        metadata = {} if metadata is None or metadata == "" else metadata
        if type(metadata) is not dict and not isinstance(metadata, Mapping):
            raise DataError(f"{where}: metadata is {name_kind(metadata)}; expected an object")
        rest = {name: value[name] for name in parts.rest if name not in metadata}
        if not (self._worded or parts.text):
            self._strings.update(dict.fromkeys(name for name, cell in rest.items() if isinstance(cell, str)))
        title, changed = ("", False) if parts.title is None else _text(value, parts.title, where)
        if len(parts.text) == 1:
            text, other = _text(value, parts.text[0], where)
        else:
            texts = [_text(value, name, where) for name in parts.text]
            text, other = " ".join(one.strip() for one, _ in texts if one.strip()), any(made for _, made in texts)
        made = changed or other
        plain = {name: _plain(cell, name, where) for name, cell in (*metadata.items(), *rest.items())}
        worded = parts.title is not None or bool(parts.text)
        return Record(id, title, text, plain, number, own=parts.own, number_id=number_id, made_text=made, worded=worded)

    def row(self, value: Mapping[str, Any], where: str, number: int) -> Record:
        """Make a record of a table's row; without title and text, all columns but labels and row numbers are text."""
        names = tuple(value)
        parts = self.parts(names, where)
        if parts.title is not None or parts.text or self._asked.text is not None:
            record = self.record({name: cell for name, cell in value.items() if cell not in ("", None)}, where, number)
            return record._replace(worded=True)
        id, number_id = self._id(value, parts.id, where)
        self._worded = True
        if _METADATA in names and _METADATA not in self._rest(names):
            raise DataError(f"{where}: a column of text cannot be called {_METADATA}; rename or exclude it")
        more: dict[str, str] = {}
        rest: dict[str, Any] = {}
        made = False
        for name in names:
            if name == parts.id:
                continue
            if name in self._rest(names):
                rest[name or "Unnamed: 0"] = _plain(value[name], name, where)
            else:
                more[name], changed = _text(value, name, where)
                made |= changed
        rest = {name: cell for name, cell in rest.items() if cell not in ("", None)}
        return Record(id, "", "", rest, number, more, number_id=number_id, made_text=made)

    def _rest(self, names: tuple[str, ...]) -> frozenset[str]:
        """Return which columns of a table are metadata: row numbers and labels, or what is excluded."""
        found = self._apart.get(names)
        if found is None:
            excluded, label = self._asked.excluded, self._asked.label
            found = self._apart[names] = frozenset(
                name
                for name in names
                if is_row_number(name)
                or (name in excluded if excluded is not None else name == label or is_known(name, TABLE_LABEL_NAMES))
            )
        return found

    def refuse_absent(self) -> None:
        """Raise DataError where no record has a part that was asked for, or none has a title or a text."""
        for name in self._asked.named():
            if self._seen and name not in self._seen:
                near = suggest(name, self._seen)
                raise DataError(
                    f"{self._source}: there is no column '{name}'; it has {join_names(tuple(self._seen))}{near}"
                )
        if self._strings and not self._worded and self._asked.text is None:
            keys, first = join_names([repr(name) for name in self._seen]), next(iter(self._strings))
            raise DataError(
                f"{self._source}: no record has a title or a text; found {keys}; expected one of"
                f" {', '.join((*TITLE_NAMES[:1], *TEXT_NAMES))}, or columns: {{text: {first}}} ([]: there is no text)"
            )

    def _id(self, value: Mapping[str, Any], key: str | None, where: str) -> tuple[str, bool]:
        found = None if key is None else value.get(key)
        if type(found) is str and found:
            return found, False
        try:
            id = cell_to_id(found)
        except NotText as error:
            raise DataError(f"{where}: {key} is {error}; expected a string") from None
        if not id:
            what = self._asked.id or "_id"
            keys = join_names([repr(name) for name in value]) or "(none)"
            more = "" if key is not None or self._asked.id else f"; expected one of {', '.join(ID_NAMES)}"
            raise DataError(f"{where}: the record has no {what}; found keys {keys}{more}")
        return id, not isinstance(found, (str, bytes))


def _if_there(name: str, names: tuple[str, ...]) -> str | None:
    return name if name in names else None


def _text(value: Mapping[str, Any], key: str, where: str) -> tuple[str, bool]:
    """Return a cell as text, and whether it was none."""
    found = value.get(key)
    if isinstance(found, str):
        return found, False
    try:
        text = cell_to_text(found)
    except NotText as error:
        raise DataError(f"{where}: {key} is {error}; expected text, or a list of texts") from None
    return text or "", text is not None and not isinstance(found, bytes)


def _plain(value: Any, name: str, where: str) -> Any:
    if value is None or isinstance(value, str):
        return value
    try:
        return cell_to_value(value)
    except NotText as error:
        raise DataError(f"{where}: {name} holds {error}; expected text") from None
