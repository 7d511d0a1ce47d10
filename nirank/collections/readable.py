"""What of a side's records can be read as text, and how metadata become text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from nirank.collections.text_view import TextView
from nirank.errors import DataError, suggest

METADATA = "metadata"  # the one column that is not text: a JSON object per row, '' where there is none


@dataclass(frozen=True)
class Readable:
    """Columns and metadata keys of one side, each with the number of rows that have text there.

    columns  text columns, in order
    keys     metadata keys
    own      what the source itself calls a column: {'abstract': 'text'}
    whole    whether the default view reads all columns, even where there is a title or a text
    """

    columns: Mapping[str, int]
    keys: Mapping[str, int] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False

    def fields(self, names: Sequence[str], where: str) -> tuple[str, ...]:
        """Return the columns and metadata keys that names stand for; raises DataError for one that is not there.

        where  begins the message
        """
        return tuple(self._field(name, where) for name in names)

    def read(self, view: TextView, where: str) -> tuple[str, ...]:
        """Return those of the columns and metadata keys of a view under which there is text.

        where  begins the message
        Raises DataError for a name that is neither, with the nearest one, and where there is no text at all.
        """
        named = tuple(self.columns)
        names = view.default_columns(named, self.whole) if view.default else self.fields(view.columns, where)
        rows = {**self.keys, **self.columns}
        found = tuple(name for name in names if rows[name])
        if not found:
            there = [name for name, count in rows.items() if count]
            listed = f"there is text under {', '.join(there)}" if there else "all of them are empty"
            raise DataError(f"{where}: no record has any text there; {listed}")
        return found

    def said(self, view: TextView) -> str:
        """Return a view as a row states it: with what is really read, where that is not what the view says."""
        found = self.read(view, str(view))
        usual = view.default and set(found) <= set(view.columns)
        return str(view) if usual or found == view.columns else f"{view} (read: {'+'.join(found)})"

    def _field(self, name: str, where: str) -> str:
        if name in self.columns or name in self.keys:
            return name
        own = {_loose(called): column for called, column in self.own.items()}
        if _loose(name) in own:
            return own[_loose(name)]
        known = [*self.columns, *self.own, *self.keys]
        raise DataError(
            f"{where}: there is no column or metadata key '{name}'; expected one of {', '.join(known)}"
            f"{suggest(name, known)}"
        )

    def only_text(self) -> Readable:
        """Return what is left where all text was made into one column."""
        return Readable({"text": max(self.columns.values(), default=0)}, self.keys)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        found = {"columns": dict(self.columns), "keys": dict(self.keys), "own": dict(self.own)}
        return found | ({"whole": True} if self.whole else {})

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        return cls(value["columns"], value["keys"], value["own"], value.get("whole", False))

    @classmethod
    def of(
        cls, columns: Mapping[str, Iterable[str]], metadata: Iterable[str], like: Readable | None = None
    ) -> Readable:
        """Count in which rows columns and metadata, as JSON texts, have something to read.

        like  of texts among which these were: names without a row here are known
        """
        counted = {name: sum(bool(value.strip()) for value in values) for name, values in columns.items()}
        keys = {} if like is None else dict.fromkeys(like.keys, 0)
        for value in metadata:
            if value:
                count_keys(keys, json.loads(value))
        return cls(counted, keys, {} if like is None else like.own)


def _loose(name: str) -> str:
    return name.strip().casefold()


def count_keys(keys: dict[str, int], metadata: Mapping[str, Any]) -> None:
    """Count one row's metadata keys: those under which there is text."""
    for key, value in metadata.items():
        keys[key] = keys.get(key, 0) + bool(value_to_text(value).strip())


def value_to_text(value: Any) -> str:
    """Return a metadata value as the text that a view reads.

    Text stays as it is; nothing (null, NaN) is empty; true and false are these words; numbers are as short as they can
    be written, whole ones without a point (`2009.0` is `2009`); lists, and the values of objects, are joined by blanks.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "" if math.isnan(value) else str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, Mapping):
        value = value.values()
    if isinstance(value, Iterable):
        return " ".join(filter(None, (value_to_text(item).strip() for item in value)))
    return str(value)
