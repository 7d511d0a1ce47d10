"""Texts in JSON: one object a line, as BEIR, Anserini, MS MARCO and others write them, or arrays and whole objects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from nirank.collections.readers.record_builder import RecordBuilder
from nirank.collections.readers.records import Record, Side
from nirank.collections.readers.text_format import TextFormat
from nirank.errors import DataError
from nirank.forms.column_names import TextColumns
from nirank.forms.json_values import name_json_kind, read_values
from nirank.forms.names import ID_NAMES, TEXT_NAMES, TITLE_NAMES, is_known
from nirank.forms.squad import Context, is_squad, read_contexts

_OBJECT = re.compile(r"\{\s*(\"|\}|\Z)|\[\s*[\[{]")
_TEXT_FIELD_NAMES = (*TITLE_NAMES, *TEXT_NAMES)


def begins_json(lines: Sequence[str]) -> bool:
    """Tell whether a file's first lines begin an object, or an array of objects or arrays."""
    return bool(_OBJECT.match("".join(lines).lstrip()))


def read_json(path: Path, side: Side, columns: TextColumns) -> Iterator[Record]:
    """Yield the records of a JSON file: objects one a line, pretty-printed, in one array or by id; SQuAD's.

    `_id` (or id, docid, …), `title` and `text` (or contents, body, …) are taken; other keys go into
    the metadata, whose own keys win. Of SQuAD's files, documents are the contexts, queries the questions.
    Raises DataError, file:line, for what is not JSON, values that are no objects, a record without an
    id, and values that cannot be text.
    """
    builder = RecordBuilder(path, columns)
    if columns.excluded is not None:
        yield from _read_rows(path, builder)
        return
    values = read_values(path)
    first = next(values, None)
    if first is None:
        return
    if is_squad(first[1]):
        if columns.list_names():
            raise DataError(f"{path}: is in SQuAD's form, which has no columns to name")
        yield from _read_squad(path, first[1], side, builder)
        return
    second = next(values, None)
    if second is None and _maps_ids(first[1]):
        first = first[0], [{"_id": id, **record} for id, record in first[1].items()]
    for line, value in chain((first,), () if second is None else (second,), values):
        members = enumerate(value, 1) if isinstance(value, list) and line == first[0] else ((line, value),)
        for place, member in members:
            if type(member) is not dict:
                raise DataError(
                    f"{path}:{place}: a JSON {name_json_kind(member)}; expected an object with _id and text"
                )
            yield builder.build_record(member, f"{path}:{place}", place)
    builder.refuse_absent()


def _read_rows(path: Path, builder: RecordBuilder) -> Iterator[Record]:
    """Yield objects as rows of one table: its columns are all keys there are, empty where an object lacks one."""
    names = dict.fromkeys(name for _, member in _iterate_objects(path) for name in member)
    for number, (where, member) in enumerate(_iterate_objects(path), 1):
        yield builder.build_row({**dict.fromkeys(names, ""), **member}, where, number)


def _iterate_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for line, value in read_values(path):
        for place, member in enumerate(value, 1) if isinstance(value, list) else ((line, value),):
            if type(member) is not dict:
                raise DataError(f"{path}:{place}: a JSON {name_json_kind(member)}; expected an object with an id")
            yield f"{path}:{place}", member


def _maps_ids(value: Any) -> bool:
    """Tell whether an object is `{id: {title, text, …}}`, as BEIR's own code holds a corpus."""
    if not isinstance(value, dict) or not value or any(is_known(name, ID_NAMES) for name in value):
        return False
    records = value.values()
    return all(
        isinstance(record, dict) and any(is_known(name, _TEXT_FIELD_NAMES) for name in record) for record in records
    )


def _read_squad(path: Path, value: Any, side: Side, builder: RecordBuilder) -> Iterator[Record]:
    try:
        contexts = list(read_contexts(value))
    except ValueError as error:
        raise DataError(f"{path}: {error}") from None
    number = 0
    for context in contexts:
        for record in _list_squad_objects(context, side):
            number += 1
            yield builder.build_record(record, f"{path}: paragraph {context.id}", number)


def _list_squad_objects(context: Context, side: Side) -> Iterator[dict[str, Any]]:
    if side == "docs":
        yield {"_id": context.id, "title": context.title, "text": context.text}
    else:
        for question in context.questions:
            yield {"_id": question.id, "text": question.text}


JSON = TextFormat("JSON", read_json, ("jsonl", "ndjson", "json"), begins_json, has_columns=True)
