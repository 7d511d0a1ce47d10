"""Cells of users' files as text: one conversion for all readers, of texts, ids and judgements."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_EXACT_LIMIT = 2**53  # whole numbers from here on are not exact in floats


class NotText(ValueError):
    """A cell that cannot be text; the message says what it is, such as 'a list'."""


def cell_to_text(value: Any) -> str | None:
    """Return a cell as text, None where nothing stands in it (null, NaN).

    Bytes are UTF-8; a whole number is written as an integer, however it is stored (1, 1.0, Decimal
    1.00); truth is 'true' or 'false'; dates and times are in ISO form; a list is its parts with
    blanks between. Raises NotText for other bytes, objects, and lists that hold lists or objects.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return _join_parts(value)
    return _convert_scalar(value)


def cell_to_id(value: Any) -> str | None:
    """Return an id as text, None where there is none; raise NotText for what cannot be one: truth, lists, objects."""
    if isinstance(value, (bool, list, tuple)):
        raise NotText(name_kind(value))
    return _convert_scalar(value)


def cell_to_value(value: Any) -> Any:
    """Return a cell as JSON has it: what `cell_to_text` turns into text, but numbers, truth, lists and objects stay.

    NaN and infinities are None. Raises NotText for bytes that are not UTF-8.
    """
    if value is None or isinstance(value, (str, int)):  # truth is an int
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(_convert_scalar(key)): cell_to_value(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [cell_to_value(inner) for inner in value]
    return _convert_scalar(value)


def name_kind(value: Any) -> str:
    """Return what a value is, in words that go into an error: 'a list', 'a number'."""
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "a boolean"),
        (str, "a string"),
        ((bytes, bytearray, memoryview), "bytes that are not UTF-8"),
        ((list, tuple), "a list"),
        (Mapping, "an object"),
        (type(None), "null"),
        ((int, float, Decimal), "a number"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), type(value).__name__)


def _convert_scalar(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return None if math.isnan(value) else str(value)
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT_LIMIT else repr(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            return None if value.is_nan() else str(value)
        return str(int(value)) if value == value.to_integral_value() else format(value, "f")
    if isinstance(value, (bytes, bytearray, memoryview)):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            raise NotText(name_kind(value)) from None
    if isinstance(value, (list, tuple, Mapping)):
        raise NotText(name_kind(value))
    return str(value)  # dates, times, durations, UUIDs


def _join_parts(values: list[Any] | tuple[Any, ...]) -> str:
    try:
        parts = [_convert_scalar(inner) for inner in values]
    except NotText as error:
        raise NotText(f"a list that holds {error}") from None
    return " ".join(part for part in parts if part)
