"""Files of training examples: JSON lines, or columns separated by tabs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nirank.base.files import read_lines
from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.collections.texts import Texts
from nirank.errors import DataError

_KEYS = {
    "query": ("query", "anchor", "question"),
    "positive": ("positive", "pos", "document"),
    "negatives": ("negatives", "negative", "neg"),
    "scores": ("scores",),
}


@dataclass(frozen=True)
class Example:
    """One line: texts, and a teacher's scores, the positive's first; () where there are none."""

    query: str
    positive: str
    negatives: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    query_id: str = ""
    positive_id: str = ""


def read_examples(path: Path, queries: Texts | None = None, docs: Texts | None = None) -> Iterator[Example]:
    """Yield the examples of a file.

    queries, docs  given where the columns are ids: the sides that they belong to
    Raises DataError with the line for one that is no example or names an unknown id.
    """
    as_json: bool | None = None
    for number, line in read_lines(path):
        if not line.strip():
            continue
        if as_json is None:
            as_json = line.lstrip().startswith("{")
        where = f"{path}:{number}"
        example = _parse_json(line, where) if as_json else _parse_columns(line, where)
        if example is None:
            continue
        if queries is not None and docs is not None:
            example = _look_up_ids(example, queries, docs, where)
        empty = [name for name in ("query", "positive") if not getattr(example, name).strip()]
        if empty:
            raise DataError(f"{where}: the {empty[0]} is empty")
        yield example


def _parse_json(line: str, where: str) -> Example:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise DataError(f"{where}: is not JSON ({error})") from None
    if not isinstance(record, dict):
        raise DataError(f"{where}: expected an object with query and positive, got {type(record).__name__}")
    fields: dict[str, Any] = {}
    for name, keys in _KEYS.items():
        present = [key for key in keys if key in record]
        if present:
            fields[name] = record[present[0]]
    for name in ("query", "positive"):
        if not isinstance(fields.get(name), str):
            raise DataError(f"{where}: expected text in '{name}', got {fields.get(name)!r}")
    negatives = fields.get("negatives", ())
    negatives = (negatives,) if isinstance(negatives, str) else negatives
    if not isinstance(negatives, (list, tuple)) or not all(isinstance(text, str) for text in negatives):
        raise DataError(f"{where}: expected a list of texts in 'negatives', got {negatives!r}")
    return Example(fields["query"], fields["positive"], tuple(negatives), _parse_scores(fields, len(negatives), where))


def _parse_scores(fields: dict[str, Any], negatives: int, where: str) -> tuple[float, ...]:
    scores = fields.get("scores", ())
    numbers = isinstance(scores, (list, tuple)) and all(
        isinstance(score, (int, float)) and not isinstance(score, bool) and np.isfinite(score) for score in scores
    )
    if not numbers or len(scores) not in (0, negatives + 1):
        raise DataError(f"{where}: expected {negatives + 1} scores, the positive's first, got {scores!r}")
    return tuple(map(float, scores))


def _parse_columns(line: str, where: str) -> Example | None:
    cells = line.rstrip("\r\n").split("\t")
    if len(cells) < 2:
        raise DataError(f"{where}: expected query, positive and negatives separated by tabs, got one column")
    if where.endswith(":1") and [cell.strip().lower() for cell in cells[:2]] == ["query", "positive"]:
        return None  # a header
    return Example(cells[0], cells[1], tuple(cell for cell in cells[2:] if cell.strip()))


def _look_up_ids(example: Example, queries: Texts, docs: Texts, where: str) -> Example:
    query = _read_texts(queries, [example.query], "query", where)[0]
    doc_texts = _read_texts(docs, [example.positive, *example.negatives], "document", where)
    return Example(query, doc_texts[0], tuple(doc_texts[1:]), example.scores, example.query, example.positive)


def _read_texts(texts: Texts, ids: Sequence[str], side: str, where: str) -> list[str]:
    rows = texts.ids.find_rows(list(ids))
    if rows.min() < 0:
        raise DataError(f"{where}: the collection has no {side} '{ids[int(np.argmin(rows))]}'")
    return list(texts.read(TextView(TITLE_AND_TEXT), rows))
