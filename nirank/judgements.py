"""Judgement files: BEIR's three columns or TREC's four, read into arrays."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nirank.errors import DataError
from nirank.files import read_text

_SHOWN = 3  # mistakes that are spelled out
_NUMBER = (
    r"^[+-]?(\d|\.\d|inf|nan)"  # what a label may be mistaken for a header by: `0.7` and `NaN` are labels, if bad ones
)


@dataclass(frozen=True, eq=False)
class QrelsFile:
    """Judgements as a file lists them, identical repeats dropped.

    source     what the errors call it
    form       'beir' (query, document, label), 'trec' (query, iteration, document, label) or
               'empty'; 'memory' where there was no file
    header     whether the first line was a header
    query_ids  (n,) strings
    doc_ids    (n,) strings
    grades     (n,) int64
    repeated   how many identical repeats were dropped
    """

    source: str
    form: Literal["beir", "trec", "empty", "memory"]
    header: bool
    query_ids: pa.Array
    doc_ids: pa.Array
    grades: NDArray[np.int64]
    repeated: int = 0

    def __len__(self) -> int:
        return len(self.grades)

    @classmethod
    def of(cls, judged: Iterable[tuple[str, str, int]], source: str) -> QrelsFile:
        """Take judgements from memory; repeats and conflicts are treated as in a file."""
        rows = list(judged)
        queries, docs = (pa.array([row[i] for row in rows], pa.large_string()) for i in (0, 1))
        grades = np.array([row[2] for row in rows], np.int64)
        return _distinct(cls(source, "memory", False, queries, docs, grades), np.arange(1, len(rows) + 1))


def read_qrels(path: str | Path) -> QrelsFile:
    """Read a judgement file: three columns (BEIR) or four (TREC), between tabs or blanks.

    The first line is a header only if its label is not a number. Ids are opaque: nothing is
    stripped from them (between tabs, blanks belong to the id) or converted. CR LF, a byte order
    mark, blank lines and `.gz` are accepted; the iteration column is ignored.
    Raises DataError, naming file and line, for a line with another number of columns, an empty
    id, a label that is not an integer, or a pair with two different labels.
    """
    path = Path(path)
    lines = pc.list_flatten(pc.split_pattern(pa.array([read_text(path)], pa.large_string()), "\n"))
    lines = pc.ascii_rtrim(lines, "\r\t ")
    numbers = np.flatnonzero(np.asarray(pc.not_equal(pc.ascii_ltrim(lines, "\t "), ""))) + 1
    lines = lines.take(pa.array(numbers - 1))
    if not len(lines):
        return QrelsFile(str(path), "empty", False, lines, lines, np.empty(0, np.int64))
    fields, columns = _split(lines, numbers, path)
    queries, docs, labels = (
        fields.take(pa.array(np.arange(at, len(fields), columns))) for at in (0, -2 % columns, -1 % columns)
    )
    labels = pc.ascii_trim(labels, " ")
    header = not re.match(_NUMBER, labels[0].as_py(), re.IGNORECASE)
    if header:
        queries, docs, labels, numbers = queries[1:], docs[1:], labels[1:], numbers[1:]
    for ids, what in ((queries, "query"), (docs, "document")):
        _refuse(path, numbers, pc.equal(ids, ""), f"the {what} id is empty")
    bad = pc.invert(pc.match_substring_regex(labels, r"^[+-]?\d{1,9}$"))
    _refuse(path, numbers, bad, "label '{}' is not an integer", labels)
    grades = np.asarray(pc.ascii_ltrim(labels, "+").cast(pa.int64()))
    form: Literal["beir", "trec"] = "beir" if columns == 3 else "trec"
    return _distinct(QrelsFile(str(path), form, header, queries, docs, grades), numbers)


def _split(lines: pa.Array, numbers: NDArray[np.int64], path: Path) -> tuple[pa.Array, int]:
    """Split lines at what separates the first one; return all fields in one array, and how many a line has."""
    first = lines[0].as_py()
    by_tab = len(first.split("\t")) in (3, 4)
    parts = pc.split_pattern(lines, "\t") if by_tab else pc.ascii_split_whitespace(pc.ascii_ltrim(lines, "\t "))
    lengths = np.asarray(pc.list_value_length(parts))
    columns = int(lengths[0])
    if columns not in (3, 4):
        raise DataError(f"{path}:{numbers[0]}: {columns} columns; expected 3 (query, document, label) or TREC's 4")
    _refuse(
        path,
        numbers,
        pa.array(lengths != columns),
        f"{{}} columns; expected {columns}, as in line {numbers[0]}",
        pa.array(lengths),
    )
    return pc.list_flatten(parts), columns


def _refuse(
    path: Path, numbers: NDArray[np.int64], bad: pa.Array, message: str, values: pa.Array | None = None
) -> None:
    """Raise DataError with one sentence a bad line, if there are any."""
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


def _distinct(found: QrelsFile, numbers: NDArray[np.int64]) -> QrelsFile:
    """Drop identical repeats; raise DataError naming both lines where two labels contradict each other."""
    queries, docs = found.query_ids.dictionary_encode(), found.doc_ids.dictionary_encode()
    keys = np.asarray(queries.indices, np.int64) * max(len(docs.dictionary), 1) + np.asarray(docs.indices, np.int64)
    order = np.argsort(keys, kind="stable")
    later = np.flatnonzero(keys[order][1:] == keys[order][:-1]) + 1
    if not len(later):
        return found
    one, other = order[later - 1], order[later]
    clash = np.flatnonzero(found.grades[one] != found.grades[other])
    if len(clash):
        said = [
            f"{found.source}:{numbers[a]} and :{numbers[b]}: query '{found.query_ids[a]}' and document"
            f" '{found.doc_ids[a]}' have labels {found.grades[a]} and {found.grades[b]}; expected one"
            for a, b in zip(one[clash[:_SHOWN]].tolist(), other[clash[:_SHOWN]].tolist(), strict=True)
        ]
        if len(clash) > _SHOWN:
            said.append(f"{found.source}: {len(clash) - _SHOWN:,} more contradictions")
        raise DataError(*said)
    kept = np.sort(np.delete(order, later))
    at = pa.array(kept)
    return QrelsFile(
        found.source,
        found.form,
        found.header,
        found.query_ids.take(at),
        found.doc_ids.take(at),
        found.grades[kept],
        len(later),
    )
