"""Files of id columns, judgements and candidates: separated text, Parquet or JSON, into string arrays."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nirank.base.files import MAX_LINE_BYTES, read_text, strip_packed_suffix
from nirank.errors import DataError, suggest
from nirank.forms.names import AmbiguousName, find_name, join_names
from nirank.forms.parquet import read_column_names, read_id_columns
from nirank.forms.separators import SEPARATORS, find_separator, is_even, split_cells

LineEnds = Literal["lf", "crlf", "mixed", "none"]

_MAX_EXAMPLES = 3  # mistakes that are spelled out
_SAMPLE = 50  # lines that show how columns are separated
_SMART = re.compile(r"^\s*\S+\s+\S+\s+0\s+0(\.0+)?\s*$")
_SAMPLE_CHARACTERS = 1 << 20
_PAIR_WIDTH = 2  # columns
_WIDTHS = {2: "2 (query, document)", 3: "3 (query, document, label)", 4: "TREC's 4"}


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

    def find_column(self, known: Sequence[str], given: str | None = None) -> pa.Array | None:
        """Return the column under the name that was asked for, else under one of the known names; None: there is none.

        Raises DataError where the name that was asked for is not there, or two names differ by spelling only.
        """
        if self.names is None:
            if given is not None:
                raise DataError(f"{self.path}: has no header, so no column '{given}'")
            return None
        if given is not None:
            if given not in self.names:
                near = suggest(given, self.names)
                raise DataError(f"{self.path}: there is no column '{given}'; it has {join_names(self.names)}{near}")
            return self.columns[self.names.index(given)]
        try:
            name = find_name(self.names, known)
        except AmbiguousName as error:
            raise DataError(f"{self.path}: columns {error}; rename one") from None
        return None if name is None else self.columns[self.names.index(name)]

    def refuse(self, bad: Any, say: Callable[[Any], str], values: pa.Array) -> None:
        """Raise DataError with one sentence a bad row, (n,) bool, if there are any: what `say` makes of its value."""
        refuse_lines(self.path, self.numbers, bad, say, values)


def find_ending(path: Path) -> str:
    """Return a file's ending without what says that it is packed, in lower case: 'tsv'."""
    return strip_packed_suffix(path.name).rpartition(".")[2].lower()


def read_columns(
    path: Path,
    widths: tuple[int, ...],
    is_header: Callable[[Sequence[str]], bool],
    wanted: Callable[[Sequence[str]], Sequence[str]] = list,
) -> IdColumns:
    """Read a file whose lines have one of `widths` columns, all of them the same; with a header, any number.

    is_header  tells whether the first line names columns
    wanted     returns the names of those columns of a Parquet file that are needed; the others may hold anything
    Ids are opaque: nothing is stripped from them (between tabs, blanks belong to the id) or
    converted. CR LF, a byte order mark, blank lines and packed files are accepted.
    Raises DataError, naming file and line, for a line with another number of columns.
    """
    if find_ending(path) == "parquet":
        return _read_parquet(path, wanted)
    text = read_text(path)
    crlf, lf = text.count("\r\n"), text.count("\n")
    ends: LineEnds = "lf" if not crlf else "crlf" if crlf == lf else "mixed"
    sample = [line for line in islice(_iterate_lines(text[:_SAMPLE_CHARACTERS]), _SAMPLE) if not line.isspace()]
    separator = _find_separator(path, sample, widths, is_header)
    read = _read_split if separator in ("\t", " ") else _read_quoted
    columns, numbers, first = read(path, text, separator, widths, is_header)
    if not len(numbers):
        return IdColumns(path, None, [pa.array([], pa.large_string())] * widths[0], numbers, ends)
    names = first if is_header(first) else None
    if names is not None:
        columns, numbers = [column[1:] for column in columns], numbers[1:]
    return IdColumns(path, names, columns, numbers, ends)


def _iterate_lines(text: str) -> Iterator[str]:
    """Yield lines that end with LF, or CR LF, never at what else Unicode calls a line's end."""
    return (f"{line}\n" for line in text.split("\n"))


def _find_separator(
    path: Path, sample: Sequence[str], widths: tuple[int, ...], is_header: Callable[[Sequence[str]], bool]
) -> str:
    """Return what separates columns: in CSV as `find_separator` says, else tabs or blanks, else what does so in CSV."""

    def is_fitting(cells: Sequence[str]) -> bool:
        return len(cells) in widths or is_header(cells)

    if find_ending(path) == "csv":
        return find_separator(sample, is_header)
    if sample and all(_SMART.match(line) for line in sample):  # CISI mixes blanks and tabs
        return " "
    lines = [line.rstrip("\r\n\t ") for line in sample]
    for separator in ("\t", " "):
        counts = {len(line.split(separator if separator == "\t" else None)) for line in lines}
        if len(counts) == 1 and counts.pop() > 1 and is_fitting(_split_line(lines[0], separator)):
            return separator
    quoted = next((separator for separator in SEPARATORS if separator != "\t" and is_even(sample, separator)), None)
    if quoted is not None and is_fitting(split_cells(sample, quoted)[0]):
        return quoted
    return "\t" if lines and is_fitting(_split_line(lines[0], "\t")) else " "


