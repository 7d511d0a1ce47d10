"""JSON lines: one object a line, as BEIR, Anserini, MS MARCO and others write them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nirank.collections.records import ID_KEYS, TEXT_KEYS, TITLE_KEYS, Record
from nirank.errors import DataError
from nirank.files import read_lines, read_text


def read_json_lines(path: Path) -> Iterator[Record]:
    """Yield the records of a JSON-lines file; blank lines are passed over.

    `_id` (or id, docid, …), `title` and `text` (or contents, body, …) are taken; other keys go into
    the metadata, whose own keys win. Raises DataError, file:line, for a line that is not a JSON
    object, a record without an id, and values of a wrong type.
    """
    for number, line in read_lines(path):
        if line.isspace():
            continue
        where = f"{path}:{number}"
        try:
            value = json.loads(line.rstrip())
        except json.JSONDecodeError as error:
            raise DataError(f"{where}: not valid JSON ({error.msg} at column {error.colno})") from None
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}: not valid JSON ({error})") from None
        if not isinstance(value, dict):
            raise DataError(f"{where}: a JSON {_kind(value)}; expected an object with _id and text")
        yield record_of(value, where, number)


def read_json_array(path: Path) -> Iterator[Record]:
    """Yield the objects of one JSON array; `where` counts them from 1. The file is held in memory."""
    try:
        values = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not valid JSON ({error})") from None
    for number, value in enumerate(values, 1):
        if not isinstance(value, dict):
            raise DataError(f"{path}:{number}: a JSON {_kind(value)}; expected an object with _id and text")
        yield record_of(value, f"{path}:{number}", number)


def record_of(value: Mapping[str, Any], where: str, number: int) -> Record:
    """Make a record of an object's keys."""
    id_key = next((key for key in ID_KEYS if key in value), None)
    id = None if id_key is None else value[id_key]
    if id is None or id == "" or id != id:  # pandas writes a missing id as NaN
        raise DataError(f"{where}: the record has no _id; found keys {', '.join(map(repr, value)) or '(none)'}")
    if isinstance(id, bool) or not isinstance(id, (str, int, float)):
        raise DataError(f"{where}: {id_key} is a JSON {_kind(id)}; expected a string")
    metadata = value.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise DataError(f"{where}: metadata is a JSON {_kind(metadata)}; expected an object")
    title_key = next((key for key in TITLE_KEYS if key in value), "title")
    text_key = next((key for key in TEXT_KEYS if key in value), "text")
    own = (id_key, title_key, text_key, "metadata")
    metadata |= {key: found for key, found in value.items() if key not in own and key not in metadata}
    called = {key: name for name, key in (("title", title_key), ("text", text_key)) if key != name}
    return Record(id, _text(value, title_key, where), _text(value, text_key, where), metadata, number, own=called)


def _text(value: Mapping[str, Any], key: str, where: str) -> str:
    found = value.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise DataError(f"{where}: {key} is a JSON {_kind(found)}; expected a string")
    return found


def _kind(value: Any) -> str:
    names = {dict: "object", list: "list", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
