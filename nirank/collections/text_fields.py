"""Text fields: the columns and metadata keys that a text view can name, and how metadata become text."""

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
class TextFields:
    """Columns and metadata keys of one side, each with the number of rows that have text there.

    columns            text columns, in order
    keys               metadata keys
    source_names       what the source itself calls a column: {'abstract': 'text'}
    reads_all_columns  whether the default view reads all columns, even where there is a title or a text
    """

    columns: Mapping[str, int]
    keys: Mapping[str, int] = field(default_factory=dict)
    source_names: Mapping[str, str] = field(default_factory=dict)
    reads_all_columns: bool = False

    def find_fields(self, names: Sequence[str], where: str) -> tuple[str, ...]:
        """Return the columns and metadata keys that names stand for; raises DataError for one that is not there.

        where  begins the message
        """
        return tuple(self._find_field(name, where) for name in names)

    def select_fields(self, view: TextView, where: str) -> tuple[str, ...]:
        """Return the columns and metadata keys of a view under which there is text.

        where  begins the message
        Raises DataError for a name that is neither, with the nearest one, and where there is no text at all; but a
        table of records may be blank as a whole.
        """
        if view.is_default:
            names = view.select_default_columns(tuple(self.columns), self.reads_all_columns)
        else:
            names = self.find_fields(view.columns, where)
        counts = {**self.keys, **self.columns}
        filled = tuple(name for name in names if counts[name])
        if not filled and names and self.reads_all_columns and not any(counts.values()):
            return names
        if not filled:
            others = [name for name, count in counts.items() if count]
            hint = f"there is text under {', '.join(others)}" if others else "all of them are empty"
            raise DataError(f"{where}: no record has any text there; {hint}")
        return filled

    def describe_view(self, view: TextView) -> str:
        """Return a view as a row states it: with what is really read, where that is not what the view says."""
        filled = self.select_fields(view, str(view))
        as_usual = view.is_default and set(filled) <= set(view.columns)
        return str(view) if as_usual or filled == view.columns else f"{view} (read: {'+'.join(filled)})"

    def _find_field(self, name: str, where: str) -> str:
        if name in self.columns or name in self.keys:
            return name
        columns = {_fold_name(alias): column for alias, column in self.source_names.items()}
        if _fold_name(name) in columns:
            return columns[_fold_name(name)]
        known = [*self.columns, *self.source_names, *self.keys]
        raise DataError(
            f"{where}: there is no column or metadata key '{name}'; expected one of {', '.join(known)}"
            f"{suggest(name, known)}"
        )

    def merge_columns(self) -> TextFields:
        """Return the fields of texts whose columns were joined into one."""
        return TextFields({"text": max(self.columns.values(), default=0)}, self.keys)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        value = {"columns": dict(self.columns), "keys": dict(self.keys), "own": dict(self.source_names)}
        return value | ({"whole": True} if self.reads_all_columns else {})

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        return cls(value["columns"], value["keys"], value["own"], value.get("whole", False))

    @classmethod
    def of(
        cls, columns: Mapping[str, Iterable[str]], metadata: Iterable[str], parent: TextFields | None = None
    ) -> TextFields:
        """Count the rows in which columns and metadata, as JSON texts, have text.

        parent  the fields of texts that these were taken from: their names are known here too, even without a row
        """
        counts = {name: sum(bool(value.strip()) for value in values) for name, values in columns.items()}
        keys = {} if parent is None else dict.fromkeys(parent.keys, 0)
        for value in metadata:
            if value:
                count_keys(keys, json.loads(value))
        return cls(counts, keys, {} if parent is None else parent.source_names)


def _fold_name(name: str) -> str:
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
