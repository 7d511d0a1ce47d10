"""Several record files as one search: all their records in one form, none left out, each with where it came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from nirank.forms.names import normalise_name
from nirank.records.conversion import TABLES
from nirank.records.record import BibliographicRecord, RecordFile
from nirank.records.table_writer import make_table

Column = tuple[str, int]  # a column's name as it is compared, and which of those that have it


@dataclass(frozen=True)
class JoinedFiles:
    """The records of several files, one file after the other.

    file     all of them: in the files' form where that is one of tags or elements, else as a table of all columns
    sources  where each is from: `a.csv: a1`
    """

    file: RecordFile
    sources: Sequence[str]


def join_files(files: Sequence[RecordFile]) -> JoinedFiles:
    """Return the records of files as one search."""
    first = files[0]
    sources = [f"{file.path.name}: {record.id}" for file in files for record in file.records]
    if len(files) == 1:
        return JoinedFiles(first, sources)
    findings: Counter[str] = Counter()
    for file in files:
        findings.update(file.findings)
    if len({file.format for file in files}) == 1 and first.format not in TABLES:
        records = [record for file in files for record in file.records]
        return JoinedFiles(replace(first, records=records, findings=findings), sources)
    header, records = _join_tables(files)
    form = first.format if first.format in TABLES else "csv"
    tool = first.tool if len({file.tool for file in files}) == 1 else ""
    return JoinedFiles(RecordFile(first.path, form, records, tool, header, "utf-8", findings), sources)


def _join_tables(files: Sequence[RecordFile]) -> tuple[tuple[str, ...], list[BibliographicRecord]]:
    """Return the columns of all files, those of one name once, and the records with a field for each column."""
    names: dict[Column, str] = {}
    tables = []
    for file in files:
        header, rows = make_table(file, range(len(file.records)), {})
        columns = _number_columns(header)
        for column, name in zip(columns, header, strict=True):
            names.setdefault(column, name)
        tables.append((columns, rows))
    records = []
    for file, (columns, rows) in zip(files, tables, strict=True):
        for record, cells in zip(file.records, rows, strict=True):
            values = dict(zip(columns, cells, strict=True))
            fields = tuple((name, values.get(column, "")) for column, name in names.items())
            records.append(replace(record, fields=fields))
    return tuple(names.values()), records


def _number_columns(header: Sequence[str]) -> list[Column]:
    counts: Counter[str] = Counter()
    columns = []
    for name in map(normalise_name, header):
        columns.append((name, counts[name]))
        counts[name] += 1
    return columns
