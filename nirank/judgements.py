"""Judgement and candidate files, read into arrays of ids: BEIR's three columns, TREC's four, or pairs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nirank.errors import DataError
from nirank.id_columns import IdColumns, LineEnds, read_columns
from nirank.ids import Ids
from nirank.pairs import Pairs

_SHOWN = 3  # mistakes that are spelled out
_NUMBER = (
    r"^[+-]?(\d|\.\d|inf|nan)"  # what a label may be mistaken for a header by: `0.7` and `NaN` are labels, if bad ones
)
_QUERY = ("query-id", "query_id", "qid", "query", "topic", "topic_id", "topic-id", "queryid")
_DOC = ("corpus-id", "corpus_id", "doc_id", "docid", "doc-id", "docno", "document_id", "document", "pid", "pmid")
_LABEL = ("score", "label", "relevance", "rel", "grade")


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
    line_ends  'lf', 'crlf', 'mixed' or 'none'
    """

    source: str
    form: Literal["beir", "trec", "empty", "memory"]
    header: bool
    query_ids: pa.Array
    doc_ids: pa.Array
    grades: NDArray[np.int64]
    repeated: int = 0
    line_ends: LineEnds = "none"

    def __len__(self) -> int:
        return len(self.grades)

    @classmethod
    def of(cls, judged: Iterable[tuple[str, str, int]], source: str) -> QrelsFile:
        """Take judgements from memory; repeats and conflicts are treated as in a file."""
        rows = list(judged)
        queries, docs = (pa.array([row[i] for row in rows], pa.large_string()) for i in (0, 1))
        grades = np.array([row[2] for row in rows], np.int64)
        return _distinct(cls(source, "memory", False, queries, docs, grades), np.arange(1, len(rows) + 1))

    def without(self, known: PairsFile) -> QrelsFile:
        """Return the judgements but those of some pairs."""
        both = [
            pa.concat_arrays([mine, other])
            for mine, other in ((self.query_ids, known.query_ids), (self.doc_ids, known.doc_ids))
        ]
        keys = _keys(*(one.cast(pa.large_string()) for one in both))
        return self.select(~np.isin(keys[: len(self)], keys[len(self) :]))

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

    def joined(self, queries: Ids, docs: Ids) -> Pairs:
        """Join the pairs to both sides; those of other queries and of absent documents are left out."""
        q, d = queries.rows(self.query_ids), docs.rows(self.doc_ids)
        kept = (q >= 0) & (d >= 0)
        return Pairs.build(queries, docs, q[kept], d[kept], source=self.source)

    @classmethod
    def distinct(cls, source: str, query_ids: pa.Array, doc_ids: pa.Array, line_ends: LineEnds = "none") -> PairsFile:
        """Drop repeats and count them."""
        keys = _keys(query_ids, doc_ids)
        _, first = np.unique(keys, return_index=True)
        at = pa.array(np.sort(first))
        return cls(source, query_ids.take(at), doc_ids.take(at), len(keys) - len(first), line_ends)


def read_qrels(path: str | Path) -> QrelsFile:
    """Read a judgement file: three columns (BEIR) or four (TREC), between tabs or blanks, CSV, or Parquet.

    The first line is a header only if its label is not a number; a header's names, where they are
    known ones, say which column is which. The iteration column is ignored.
    Raises DataError, naming file and line, for a line with another number of columns, an empty
    id, a label that is not an integer, or a pair with two different labels.
    """
    path = Path(path)
    found = read_columns(path, (3, 4), lambda first: not re.match(_NUMBER, first[-1].strip(" "), re.IGNORECASE))
    if not len(found) and found.names is None:
        empty = found.columns[0]
        return QrelsFile(str(path), "empty", False, empty, empty, np.empty(0, np.int64), line_ends=found.line_ends)
    named = found.named(_QUERY, _DOC, _LABEL)
    if named is None and len(found.columns) not in (3, 4):
        raise DataError(f"{path}: columns {', '.join(found.names or ())}; expected query-id, corpus-id and score")
    queries, docs, labels = named or (found.columns[0], found.columns[-2], found.columns[-1])
    labels = pc.ascii_trim(labels, " ")
    _refuse_empty(found, queries, docs)
    found.refuse(pc.invert(pc.match_substring_regex(labels, r"^[+-]?\d{1,9}$")), "label '{}' is not an integer", labels)
    grades = np.asarray(pc.ascii_ltrim(labels, "+").cast(pa.int64()))
    form: Literal["beir", "trec"] = "trec" if len(found.columns) == 4 else "beir"
    header = found.names is not None
    return _distinct(
        QrelsFile(str(path), form, header, queries, docs, grades, line_ends=found.line_ends), found.numbers
    )


def read_pairs(path: str | Path, *, judgements_too: bool = False) -> PairsFile:
    """Read a file of pairs, such as candidates: query and document ids in two columns.

    judgements_too  take a judgement file as well (three or four columns): its pairs, whatever their labels
    The first line is a header if it names its columns (query-id and corpus-id, or their like).
    Raises DataError, naming file and line, for a line with another number of columns or an empty id.
    """
    path = Path(path)
    widths = (2, 3, 4) if judgements_too else (2,)
    found = read_columns(path, widths, lambda first: first[0].strip().lower() in _QUERY)
    named = found.named(_QUERY, _DOC)
    if named is None and len(found.columns) not in widths:
        raise DataError(f"{path}: columns {', '.join(found.names or ())}; expected query-id and corpus-id")
    queries, docs = named or (found.columns[0], found.columns[2 if len(found.columns) == 4 else 1])
    _refuse_empty(found, queries, docs)
    return PairsFile.distinct(str(path), queries, docs, found.line_ends)


def _refuse_empty(found: IdColumns, queries: pa.Array, docs: pa.Array) -> None:
    for ids, what in ((queries, "query"), (docs, "document")):
        found.refuse(pc.fill_null(pc.equal(ids, ""), True), f"the {what} id is empty")


def _keys(query_ids: pa.Array, doc_ids: pa.Array) -> NDArray[np.int64]:
    """Return one integer a pair, equal for equal pairs."""
    queries, docs = query_ids.dictionary_encode(), doc_ids.dictionary_encode()
    keys: NDArray[np.int64] = np.asarray(queries.indices, np.int64) * max(len(docs.dictionary), 1)
    return keys + np.asarray(docs.indices, np.int64)


def _distinct(found: QrelsFile, numbers: NDArray[np.int64]) -> QrelsFile:
    """Drop identical repeats; raise DataError naming both lines where two labels contradict each other."""
    keys = _keys(found.query_ids, found.doc_ids)
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
    keep = np.ones(len(keys), np.bool_)
    keep[order[later]] = False
    return replace(found.select(keep), repeated=len(later))
