"""Tables of texts: CSV, TSV and Parquet, each streaming."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nirank.collections.json_lines import record_of
from nirank.collections.records import ID_KEYS, TEXT_KEYS, TITLE_KEYS, Record
from nirank.errors import DataError
from nirank.files import read_lines

_BATCH_ROWS = 1024
_HEADLESS = {2: ("_id", "text"), 3: ("_id", "title", "text")}  # columns of a TSV file without a header


def read_csv(path: Path) -> Iterator[Record]:
    """Yield the rows of a CSV file with a header; quotes and line breaks inside them as in RFC 4180."""
    csv.field_size_limit(2**31 - 1)  # whole documents stand in one field
    reader = csv.reader((line for _, line in read_lines(path)), strict=True)
    names: list[str] | None = None
    try:
        for cells in reader:
            if not cells:
                continue
            if names is None:
                names = _header(path, cells)
                continue
            yield _row(path, reader.line_num, names, cells)
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: not valid CSV ({error})") from None


def read_tsv(path: Path) -> Iterator[Record]:
    """Yield the lines of a TSV file. Nothing is quoted; a header is one whose first cell names an id.

    Without a header two columns are id and text, three are id, title and text.
    """
    names: Sequence[str] | None = None
    for number, line in read_lines(path):
        cells = line.rstrip("\r\n").split("\t")
        if cells == [""]:
            continue
        if names is None:
            if cells[0].lower() in ID_KEYS:
                names = _header(path, cells)
                continue
            names = _HEADLESS.get(len(cells))
            if names is None:
                raise DataError(
                    f"{path}:{number}: {len(cells)} columns and no header; expected id and text, or id, title and"
                    " text, or a header that begins with one of _id, id, docid, qid"
                )
        yield _row(path, number, names, cells)


def read_parquet(path: Path) -> Iterator[Record]:
    """Yield the rows of a Parquet file; `where` counts rows from 1."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
            _header(path, names)
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                for values in batch.to_pylist():
                    number += 1
                    whole = {name: _plain(value) for name, value in values.items()}
                    yield _record(whole, names, f"{path}:{number}", number)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0]})") from error


def _header(path: Path, names: Sequence[str]) -> list[str]:
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise DataError(f"{path}: column '{twice[0]}' occurs twice; expected each name once")
    if not any(name in ID_KEYS for name in names):
        raise DataError(f"{path}: no column holds ids; found {', '.join(names)}; expected one of _id, id, docid, qid")
    return list(names)


def _row(path: Path, number: int, names: Sequence[str], cells: Sequence[str]) -> Record:
    if len(cells) != len(names):
        raise DataError(f"{path}:{number}: {len(cells)} columns; expected {len(names)}: {', '.join(names)}")
    return _record(dict(zip(names, cells, strict=True)), names, f"{path}:{number}", number)


def _record(values: Mapping[str, Any], names: Sequence[str], where: str, number: int) -> Record:
    """Make a record of a row; a table without title and text has all its columns as text."""
    if any(name in (*TITLE_KEYS, *TEXT_KEYS) for name in names):
        return record_of({name: value for name, value in values.items() if value not in ("", None)}, where, number)
    id = next(name for name in ID_KEYS if name in names)
    more = {name: "" if value is None else str(value) for name, value in values.items() if name != id}
    return record_of({id: values[id]}, where, number)._replace(more=more)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: dates and decimals become text, NaN nothing."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
