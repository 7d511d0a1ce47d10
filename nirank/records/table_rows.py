"""Rows of tables: where the header is, what separates cells, and what is no row of records."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from nirank.base.files import MAX_LINE_BYTES
from nirank.errors import DataError
from nirank.forms.separators import SEPARATORS
from nirank.records.columns import count_known

_SEARCHED = 60  # lines in which a header may stand: databases write the search before it


class HeaderPlace(NamedTuple):
    """Where a table's header stands: how many lines come before it, and what separates its cells."""

    before: int
    separator: str


class TableRows(NamedTuple):
    """A table: its columns, and (line, cells) of each row that is not blank."""

    header: tuple[str, ...]
    rows: list[tuple[int, list[str]]]


def find_header(lines: Iterable[str]) -> HeaderPlace | None:
    """Return where the header of a table of records stands among its first lines; None where there is none."""
    for number, line in enumerate(islice(lines, _SEARCHED)):
        counts = {separator: count_known(split_header(line, separator)) for separator in SEPARATORS}
        best = max(SEPARATORS, key=lambda separator: counts[separator])
        if counts[best]:
            return HeaderPlace(number, best)
    return None


def split_header(line: str, separator: str) -> list[str]:
    """Return the cells of one line; none where its quotes do not match."""
    try:
        return [unwrap_cell(cell) for cell in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:
        return []


def unwrap_cell(cell: str) -> str:
    """Return a cell without the `="…"` in which numbers are kept from Excel."""
    return cell[2:-1].replace('""', '"') if cell.startswith('="') and cell.endswith('"') and len(cell) > 2 else cell


def read_rows(text: str, place: HeaderPlace, path: Path, findings: Counter[str]) -> TableRows:
    """Return the rows below a header. Cells may be in quotes; quotes that do not match are counted.

    Raises DataError for a cell of more than 64 MiB.
    """
    lines = text.split("\n")
    body = lines[place.before :]
    findings["lines before the header"] += sum(bool(line.strip()) for line in lines[: place.before])
    csv.field_size_limit(MAX_LINE_BYTES)
    try:
        rows = list(_iterate_quoted(body, place))
    except csv.Error as error:
        if "field larger" in str(error):
            raise DataError(f"{path}: a cell is longer than {MAX_LINE_BYTES >> 20} MiB") from None
        rows, how = _read_odd_quotes(body, place)
        findings[f"lines whose quotes do not match, so that {how}"] += 1
    header, records = rows[0][1], rows[1:]
    return TableRows(tuple(name.strip() for name in header), drop_blank_rows(records, findings))


def _read_odd_quotes(lines: Sequence[str], place: HeaderPlace) -> tuple[list[tuple[int, list[str]]], str]:
    """Return rows where some quotes do not match, and how they were read.

    Quotes are taken as they come, or as text, whichever makes more rows as wide as the header.
    """
    as_text = [
        (place.before + number, line.split(place.separator)) for number, line in enumerate(lines, 1) if line.strip()
    ]
    as_text[0] = as_text[0][0], [name.strip().strip('"') for name in as_text[0][1]]
    try:
        as_quotes = list(_iterate_quoted(lines, place, strict=False))
    except csv.Error:  # one that is never closed makes a cell of all that follows
        as_quotes = as_text
    if _count_whole(as_quotes) > _count_whole(as_text):
        return as_quotes, "those cells may lack quotes"
    return as_text, "quotes are read as text"


def _count_whole(rows: Sequence[tuple[int, list[str]]]) -> int:
    """Return how many rows are as wide as the first."""
    return sum(len(cells) == len(rows[0][1]) for _, cells in rows)


def _iterate_quoted(
    lines: Sequence[str], place: HeaderPlace, *, strict: bool = True
) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=place.separator, strict=strict)
    begin = place.before + 1
    for cells in reader:
        if cells:
            yield begin, [unwrap_cell(cell) for cell in cells]
        begin = place.before + reader.line_num + 1


def drop_blank_rows(rows: list[tuple[int, list[str]]], findings: Counter[str]) -> list[tuple[int, list[str]]]:
    """Return the rows that hold anything; the others are no records, and counted."""
    filled = [row for row in rows if any(cell and not cell.isspace() for cell in row[1])]
    findings["blank rows, which are no records"] += len(rows) - len(filled)
    return filled
