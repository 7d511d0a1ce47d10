"""Judgement and candidate files, read into arrays of ids: BEIR's three columns, TREC's four, pairs, or JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nirank.errors import DataError
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.forms.column_names import JudgementColumns
from nirank.forms.id_columns import IdColumns, LineEnds, find_ending, read_columns
from nirank.forms.json_judgements import read_json_columns
from nirank.forms.names import (
    DOC_NAMES,
    ITERATION_NAMES,
    LABEL_NAMES,
    QUERY_NAMES,
    find_sides,
    is_known,
    is_row_number,
    join_names,
)

_SHOWN = 3  # mistakes that are spelled out
_INTEGER = r"^[+-]?\d{1,9}$"
_MOST = 999_999_999
_IDS = (*QUERY_NAMES, *DOC_NAMES, *ITERATION_NAMES, *LABEL_NAMES, "_id", "id")
_JSON = ("json", "jsonl", "ndjson")

Form = Literal["beir", "trec", "pairs", "smart", "json", "empty", "memory"]


@dataclass(frozen=True, eq=False)
class QrelsFile:
    """Judgements as a file lists them, identical repeats dropped.

    source     what the errors call it
    form       'beir' (query, document, label), 'trec' (query, iteration, document, label), 'pairs'
               (query and document, all relevant), 'smart' (query, document and two zeros, all relevant),
               'json' or 'empty'; 'memory' where there was no file
    header     whether the first line was a header
    query_ids  (n,) strings
    doc_ids    (n,) strings
    grades     (n,) int64
    repeated   how many identical repeats were dropped
    line_ends  'lf', 'crlf', 'mixed' or 'none'
    mirrored   of one table: how many pairs were listed in both orders
    """

    source: str
    form: Form
    header: bool
    query_ids: pa.Array
    doc_ids: pa.Array
    grades: NDArray[np.int64]
    repeated: int = 0
    line_ends: LineEnds = "none"
    mirrored: int = 0

    def __len__(self) -> int:
        return len(self.grades)

    @classmethod
    def of(cls, judged: Iterable[tuple[str, str, int]], source: str) -> QrelsFile:
        """Take judgements from memory; repeats and conflicts are treated as in a file."""
        rows = list(judged)
        queries, docs = (pa.array([row[i] for row in rows], pa.large_string()) for i in (0, 1))
        grades = np.array([row[2] for row in rows], np.int64)
        return _drop_repeats(cls(source, "memory", False, queries, docs, grades), np.arange(1, len(rows) + 1))

    @classmethod
    def join(cls, files: Sequence[QrelsFile]) -> QrelsFile:
        """Return what several files list together; labels that contradict each other raise DataError."""
        if len(files) == 1:
            return files[0]
        first = files[0]
        joined = replace(
            first,
            source=" and ".join(file.source for file in files),
            query_ids=pa.concat_arrays([file.query_ids.cast(pa.large_string()) for file in files]),
            doc_ids=pa.concat_arrays([file.doc_ids.cast(pa.large_string()) for file in files]),
            grades=np.concatenate([file.grades for file in files]),
            mirrored=sum(file.mirrored for file in files),
        )
        kept = _drop_repeats(joined, np.arange(1, len(joined) + 1))
        return replace(kept, repeated=len(joined) - len(kept) + sum(file.repeated for file in files))

    def exclude(self, known: PairsFile, *, keep: bool = False) -> QrelsFile:
        """Return the judgements but those of some pairs; `keep`: those of these pairs alone."""
        both = [
            pa.concat_arrays([mine, other])
            for mine, other in ((self.query_ids, known.query_ids), (self.doc_ids, known.doc_ids))
        ]
        keys = _make_pair_keys(*(ids.cast(pa.large_string()) for ids in both))
        return self.select(np.isin(keys[: len(self)], keys[len(self) :], invert=not keep))

    def select(self, keep: NDArray[np.bool_]) -> QrelsFile:
        """Return the judgements where `keep`, (n,) bool, is true."""
        at = pa.array(np.flatnonzero(keep))
        return replace(self, query_ids=self.query_ids.take(at), doc_ids=self.doc_ids.take(at), grades=self.grades[keep])


@dataclass(frozen=True, eq=False)
class PairsFile:
    """Candidates as a file lists them, repeats dropped.

    query_ids, doc_ids  (n,) strings
    repeated            how many repeats were dropped
    """

    source: str
    query_ids: pa.Array
    doc_ids: pa.Array
    repeated: int = 0
    line_ends: LineEnds = "none"

    def __len__(self) -> int:
        return len(self.query_ids)

    def join(self, queries: Ids, docs: Ids) -> Pairs:
        """Join the pairs to both sides; those of other queries and of absent documents are left out."""
        q, d = queries.find_rows(self.query_ids), docs.find_rows(self.doc_ids)
        known = (q >= 0) & (d >= 0)
        return Pairs.build(queries, docs, q[known], d[known], source=self.source)

    @classmethod
    def build(cls, source: str, query_ids: pa.Array, doc_ids: pa.Array, line_ends: LineEnds = "none") -> PairsFile:
        """Drop repeats and count them."""
        keys = _make_pair_keys(query_ids, doc_ids)
        _, first = np.unique(keys, return_index=True)
        at = pa.array(np.sort(first))
        return cls(source, query_ids.take(at), doc_ids.take(at), len(keys) - len(first), line_ends)


def read_qrels(
    path: str | Path,
    columns: JudgementColumns | None = None,
    *,
    one_table: bool = False,
    asking: str = "",
    of_tables: bool = False,
) -> QrelsFile:
    """Read a judgement file: three columns (BEIR), four (TREC), or two (pairs, all relevant).

    Columns stand between tabs, blanks, commas, semicolons or vertical bars, in Parquet, or in JSON:
    objects with such keys, `{query: [documents]}`, `{query: {document: label}}`, SQuAD's files.
    The first line is a header only if it has known names, and then they say which column is which; a
    header that does not say which column asks is refused. The iteration column is ignored. SMART's
    `.REL` files (query, document, 0, 0) are read as pairs.

    columns    names of the columns, where the user gives them
    one_table  whether queries and documents are one table: pairs then hold in both directions
    asking     where a header names sides (`ltable_id, rtable_id`): the queries', 'left' or 'right'; '': unknown
    of_tables  whether these are pairs of records: the left one stands first where there is no header, and in one table
               pairs hold in both directions whatever the columns are called
    Raises DataError, naming file and line, for a line with another number of columns, an empty
    id, a label that is not an integer, or a pair with two different labels.
    """
    path, columns = Path(path), columns or JudgementColumns()
    if find_ending(path) in _JSON:
        columns_read = read_json_columns(path)
    else:
        header = is_header if columns == JudgementColumns() else partial(_is_named_header, columns)
        columns_read = read_columns(path, (2, 3, 4), header, partial(_choose_columns, columns))
    if not len(columns_read) and columns_read.names is None:
        empty = columns_read.columns[0]
        return QrelsFile(
            str(path), "empty", False, empty, empty, np.empty(0, np.int64), line_ends=columns_read.line_ends
        )
    form, queries, docs, labels = _split_columns(
        columns_read, columns, one_table, asking, "pairs" if of_tables else "qrels"
    )
    if of_tables and labels is not None:
        labels = _number_booleans(labels)
    if of_tables and asking == "right" and form in ("pairs", "beir") and columns_read.names is None:
        queries, docs = docs, queries
    _refuse_empty(columns_read, queries, docs)
    grades = np.ones(len(columns_read), np.int64) if labels is None else _parse_grades(columns_read, labels)
    numbers = columns_read.numbers
    repeated = mirrored = 0
    if one_table and (of_tables or labels is None or _lacks_direction(columns_read, columns)):
        repeated, mirrored = _count_repeats(queries, docs)
        queries, docs = pa.concat_arrays([queries, docs]), pa.concat_arrays([docs, queries])
        grades, numbers = np.tile(grades, 2), np.tile(numbers, 2)
    named = columns_read.names is not None and form not in ("json", "smart")
    qrels_file = QrelsFile(str(path), form, named, queries, docs, grades, line_ends=columns_read.line_ends)
    if one_table and len(numbers) > len(columns_read):  # a pair and its mirror are one statement
        return replace(_drop_repeats(qrels_file, numbers), repeated=repeated, mirrored=mirrored)
    return _drop_repeats(qrels_file, numbers)


def _count_repeats(queries: pa.Array, docs: pa.Array) -> tuple[int, int]:
    """Return how many rows repeat a pair in its order, and how many pairs stand in both orders."""
    ids = pa.concat_arrays([queries, docs]).dictionary_encode()
    codes, size = np.asarray(ids.indices, np.int64), len(ids.dictionary)
    pairs = np.unique(codes[: len(queries)] * size + codes[len(queries) :])
    first, second = np.divmod(pairs, size)
    both = np.isin(second * size + first, pairs) & (first < second)
    return len(queries) - len(pairs), int(both.sum())


def is_header(cells: Sequence[str]) -> bool:
    """Tell whether a line names columns: two known names of different kinds, and no number where the label would be."""
    kinds = [
        names
        for names in (QUERY_NAMES, DOC_NAMES, LABEL_NAMES, ITERATION_NAMES)
        if any(is_known(cell, names) for cell in cells)
    ]
    numeric = re.match(r"^\s*[+\-\u2212]?[\d.]", cells[-1]) is not None
    return not numeric and (len(kinds) >= 2 or find_sides(cells) is not None)


def _is_named_header(columns: JudgementColumns, cells: Sequence[str]) -> bool:
    return any(name in cells for name in (columns.query, columns.document, columns.label)) or is_header(cells)


def _choose_columns(columns: JudgementColumns, names: Sequence[str]) -> list[str]:
    """Return the columns of a Parquet file that could be ids or labels."""
    asked = {columns.query, columns.document, columns.label}
    sides = find_sides(names) or ()
    known = (*QUERY_NAMES, *DOC_NAMES, *LABEL_NAMES)
    return [name for name in names if name in asked or name in sides or is_known(name, known)] or list(names)


def _lacks_direction(table: IdColumns, columns: JudgementColumns) -> bool:
    """Tell whether neither the user nor known names say which column asks."""
    is_named = columns.query is not None or (table.names is not None and table.find_column(QUERY_NAMES) is not None)
    return not is_named and table.names is not None


def _split_columns(
    table: IdColumns, columns: JudgementColumns, one_table: bool, asking: str, file_kind: str
) -> tuple[Form, pa.Array, pa.Array, pa.Array | None]:
    """Return the form of a file, and its queries, documents and labels; labels are None for pairs.

    file_kind  under which key of `columns` users name these columns
    """
    if table.names is None and columns == JudgementColumns():
        return _split_by_position(table)
    queries, docs = table.find_column(QUERY_NAMES, columns.query), table.find_column(DOC_NAMES, columns.document)
    labels = table.find_column(LABEL_NAMES, columns.label)
    names = table.names or []
    sides = find_sides(names)
    if sides is not None and queries is None and docs is None and (one_table or asking):
        query_side, document_side = sides[::-1] if asking == "right" else sides
        queries, docs = (table.columns[names.index(side)] for side in (query_side, document_side))
    if queries is None or docs is None:
        raise DataError(
            _explain_sides(table.path, names, sides)
            if file_kind == "qrels"
            else _explain_record_sides(table.path, names)
        )
    known_names = (*_IDS, *(sides or ()), *filter(None, (columns.query, columns.document)))
    if labels is None and any(not is_row_number(name) and not is_known(name, known_names) for name in names):
        raise DataError(
            f"{table.path}: columns {join_names(names)}: none is known to hold labels; expected one of"
            f" {', '.join(LABEL_NAMES[:5])}, or columns: {{{file_kind}: {{label: …}}}}"
        )
    if find_ending(table.path) in _JSON:
        return "json", queries, docs, labels
    return ("pairs" if labels is None else "trec" if _has_iterations(names) else "beir"), queries, docs, labels


def _split_by_position(table: IdColumns) -> tuple[Form, pa.Array, pa.Array, pa.Array | None]:
    """Return the parts of a file without header, by their places."""
    columns = table.columns
    if len(columns) == 4 and _is_smart(columns):
        return "smart", pc.utf8_ltrim(columns[0], "0"), pc.utf8_ltrim(columns[1], "0"), None
    if len(columns) == 2:
        return "pairs", columns[0], columns[1], None
    return ("trec" if len(columns) == 4 else "beir"), columns[0], columns[-2], columns[-1]


def _is_smart(columns: Sequence[pa.Array]) -> bool:
    """Tell SMART's `query document 0 0.000` from TREC's `query 0 document label`: the zeros are at the end."""
    zeros = all(pc.all(pc.match_substring_regex(column, r"^0(\.0*)?$")).as_py() for column in columns[2:])
    return zeros and len(pc.unique(columns[1])) > 1


def _explain_sides(path: Path, names: Sequence[str], sides: tuple[str, str] | None) -> str:
    query, document = sides or ("…", "…")
    return (
        f"{path}: columns {join_names(names)}: which is the query, which the document? Expected known names such as"
        f" query-id, corpus-id and score, or columns: {{qrels: {{query: {query}, document: {document}}}}}"
    )


def _explain_record_sides(path: Path, names: Sequence[str]) -> str:
    return (
        f"{path}: columns {join_names(names)}: which is the left record, which the right one? Expected known names such"
        " as ltable_id, rtable_id and label, or columns: {pairs: {left: …, right: …}}"
    )


def _number_booleans(labels: pa.Array) -> pa.Array:
    """Return labels with 1 for true and 0 for false, as pandas writes them."""
    lower = pc.utf8_lower(labels)
    return pc.if_else(pc.equal(lower, "true"), "1", pc.if_else(pc.equal(lower, "false"), "0", labels))


def _has_iterations(names: Sequence[str]) -> bool:
    return any(is_known(name, ITERATION_NAMES) for name in names)


def _parse_grades(table: IdColumns, labels: pa.Array) -> NDArray[np.int64]:
    labels = pc.ascii_trim(pc.fill_null(labels, ""), " ")
    bad = pc.invert(pc.match_substring_regex(labels, _INTEGER))
    if pc.any(bad).as_py():
        table.refuse(bad, lambda label: f"label '{label}' {_label_problem(label)}", labels)
    return np.asarray(pc.ascii_ltrim(labels, "+").cast(pa.int64()))


def _label_problem(label: str) -> str:
    """Return what is wrong with a label, and what to do."""
    if re.fullmatch(r"[+-]?\d+\.0*", label):
        return f"is not an integer as it is written; expected {label.partition('.')[0]}"
    if re.fullmatch(r"[+-]?\d{10,}", label):
        return f"is not an integer of at most nine digits; expected up to {_MOST:,}"
    if label[:1] in "\u2212\u2013\u2010\u2011" and label:
        return f"is not an integer: it begins with U+{ord(label[0]):04X}, not with a minus sign; expected -{label[1:]}"
    if not label:
        return "is not an integer: it is empty"
    known = "" if not is_known(label, LABEL_NAMES) else "; a header needs the names of two columns at least"
    return f"is not an integer{known}"


def read_pairs(path: str | Path, *, judgements_too: bool = False) -> PairsFile:
    """Read a file of pairs, such as candidates: query and document ids in two columns.

    judgements_too  take a judgement file as well (three or four columns): its pairs, whatever their labels
    The first line is a header if it names its columns (query-id and corpus-id, or their like).
    Raises DataError, naming file and line, for a line with another number of columns or an empty id.
    """
    path = Path(path)
    widths = (2, 3, 4) if judgements_too else (2,)
    if find_ending(path) in _JSON:
        columns_read = read_json_columns(path)
    else:
        columns_read = read_columns(path, widths, is_header, partial(_choose_columns, JudgementColumns()))
    if columns_read.names is None:
        queries, docs = (
            (_split_by_position(columns_read)[1:3]) if len(columns_read.columns) > 2 else columns_read.columns[:2]
        )
    else:
        queries, docs = columns_read.find_column(QUERY_NAMES), columns_read.find_column(DOC_NAMES)
    if queries is None or docs is None:
        raise DataError(_explain_sides(path, columns_read.names or (), find_sides(columns_read.names or ())))
    _refuse_empty(columns_read, queries, docs)
    return PairsFile.build(str(path), queries, docs, columns_read.line_ends)


def _describe_empty_id(what: str, _: object) -> str:
    return f"the {what} id is empty"


def _refuse_empty(table: IdColumns, queries: pa.Array, docs: pa.Array) -> None:
    for ids, what in ((queries, "query"), (docs, "document")):
        table.refuse(pc.fill_null(pc.equal(ids, ""), True), partial(_describe_empty_id, what), ids)


def _make_pair_keys(query_ids: pa.Array, doc_ids: pa.Array) -> NDArray[np.int64]:
    """Return one integer a pair, equal for equal pairs."""
    queries, docs = query_ids.dictionary_encode(), doc_ids.dictionary_encode()
    keys: NDArray[np.int64] = np.asarray(queries.indices, np.int64) * max(len(docs.dictionary), 1)
    return keys + np.asarray(docs.indices, np.int64)


def _drop_repeats(file: QrelsFile, numbers: NDArray[np.int64]) -> QrelsFile:
    """Drop identical repeats; raise DataError naming both lines where two labels contradict each other."""
    keys = _make_pair_keys(file.query_ids, file.doc_ids)
    order = np.argsort(keys, kind="stable")
    repeat_positions = np.flatnonzero(keys[order][1:] == keys[order][:-1]) + 1
    if not len(repeat_positions):
        return file
    earlier, repeats = order[repeat_positions - 1], order[repeat_positions]
    clash = np.flatnonzero(file.grades[earlier] != file.grades[repeats])
    if len(clash):
        mistakes = [
            f"{file.source}:{numbers[a]} and :{numbers[b]}: query '{file.query_ids[a]}' and document"
            f" '{file.doc_ids[a]}' have labels {file.grades[a]} and {file.grades[b]}; expected one"
            for a, b in zip(earlier[clash[:_SHOWN]].tolist(), repeats[clash[:_SHOWN]].tolist(), strict=True)
        ]
        if len(clash) > _SHOWN:
            mistakes.append(f"{file.source}: {len(clash) - _SHOWN:,} more contradictions")
        raise DataError(*mistakes)
    keep = np.ones(len(keys), np.bool_)
    keep[order[repeat_positions]] = False
    return replace(file.select(keep), repeated=len(repeat_positions))
