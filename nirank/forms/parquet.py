"""Parquet files, or folders of part files: rows for texts, columns of ids for judgements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from nirank.base.files import PACKED_SUFFIXES, open_file, read_bytes
from nirank.errors import DataError
from nirank.forms.cells import NotText, cell_to_id

_BATCH_ROWS = 1024


def read_column_names(path: Path) -> list[str]:
    """Return the names of a file's columns."""
    with _open_file(path) as file:
        return list(file.schema_arrow.names)


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (row from 1, values by column), streaming; Raises DataError where the file or a value cannot be read."""
    number = 0
    with _open_file(path) as file:
        batches = file.iter_batches(batch_size=_BATCH_ROWS)
        while True:
            try:
                batch = next(batches, None)
                rows = [] if batch is None else batch.to_pylist()
            except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
                raise DataError(
                    f"{path}: a value after row {number} cannot be read ({_get_first_line(error)})"
                ) from error
            if batch is None:
                return
            for values in rows:
                number += 1
                yield number, values


def read_id_columns(path: Path, names: Sequence[str]) -> list[pa.Array]:
    """Return columns as text, (n,) large strings each; raise DataError naming row and column of a cell that is none."""
    with _open_file(path) as file:
        try:
            table = file.read(columns=list(names), use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{path}: not a readable Parquet file ({_get_first_line(error)})") from error
    return [_convert_column(path, name, table[name]) for name in names]


def _convert_column(path: Path, name: str, column: pa.ChunkedArray) -> pa.Array:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind):
        return column.cast(kind).cast(pa.large_string()).combine_chunks()
    if pa.types.is_nested(kind):
        raise DataError(f"{path}: column '{name}' holds {_name_nested(kind)}; expected ids or numbers")
    cells: list[str | None] = []
    for number, value in enumerate(column.to_pylist(), 1):
        try:
            cells.append(cell_to_id(value))
        except NotText as error:
            raise DataError(f"{path}:{number}: column '{name}' holds {error}; expected ids or numbers") from None
    return pa.array(cells, pa.large_string())


def _name_nested(kind: pa.DataType) -> str:
    return "objects" if pa.types.is_struct(kind) or pa.types.is_map(kind) else "lists"


@contextmanager
def _open_file(path: Path) -> Iterator[Any]:
    import pyarrow.parquet as pq

    packed = path.suffix.lower() in PACKED_SUFFIXES
    with open_file(path):  # for the sentence about files that are not there
        source = pa.BufferReader(read_bytes(path)) if packed else path
    try:
        file = pq.ParquetFile(source)
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: not a readable Parquet file ({_get_first_line(error)})") from error
    with file:
        yield file


def _get_first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
