"""The lines of a run file as arrays: TREC's `query Q0 document rank score tag`, or the rows of a Parquet file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from nirank.base.files import open_file
from nirank.errors import DataError
from nirank.forms.id_columns import find_ending
from nirank.forms.names import DOC_NAMES, QUERY_NAMES, find_name, join_names
from nirank.forms.parquet import read_column_names, read_id_columns

_COLUMNS = ("query", "q0", "document", "rank", "score", "tag")
_SPACE = re.compile(rb"[ \t]+")
_FIRST_TAG = re.compile(rb"\n*[^\n]* ([^ \n]*)")
_IDS = pa.dictionary(pa.int32(), pa.large_string())
_BLOCK_BYTES = 1 << 24
_BLANK = ord(" ")


@dataclass(frozen=True, eq=False)
class RunLines:
    """The columns of a run file, in line order; ids are written once and pointed at.

    query_ids, doc_ids  distinct ids, in the order in which they first occur
    query, doc          (n,) places in them
    rank                (n,) int64 or float64; None where the column holds no numbers, which only matters to those
                        who believe it
    score               (n,) float64
    tag                 of the first line; '' for an empty file
    numbers             (n,) lines in the file from 1, where blank lines shift them; None: they do not
    """

    path: Path
    query_ids: pa.Array
    doc_ids: pa.Array
    query: NDArray[np.integer]
    doc: NDArray[np.integer]
    rank: NDArray[np.integer | np.floating] | None
    score: NDArray[np.float64]
    tag: str = ""
    numbers: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.score)

    def get_line_number(self, at: int) -> int:
        """Return where a line stands in the file, from 1."""
        return at + 1 if self.numbers is None else int(self.numbers[at])

    def get_ids(self, at: int) -> tuple[str, str]:
        """Return the query and the document of a line."""
        return str(self.query_ids[int(self.query[at])]), str(self.doc_ids[int(self.doc[at])])


def read_run_lines(path: Path) -> RunLines:
    """Read a run file, plain or packed; blanks and tabs separate, CR LF and a byte order mark are accepted.

    A Parquet file has columns query, document, score, and rank if it likes. Raises DataError, with file
    and line, for lines that are not six columns and scores that are no finite numbers.
    """
    if find_ending(path) == "parquet":
        return _check_scores(_read_parquet(path))
    with open_file(path) as file:
        raw = file.read()
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    numbers = None
    if _is_irregular(raw):
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        raw = b"\n".join(_SPACE.sub(b" ", line).strip() for line in raw.split(b"\n"))
        if b"\n\n" in raw or raw.startswith(b"\n"):
            numbers = np.flatnonzero([len(line) > 0 for line in raw.split(b"\n")]) + 1
    if not raw or raw.isspace():
        none, nothing = np.empty(0, np.int64), pa.array([], pa.large_string())
        return RunLines(path, nothing, nothing, none, none, none, np.empty(0))
    types = {"query": _IDS, "document": _IDS, "rank": pa.int64(), "score": pa.float64()}
    try:
        table = _parse_lines(raw, types)
    except pa.ArrowInvalid:
        try:
            table = _parse_lines(raw, types | {"rank": pa.large_string()})
        except pa.ArrowInvalid:
            raise _explain_failure(path, raw, numbers) from None
    tag = _FIRST_TAG.match(raw)
    query_ids, query = _split_dictionary(table["query"])
    doc_ids, doc = _split_dictionary(table["document"])
    first_tag = tag[1].decode(errors="replace") if tag else ""  # a tag decides nothing
    rank, score = _parse_ranks(table["rank"]), np.asarray(table["score"])
    return _check_scores(RunLines(path, query_ids, doc_ids, query, doc, rank, score, first_tag, numbers))


def _parse_ranks(column: pa.ChunkedArray) -> NDArray[np.integer | np.floating] | None:
    """Return ranks as numbers, such as 1.0 too; None where one is no number."""
    if pa.types.is_integer(column.type):
        return np.asarray(column)
    try:
        ranks = np.asarray(column.cast(pa.float64()))
    except pa.ArrowInvalid:
        return None
    return ranks if np.isfinite(ranks).all() else None


def _read_parquet(path: Path) -> RunLines:
    names = read_column_names(path)
    columns = [find_name(names, known) for known in (QUERY_NAMES, DOC_NAMES, ("score",), ("rank",))]
    for name, what in zip(columns[:3], ("query", "document", "score"), strict=True):
        if name is None:
            raise DataError(f"{path}: has no column '{what}'; it has {join_names(names)}")
    query_name, doc_name, score_name, rank_name = columns
    ids = [column.dictionary_encode() for column in read_id_columns(path, [str(query_name), str(doc_name)])]
    for column, what in zip(ids, ("query", "document"), strict=True):
        if column.null_count:
            raise DataError(f"{path}: {column.null_count:,} rows have no {what}")
    texts = read_id_columns(path, [str(score_name), *([rank_name] if rank_name else [])])
    try:
        score = np.asarray(texts[0].cast(pa.float64()).fill_null(np.nan))
    except pa.ArrowInvalid as error:
        raise DataError(f"{path}: column '{score_name}' holds no numbers ({error})") from None
    rank = _parse_ranks(pa.chunked_array([texts[1]])) if rank_name else None
    query, doc = (np.asarray(column.indices, np.int64) for column in ids)
    return RunLines(path, ids[0].dictionary, ids[1].dictionary, query, doc, rank, score, path.name.partition(".")[0])


def _check_scores(lines: RunLines) -> RunLines:
    """Return the lines if all scores are finite; raise DataError naming the first that is not."""
    wild = np.flatnonzero(~np.isfinite(lines.score))
    if len(wild):
        at = int(wild[0])
        query, document = lines.get_ids(at)
        raise DataError(
            f"{lines.path}:{lines.get_line_number(at)}: query '{query}', document '{document}' has score"
            f" {lines.score[at]}; expected a finite number"
        )
    return lines


def _is_irregular(raw: bytes) -> bool:
    """Tell whether anything but single blanks and LF separates, or lines are blank: rare, so looked for all at once."""
    for start in range(0, len(raw), _BLOCK_BYTES):
        blank = np.frombuffer(raw[max(start - 1, 0) : start + _BLOCK_BYTES], np.uint8) <= _BLANK
        if (blank[1:] & blank[:-1]).any():
            return True
    return raw[:1] <= b" " or raw[-1:] == b" " or b"\t" in raw or b"\r" in raw


def _parse_lines(raw: bytes, types: dict[str, pa.DataType]) -> pa.Table:
    return pyarrow.csv.read_csv(
        pa.BufferReader(raw),
        read_options=pyarrow.csv.ReadOptions(column_names=list(_COLUMNS), block_size=_BLOCK_BYTES),
        parse_options=pyarrow.csv.ParseOptions(delimiter=" ", quote_char=False),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=types, include_columns=list(types), strings_can_be_null=False, null_values=[]
        ),
    )


def _split_dictionary(column: pa.ChunkedArray) -> tuple[pa.Array, NDArray[np.integer]]:
    """Return the distinct strings of a column, and the place of each of its values in them."""
    shared = column.unify_dictionaries()
    return shared.chunk(0).dictionary, np.concatenate([np.asarray(chunk.indices) for chunk in shared.chunks])


def _explain_failure(path: Path, raw: bytes, numbers: NDArray[np.int64] | None) -> DataError:
    """Find what is wrong with lines that cannot be read."""
    for number, line in enumerate(raw.split(b"\n"), 1):
        columns = len(line.split(b" ")) if line else 0
        if columns and columns != len(_COLUMNS):
            return DataError(f"{path}:{number}: {columns} columns; expected 6: query Q0 document rank score tag")
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        bad_line = raw.count(b"\n", 0, error.start) + 1
        return DataError(f"{path}:{bad_line}: not valid UTF-8 (byte 0x{raw[error.start]:02x}); expected UTF-8")
    texts = _parse_lines(raw, {"score": pa.large_string()})
    for at, value in enumerate(texts["score"].to_pylist()):
        if not _can_cast(value, pa.float64()):
            number = at + 1 if numbers is None else int(numbers[at])
            return DataError(f"{path}:{number}: score '{value}' is not a number")
    return DataError(f"{path}: cannot be read; expected lines: query Q0 document rank score tag")


def _can_cast(value: Any, kind: pa.DataType) -> bool:
    try:
        pa.scalar(value).cast(kind)
    except pa.ArrowInvalid:
        return False
    return True
