"""XLSX workbooks: the rows of their first sheet as text, and a sheet of text."""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from nirank.errors import DataError, MissingExtra
from nirank.forms.cells import cell_to_text
from nirank.records.columns import count_known
from nirank.records.table_rows import TableRows, drop_blank_rows

_SEARCHED = 60  # rows in which the header may stand
_MAX_UNPACKED = 1 << 31
_MAX_RATIO = 500  # sheets of text pack to a tenth; 500 times is no sheet
_FREE_BYTES = 1 << 26
MAX_CELL = 32_767  # characters, a limit of the format
MAX_ROWS = 1_048_575  # below the header
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def is_workbook(raw: bytes) -> bool:
    """Tell whether a file is a zip archive, as workbooks are."""
    return raw.startswith(b"PK\x03\x04")


def read_workbook(raw: bytes, path: Path, findings: Counter[str]) -> TableRows:
    """Return the rows of the first sheet that has a header of records.

    Raises DataError for an archive that is no workbook, one that unpacks to far more than it holds, and a workbook
    without records; MissingExtra without openpyxl.
    """
    openpyxl = load_openpyxl()
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise DataError(f"{path}: begins like a workbook (XLSX), but is not a whole one ({error})") from None
    if "xl/workbook.xml" not in names:
        raise DataError(f"{path}: is a zip archive, but no workbook; expected it unpacked")
    if unpacked > _MAX_UNPACKED or unpacked > max(_FREE_BYTES, _MAX_RATIO * len(raw)):
        raise DataError(f"{path}: unpacks to {unpacked >> 20:,} MiB, far more than a workbook of its size holds")
    try:
        workbook = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
        sheets = [[_read_row(row) for row in sheet.iter_rows(values_only=True)] for sheet in workbook.worksheets]
        workbook.close()
    except Exception as error:  # what a damaged workbook makes openpyxl raise is of any kind
        raise DataError(f"{path}: the workbook cannot be read ({error})") from error
    for rows in sheets:
        place = next((at for at, cells in enumerate(rows[:_SEARCHED]) if count_known(cells)), None)
        if place is not None:
            findings["rows before the header"] += sum(any(map(str.strip, cells)) for cells in rows[:place])
            findings["sheets that hold no records"] += sum(bool(other) for other in sheets) - 1
            return _make_table(rows, place, findings)
    raise DataError(f"{path}: no sheet has a column with titles or abstracts; expected an export of records")


def load_openpyxl() -> Any:
    """Import openpyxl, or say how to get it."""
    try:
        import openpyxl
    except ImportError:
        raise MissingExtra("workbooks (.xlsx) need openpyxl: pip install 'nirank[workbooks]'") from None
    return openpyxl


def _read_row(values: Iterable[Any]) -> list[str]:
    return [_ESCAPED.sub(_unescape, cell_to_text(value) or "") for value in values]


def _unescape(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return "" if code == 0 or 0xD800 <= code < 0xE000 else chr(code)


def _make_table(rows: list[list[str]], place: int, findings: Counter[str]) -> TableRows:
    header = [name.strip() for name in rows[place]]
    while header and not header[-1]:
        header.pop()
    records = []
    for number, cells in enumerate(rows[place + 1 :], place + 2):
        while len(cells) > len(header) and not cells[-1]:
            cells.pop()
        records.append((number, cells))
    while records and not any(map(str.strip, records[-1][1])):  # formatted, but never written in
        records.pop()
    return TableRows(tuple(header), drop_blank_rows(records, findings))


def write_workbook(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a sheet of text: no cell is a formula or a number.

    Raises DataError for more rows, or longer cells, than the format can hold.
    """
    rows = list(rows)
    _refuse_excess(path, header, rows)  # before there is a sheet, which cannot be given up halfway
    openpyxl = load_openpyxl()
    from openpyxl.cell import WriteOnlyCell

    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet("records")

    def make_cell(value: str) -> Any:
        cell = WriteOnlyCell(sheet, value=None)
        if value:
            cell._value = _escape(value)  # as a setter it would make a formula of what begins with =
            cell.data_type = "s"
        return cell

    for row in (header, *rows):
        sheet.append([make_cell(value) for value in row])
    workbook.save(path)


def _refuse_excess(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if len(rows) > MAX_ROWS:
        raise DataError(f"{path}: a sheet holds {MAX_ROWS:,} records at most; write .csv instead")
    for number, row in enumerate(rows, 1):
        for name, value in zip(header, row, strict=False):
            if len(value) > MAX_CELL:
                raise DataError(
                    f"{path}: record {number:,} has {len(value):,} characters in '{name}', and a cell of XLSX holds"
                    f" {MAX_CELL:,} at most; write .csv instead"
                )


def _escape(value: str) -> str:
    value = _ESCAPED.sub(lambda match: f"_x005F_{match[0][1:]}", value)
    return _CONTROL.sub(lambda match: f"_x{ord(match[0]):04X}_", value)