def _split_line(line: str, separator: str) -> list[str]:
    return line.split("\t") if separator == "\t" else line.split()


ParsedColumns = tuple[list[pa.Array], NDArray[np.int64], list[str]]


def _read_quoted(
    path: Path, text: str, separator: str, widths: tuple[int, ...], is_header: Callable[[Sequence[str]], bool]
) -> ParsedColumns:
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(_iterate_lines(text), delimiter=separator, strict=True)
    try:
        rows = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: not valid CSV ({error})") from None
    if not rows:
        return [], np.empty(0, np.int64), []
    first = rows[0][1]
    numbers = np.array([number for number, _ in rows], np.int64)
    lengths = np.array([len(cells) for _, cells in rows])
    _check_widths(path, numbers, lengths, () if is_header(first) else widths)
    flat = [pa.array([cells[at] for _, cells in rows], pa.large_string()) for at in range(len(first))]
    return flat, numbers, first


def _read_split(
    path: Path, text: str, separator: str, widths: tuple[int, ...], is_header: Callable[[Sequence[str]], bool]
) -> ParsedColumns:
    """Split lines at tabs or blanks, without Python strings: judgements may be millions."""
    lines = pc.list_flatten(pc.split_pattern(pa.array([text], pa.large_string()), "\n"))
    lines = pc.ascii_rtrim(lines, "\r ")
    numbers = np.flatnonzero(np.asarray(pc.not_equal(pc.ascii_trim(lines, "\t "), ""))) + 1
    lines = lines.take(pa.array(numbers - 1))
    if not len(lines):
        return [], numbers, []
    by_tab = separator == "\t"
    trimmed = pc.ascii_rtrim(lines, "\t ")
    if (
        not by_tab or len(trimmed[0].as_py().split("\t")) > _PAIR_WIDTH
    ):  # two cells and a tab are a pair without its label
        lines = trimmed
    parts = pc.split_pattern(lines, "\t") if by_tab else pc.ascii_split_whitespace(pc.ascii_ltrim(lines, "\t "))
    lengths = np.asarray(pc.list_value_length(parts))
    first = parts[0].as_py()
    _check_widths(path, numbers, lengths, () if is_header(first) else widths)
    flat = pc.list_flatten(parts)
    width = len(first)
    return [flat.take(pa.array(np.arange(at, len(flat), width))) for at in range(width)], numbers, first


def _check_widths(path: Path, numbers: NDArray[np.int64], lengths: NDArray[Any], widths: tuple[int, ...]) -> None:
    """Refuse lines with another number of columns than the first one, and for that one all but `widths` (): any."""
    width = int(lengths[0])
    if widths and width not in widths:
        expected = " or ".join(_WIDTHS[count] for count in widths)
        raise DataError(f"{path}:{numbers[0]}: {width} columns; expected {expected}")
    expected = f"expected {width}, as in line {numbers[0]}"
    refuse_lines(path, numbers, lengths != width, lambda count: f"{count} columns; {expected}", lengths)


def _read_parquet(path: Path, wanted: Callable[[Sequence[str]], Sequence[str]]) -> IdColumns:
    names = read_column_names(path)
    if not names:
        raise DataError(f"{path}: has no columns")
    needed = list(wanted(names))
    columns = read_id_columns(path, needed)
    length = len(columns[0]) if columns else 0
    return IdColumns(path, needed, columns, np.arange(1, length + 1), "none")


def refuse_lines(
    path: Path, numbers: NDArray[np.int64], bad: Any, say: Callable[[Any], str], values: Sequence[Any] | pa.Array
) -> None:
    """Raise DataError with one sentence a bad line, if there are any: what `say` makes of its value."""
    rows = np.flatnonzero(np.asarray(bad))
    if not len(rows):
        return
    examples = [values[int(row)] for row in rows[:_MAX_EXAMPLES]]
    texts = [value.as_py() if isinstance(value, pa.Scalar) else value for value in examples]
    messages = [f"{path}:{numbers[row]}: {say(text)}" for row, text in zip(rows[:_MAX_EXAMPLES], texts, strict=True)]
    if len(rows) > _MAX_EXAMPLES:
        messages.append(f"{path}: {len(rows) - _MAX_EXAMPLES:,} more such lines")
    raise DataError(*messages)
