"""Small files of id columns, judgements and candidates: TSV, blanks, CSV or Parquet, into string arrays."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nirank.errors import DataError
from nirank.files import read_text

LineEnds = Literal["lf", "crlf", "mixed", "none"]

_SHOWN = 3  # mistakes that are spelled out


@dataclass(frozen=True, eq=False)
class IdColumns:
    """A file's columns as text.

    names      of the columns where the first line is a header (or the format has names), else None
    columns    (n,) large strings each
    numbers    (n,) line of each row, from 1 (in Parquet: row)
    line_ends  'lf', 'crlf', 'mixed'; 'none' where the format has no lines
    """

    path: Path
    names: list[str] | None
    columns: list[pa.Array]
    numbers: NDArray[np.int64]
    line_ends: LineEnds

    def __len__(self) -> int:
        return len(self.numbers)

    def named(self, *names: Sequence[str]) -> list[pa.Array] | None:
        """Return the columns called by one of the names of each group; None unless all are there."""
        if self.names is None:
            return None
        lower = [name.strip().lower() for name in self.names]
        found = [next((lower.index(one) for one in group if one in lower), None) for group in names]
        return None if None in found else [self.columns[at] for at in found if at is not None]

    def refuse(self, bad: Any, message: str, values: pa.Array | None = None) -> None:
        """Raise DataError with one sentence a bad row, (n,) bool, if there are any."""
        refuse_lines(self.path, self.numbers, bad, message, values)


def read_columns(path: Path, widths: tuple[int, ...], is_header: Callable[[list[str]], bool]) -> IdColumns:
    """Read a file whose lines have one of `widths` columns, all of them the same.

    Ids are opaque: nothing is stripped from them (between tabs, blanks belong to the id) or
    converted. CR LF, a byte order mark, blank lines and `.gz` are accepted.
    Raises DataError, naming file and line, for a line with another number of columns.
    """
    kind = path.name.removesuffix(".gz").rpartition(".")[2].lower()
    if kind == "parquet":
        return _parquet(path)
    text = read_text(path)
    crlf, lf = text.count("\r\n"), text.count("\n")
    ends: LineEnds = "lf" if not crlf else "crlf" if crlf == lf else "mixed"
    columns, numbers = _csv(path, text, widths) if kind == "csv" else _split(path, text, widths)
    if not len(numbers):
        return IdColumns(path, None, [pa.array([], pa.large_string())] * widths[0], numbers, ends)
    first = [column[0].as_py() for column in columns]
    names = first if is_header(first) else None
    if names is not None:
        columns, numbers = [column[1:] for column in columns], numbers[1:]
    return IdColumns(path, names, columns, numbers, ends)


def _parquet(path: Path) -> IdColumns:
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0]})") from error
    columns = [column.cast(pa.large_string()).combine_chunks() for column in table.columns]
    return IdColumns(path, list(table.column_names), columns, np.arange(1, len(table) + 1), "none")


def _csv(path: Path, text: str, widths: tuple[int, ...]) -> tuple[list[pa.Array], NDArray[np.int64]]:
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    try:
        rows = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: not valid CSV ({error})") from None
    if not rows:
        return [], np.empty(0, np.int64)
    width = len(rows[0][1])
    numbers = np.array([number for number, _ in rows], np.int64)
    lengths = np.array([len(cells) for _, cells in rows])
    _check_widths(path, numbers, lengths, width, widths)
    return [pa.array([cells[at] for _, cells in rows], pa.large_string()) for at in range(width)], numbers


def _split(path: Path, text: str, widths: tuple[int, ...]) -> tuple[list[pa.Array], NDArray[np.int64]]:
    """Split lines at what separates the first one: tabs, else blanks."""
    lines = pc.list_flatten(pc.split_pattern(pa.array([text], pa.large_string()), "\n"))
    lines = pc.ascii_rtrim(lines, "\r\t ")
    numbers = np.flatnonzero(np.asarray(pc.not_equal(pc.ascii_ltrim(lines, "\t "), ""))) + 1
    lines = lines.take(pa.array(numbers - 1))
    if not len(lines):
        return [], numbers
    by_tab = len(lines[0].as_py().split("\t")) in widths
    parts = pc.split_pattern(lines, "\t") if by_tab else pc.ascii_split_whitespace(pc.ascii_ltrim(lines, "\t "))
    lengths = np.asarray(pc.list_value_length(parts))
    width = int(lengths[0])
    _check_widths(path, numbers, lengths, width, widths)
    flat = pc.list_flatten(parts)
    return [flat.take(pa.array(np.arange(at, len(flat), width))) for at in range(width)], numbers


def _check_widths(
    path: Path, numbers: NDArray[np.int64], lengths: NDArray[Any], width: int, widths: tuple[int, ...]
) -> None:
    if width not in widths:
        wanted = {2: "2 (query, document)", 3: "3 (query, document, label)", 4: "TREC's 4"}
        expected = " or ".join(wanted[one] for one in widths)
        raise DataError(f"{path}:{numbers[0]}: {width} columns; expected {expected}")
    message = f"{{}} columns; expected {width}, as in line {numbers[0]}"
    refuse_lines(path, numbers, pa.array(lengths != width), message, pa.array(lengths))


def refuse_lines(
    path: Path, numbers: NDArray[np.int64], bad: Any, message: str, values: pa.Array | None = None
) -> None:
    """Raise DataError with one sentence a bad line, if there are any; `{}` in the message is its value."""
    rows = np.flatnonzero(np.asarray(bad))
    if not len(rows):
        return
    said = [
        f"{path}:{numbers[row]}: {message.format(values[int(row)].as_py()) if values is not None else message}"
        for row in rows[:_SHOWN]
    ]
    if len(rows) > _SHOWN:
        said.append(f"{path}: {len(rows) - _SHOWN:,} more such lines")
    raise DataError(*said)
