"""A column of labels beside the texts as judgements: of a review, say, where each record was included or not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from nirank.collections.readers.records import Record
from nirank.errors import DataError
from nirank.flow.ids import Ids
from nirank.flow.judgement_files import QrelsFile

_WORDS = {
    **dict.fromkeys(("1", "yes", "y", "true", "t", "included", "include", "relevant", "accepted", "accept"), 1),
    **dict.fromkeys(("0", "no", "n", "false", "f", "excluded", "exclude", "irrelevant", "not relevant"), 0),
    **dict.fromkeys(("rejected", "reject", "not included"), 0),
}
_UNDECIDED = ("maybe", "unsure", "undecided", "not_seen", "not seen")


def read_label_column(records: Iterable[Record], column: str, queries: Ids, source: str) -> QrelsFile:
    """Return the labels of documents as judgements of the only query; records with a blank label, or one such as
    maybe, are not judged.

    A label is an integer (1.0 is 1), truth, or a word such as yes, included, excluded. Raises DataError,
    file:line, for other values, where there is more than one query, and where every label is blank.
    """
    if len(queries) != 1:
        raise DataError(
            f"{source}: the labels in '{column}' are of one query, but there are {len(queries):,}; name a file of"
            " judgements with query, document and label"
        )
    judgements = QrelsFile.of(_read_labels(records, column, queries[0], source), f"{source}, column '{column}'")
    if not len(judgements):
        raise DataError(f"{source}: every label in '{column}' is blank or undecided")
    return judgements


def _read_labels(records: Iterable[Record], column: str, query: str, source: str) -> Iterator[tuple[str, str, int]]:
    for record in records:
        label = record.metadata.get(column)
        if label is None or label == "" or str(label).strip().casefold() in _UNDECIDED:
            continue
        grade = _parse_grade(label)
        if grade is None:
            where = f"{record.file or source}:{record.line}"
            raise DataError(
                f"{where}: label {label!r} in '{column}' is no integer, nor a word such as yes, no, included, excluded"
            )
        yield query, record.id, grade


def _parse_grade(value: Any) -> int | None:
    text = str(value).strip().casefold()
    if text in _WORDS:
        return _WORDS[text]
    integer = re.fullmatch(r"([+-]?\d{1,9})(\.0*)?", text)
    return int(integer[1]) if integer else None
