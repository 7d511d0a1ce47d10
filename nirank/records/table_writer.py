"""Records as tables: those of a table with its own columns, others with a column for each kind of field."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TextIO

from nirank.records.annotations import DECISION, parse_decision
from nirank.records.conversion import TABLES, list_portable_fields
from nirank.records.decisions import combine_decisions, find_note_decisions, parse_verdict
from nirank.records.record import BibliographicRecord, RecordFile
from nirank.records.tables import has_own_ranks

_COLUMN_OF_KIND = {"author": "authors", "keyword": "keywords", "note": "notes", "end page": "end_page"}
_FIRST = ("id", "title", "abstract", "authors", "date", "journal", "keywords", "doi", "pmid", "language")


def make_table(
    file: RecordFile, order: Sequence[int], added: Mapping[str, Sequence[str]]
) -> tuple[list[str], Iterator[list[str]]]:
    """Return the columns of a table of all records, in an order, and its rows.

    An added column stands in place of one of the same name that nirank wrote earlier, else behind all others; it is
    called nirank_NAME where the file has a column NAME of its own.
    """
    records = file.records
    if file.format in TABLES:
        width = max((len(record.fields) for record in records), default=0)
        header = [*file.header, *("" for _ in range(width - len(file.header)))]
        rows = [[value for _, value in record.fields] for record in records]
    else:
        header, rows, own = _spread_fields(file)
        added = {**own, **added}
    places = _place_columns(header, file, added)
    for name in added:
        if name not in places:
            places[name] = len(header)
            header.append(name if name not in header else f"nirank_{name}")
    columns = {
        name: [value and parse_decision(value) for value in values] if name == DECISION else values
        for name, values in added.items()
    }
    return header, _fill_rows(rows, len(header), order, {places[name]: values for name, values in columns.items()})


def _fill_rows(
    rows: Sequence[list[str]], width: int, order: Sequence[int], columns: Mapping[int, Sequence[str]]
) -> Iterator[list[str]]:
    for at in order:
        cells = [*rows[at], *("" for _ in range(width - len(rows[at])))]
        for place, values in columns.items():
            cells[place] = values[at]
        yield cells


def _place_columns(header: Sequence[str], file: RecordFile, names: Iterable[str]) -> dict[str, int]:
    """Return where added columns stand in place of earlier ones."""
    is_table = file.format in TABLES
    own_ranks = is_table and has_own_ranks(file.header, [record.fields for record in file.records])
    places: dict[str, int] = {}
    for name in names:
        own = f"nirank_{name}"
        replaces = own_ranks or not is_table or (name == DECISION and _holds_decisions(file, header))
        if own in header:
            places[name] = header.index(own)
        elif name in header and replaces:
            places[name] = header.index(name)
    return places


def _holds_decisions(file: RecordFile, header: Sequence[str]) -> bool:
    """Tell whether every cell of a table's column of decisions is one, so that it can be replaced by later ones."""
    if DECISION not in header:
        return False
    at = header.index(DECISION)
    cells = [record.fields[at][1] for record in file.records if at < len(record.fields)]
    return all(not cell.strip() or parse_verdict(cell) is not None for cell in cells)


def _spread_fields(file: RecordFile) -> tuple[list[str], list[list[str]], dict[str, list[str]]]:
    """Return columns and rows of records that had tags or elements, and columns of what nirank added earlier."""
    names: dict[str, None] = dict.fromkeys(_FIRST)
    spread: list[dict[str, list[str]]] = []
    for record in file.records:
        cells: dict[str, list[str]] = {}
        for kind, name, value in list_portable_fields(record, file.format):
            column = _COLUMN_OF_KIND.get(kind, kind) or name
            names.setdefault(column)
            cells.setdefault(column, []).append(value)
        spread.append(cells)
    rows = [[("\n" if name == "notes" else "; ").join(cells.get(name, ())) for name in names] for cells in spread]
    earlier = [dict(record.added) for record in file.records]
    own = {name: [values.get(name, "") for values in earlier] for name in dict.fromkeys(chain.from_iterable(earlier))}
    notes = ["\n".join(cells.get("notes", ())) for cells in spread]
    if any(map(_lacks_decision, file.records, notes)):
        own[DECISION] = [combine_decisions(record.decisions) or "" for record in file.records]
    return list(names), rows, own


def _lacks_decision(record: BibliographicRecord, notes: str) -> bool:
    """Tell whether a record's decisions are not said by its notes."""
    return combine_decisions(record.decisions) != combine_decisions(find_note_decisions([notes], Counter()))


def write_delimited(file: TextIO, header: Sequence[str], rows: Iterable[Sequence[str]], separator: str) -> None:
    """Write a table whose cells are separated by commas or tabs, in quotes where they must be."""
    writer = csv.writer(file, delimiter=separator, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([cell.replace("\r\n", "\n").replace("\r", "\n") for cell in row])
