"""Tables of texts: CSV, TSV and Parquet, each streaming."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

from nirank.base.files import MAX_LINE_BYTES, read_lines
from nirank.collections.readers.record_builder import RecordBuilder
from nirank.collections.readers.record_files import is_foreign_table, read_record_documents
from nirank.collections.readers.records import Record, Side
from nirank.collections.readers.text_format import TextFormat
from nirank.errors import DataError, suggest
from nirank.forms.column_names import TextColumns
from nirank.forms.names import ID_NAMES, TEXT_NAMES, TITLE_NAMES, AmbiguousName, find_name, is_known, join_names
from nirank.forms.parquet import read_column_names, read_rows
from nirank.forms.separators import SEPARATORS, find_separator, is_even, name_separator

_SAMPLE = 20  # lines in which the separator is looked for
_HEADLESS = {2: ("_id", "text"), 3: ("_id", "title", "text")}  # columns of a TSV file without a header


def read_csv(path: Path, side: Side, columns: TextColumns) -> Iterator[Record]:
    """Yield the rows of a CSV file with a header; quotes and line breaks inside them as in RFC 4180.

    Commas separate, or semicolons, tabs or vertical bars where these make a header with an id.
    """
    if is_foreign_table(path, columns):
        yield from read_record_documents(path, side, columns)
        return
    csv.field_size_limit(MAX_LINE_BYTES)  # whole documents stand in one field
    lines = (line for _, line in read_lines(path))
    sample = list(islice(lines, _SAMPLE))
    separator = find_separator([line for line in sample if not line.isspace()], lambda cells: _names_id(cells, columns))
    reader = csv.reader(chain(sample, lines), delimiter=separator, strict=True)
    builder = RecordBuilder(path, columns)
    names: list[str] | None = None
    try:
        for cells in reader:
            if not cells:
                continue
            if names is None:
                names = _check_header(path, cells, columns, sample)
                continue
            yield _build_row(builder, path, reader.line_num, names, cells)
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: not valid CSV ({error})") from None
    if names is not None:
        builder.refuse_absent()


def read_tsv(path: Path, side: Side, columns: TextColumns) -> Iterator[Record]:
    """Yield the lines of a TSV file. Nothing is quoted; a header is one that names an id, and a title or a text.

    Without a header two columns are id and text, three are id, title and text.
    """
    if is_foreign_table(path, columns):
        yield from read_record_documents(path, side, columns)
        return
    names: Sequence[str] | None = None
    builder = RecordBuilder(path, columns)
    for number, line in read_lines(path):
        cells = line.rstrip("\r\n").split("\t")
        if cells == [""]:
            continue
        if names is None:
            if is_table_header(cells, columns):
                names = _check_header(path, cells, columns, [line])
                continue
            if columns.list_names():
                _refuse_absent(path, cells, columns)
            names = _HEADLESS.get(len(cells))
            if names is None:
                raise DataError(
                    f"{path}:{number}: {len(cells)} columns and no header; expected id and text, or id, title and"
                    f" text, or a header with one of {', '.join(ID_NAMES)}"
                )
        yield _build_row(builder, path, number, names, cells)
    if names is not None:
        builder.refuse_absent()


def read_parquet(path: Path, side: Side, columns: TextColumns) -> Iterator[Record]:
    """Yield the rows of a Parquet file; `where` counts rows from 1."""
    _check_header(path, read_column_names(path), columns)
    builder = RecordBuilder(path, columns)
    for number, values in read_rows(path):
        yield builder.build_row(values, f"{path}:{number}", number)
    builder.refuse_absent()


def is_tsv(lines: Sequence[str]) -> bool:
    """Tell whether lines are a table between tabs: several, all with as many columns, or a header."""
    rows = [line.rstrip("\r\n").split("\t") for line in lines if not line.isspace()]
    if not rows or len(rows[0]) < 2 or any(len(cells) != len(rows[0]) for cells in rows):
        return False
    return is_table_header(rows[0]) or (len(rows) > 1 and all(cells[0].strip() for cells in rows))


def is_table_header(cells: Sequence[str], columns: TextColumns | None = None) -> bool:
    """Tell whether a line of tabs names columns: its first cell an id, or others an id and a text."""
    if columns is not None and columns.numbered:
        return True
    given = () if columns is None else columns.list_names()
    if any(name in cells for name in given) or is_known(cells[0], ID_NAMES):
        return True
    return all(any(is_known(cell, known) for cell in cells) for known in (ID_NAMES, (*TITLE_NAMES, *TEXT_NAMES)))


def _names_id(cells: Sequence[str], columns: TextColumns) -> bool:
    if columns.numbered:
        return False  # no name tells; what gives all lines as many columns does
    return columns.id in cells if columns.id is not None else any(is_known(cell, ID_NAMES) for cell in cells)


def _check_header(path: Path, names: Sequence[str], columns: TextColumns, lines: Sequence[str] = ()) -> list[str]:
    repeated = sorted({name for name in names if list(names).count(name) > 1})
    if repeated:
        raise DataError(f"{path}: column '{repeated[0]}' occurs twice; expected each name once")
    _refuse_absent(path, names, columns)
    if columns.numbered:
        return list(names)
    try:
        id = columns.id or find_name(names, ID_NAMES)
    except AmbiguousName as error:
        raise DataError(f"{path}: columns {error}; name one: columns: {{id: …}}") from None
    if id is None:
        likely = (separator for separator in SEPARATORS if is_even(lines, separator))
        separator = next(likely, None) if len(names) == 1 else None
        hint = "" if separator is None else f"; it looks separated by {name_separator(separator)}"
        raise DataError(
            f"{path}: no column holds ids; found {join_names(names)}{hint}; expected one of {', '.join(ID_NAMES)}, or"
            " columns: {id: …}, where null numbers the records"
        )
    return list(names)


def _refuse_absent(path: Path, names: Sequence[str], columns: TextColumns) -> None:
    for name in columns.list_names():
        if name not in names:
            raise DataError(f"{path}: there is no column '{name}'; it has {join_names(names)}{suggest(name, names)}")


def _build_row(builder: RecordBuilder, path: Path, number: int, names: Sequence[str], cells: Sequence[str]) -> Record:
    if len(cells) != len(names):
        raise DataError(f"{path}:{number}: {len(cells)} columns; expected {len(names)}: {join_names(names)}")
    return builder.build_row(dict(zip(names, cells, strict=True)), f"{path}:{number}", number)


CSV = TextFormat("CSV", read_csv, ("csv",), has_columns=True)
TSV = TextFormat("TSV", read_tsv, ("tsv",), is_tsv, has_columns=True)
PARQUET = TextFormat("Parquet", read_parquet, ("parquet",), has_columns=True)
