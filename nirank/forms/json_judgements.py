"""Judgements in JSON, as columns: objects with known keys, `{query: documents}`, or SQuAD's questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from nirank.errors import DataError
from nirank.forms.cells import NotText, cell_to_id, name_kind
from nirank.forms.id_columns import IdColumns
from nirank.forms.json_values import read_values
from nirank.forms.names import DOC_NAMES, LABEL_NAMES, QUERY_NAMES, is_known
from nirank.forms.squad import is_squad, read_contexts

_NAMES = ["query-id", "corpus-id", "score"]
_EXPECTED = "expected {query: [documents]}, {query: {document: label}}, or objects with query-id, corpus-id and score"


def read_json_columns(path: Path) -> IdColumns:
    """Read a JSON file of judgements; `numbers` count its judgements (of JSON lines: the lines) from 1.

    Raises DataError naming the place for what is none.
    """
    values = read_values(path)
    first = next(values, None)
    if first is None:
        return IdColumns(path, None, [pa.array([], pa.large_string())] * 3, np.empty(0, np.int64), "none")
    if isinstance(first[1], list) or (isinstance(first[1], Mapping) and _is_judgement_object(first[1])):
        return _read_objects(path, chain((first,), values))
    if next(values, None) is not None or not isinstance(first[1], Mapping):
        raise DataError(f"{path}:{first[0]}: no judgement; {_EXPECTED}")
    rows = list(_read_squad(path, first[1]) if is_squad(first[1]) else _read_pairs(path, first[1]))
    columns = [pa.array([row[at] for row in rows], pa.large_string()) for at in range(3)]
    return IdColumns(path, list(_NAMES), columns, np.arange(1, len(rows) + 1), "none")


def _is_judgement_object(value: Mapping[str, Any]) -> bool:
    return bool(value) and not any(isinstance(inner, (list, Mapping)) for inner in value.values())


def _read_objects(path: Path, values: Iterator[tuple[int, Any]]) -> IdColumns:
    rows: list[Mapping[str, Any]] = []
    numbers: list[int] = []
    for line, value in values:
        for place, member in enumerate(value, 1) if isinstance(value, list) else ((line, value),):
            if not isinstance(member, Mapping):
                raise DataError(f"{path}:{place}: {name_kind(member)}; {_EXPECTED}")
            rows.append(member)
            numbers.append(place)
    columns: dict[str, pa.Array] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        try:
            cells = [_read_cell(path, number, name, row.get(name)) for row, number in zip(rows, numbers, strict=True)]
        except DataError:
            if is_known(name, (*QUERY_NAMES, *DOC_NAMES, *LABEL_NAMES)):
                raise
            continue  # a list or an object is neither id nor label
        columns[name] = pa.array(cells, pa.large_string())
    return IdColumns(path, list(columns), list(columns.values()), np.array(numbers, np.int64), "none")


def _read_pairs(path: Path, judged: Mapping[str, Any]) -> Iterator[tuple[str, str | None, str | None]]:
    number = 0
    for query, listed in judged.items():
        if isinstance(listed, Mapping):
            pairs = [(document, label) for document, label in listed.items()]
        elif isinstance(listed, list):
            pairs = [(document, 1) for document in listed]
        else:
            raise DataError(f"{path}: query '{query}' has {name_kind(listed)}; {_EXPECTED}")
        for document, label in pairs:
            number += 1
            yield query, _read_cell(path, number, query, document), _read_cell(path, number, query, label)


def _read_squad(path: Path, value: Mapping[str, Any]) -> Iterator[tuple[str | None, str, str]]:
    number = 0
    try:
        for context in read_contexts(value):
            for question in context.questions:
                number += 1
                yield _read_cell(path, number, "id", question.id), context.id, "1" if question.answered else "0"
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: {error}") from None


def _read_cell(path: Path, number: int, name: str, value: Any) -> str | None:
    try:
        return cell_to_id(value)
    except NotText as error:
        raise DataError(f"{path}:{number}: '{name}' holds {error}; {_EXPECTED}") from None
