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
        one = _parse_json(line, where) if as_json else _parse_columns(line, where)
        if one is None:
            continue
        if queries is not None and docs is not None:
            one = _look_up_ids(one, queries, docs, where)
        wrong = [name for name in ("query", "positive") if not getattr(one, name).strip()]
        if wrong:
            raise DataError(f"{where}: the {wrong[0]} is empty")
        yield one


def _parse_json(line: str, where: str) -> Example:
    try:
        said = json.loads(line)
    except ValueError as error:
        raise DataError(f"{where}: is not JSON ({error})") from None
    if not isinstance(said, dict):
        raise DataError(f"{where}: expected an object with query and positive, got {type(said).__name__}")
    found: dict[str, Any] = {}
    for name, keys in _KEYS.items():
        there = [key for key in keys if key in said]
        if there:
            found[name] = said[there[0]]
    for name in ("query", "positive"):
        if not isinstance(found.get(name), str):
            raise DataError(f"{where}: expected text in '{name}', got {found.get(name)!r}")
    negatives = found.get("negatives", ())
    negatives = (negatives,) if isinstance(negatives, str) else negatives
    if not isinstance(negatives, (list, tuple)) or not all(isinstance(one, str) for one in negatives):
        raise DataError(f"{where}: expected a list of texts in 'negatives', got {negatives!r}")
    return Example(found["query"], found["positive"], tuple(negatives), _parse_scores(found, len(negatives), where))


def _parse_scores(found: dict[str, Any], negatives: int, where: str) -> tuple[float, ...]:
    scores = found.get("scores", ())
    numbers = isinstance(scores, (list, tuple)) and all(
        isinstance(one, (int, float)) and not isinstance(one, bool) and np.isfinite(one) for one in scores
    )
    if not numbers or len(scores) not in (0, negatives + 1):
        raise DataError(f"{where}: expected {negatives + 1} scores, the positive's first, got {scores!r}")
    return tuple(map(float, scores))


def _parse_columns(line: str, where: str) -> Example | None:
    cells = line.rstrip("\r\n").split("\t")
    if len(cells) < 2:
        raise DataError(f"{where}: expected query, positive and negatives separated by tabs, got one column")
    if where.endswith(":1") and [one.strip().lower() for one in cells[:2]] == ["query", "positive"]:
        return None  # a header
    return Example(cells[0], cells[1], tuple(one for one in cells[2:] if one.strip()))


def _look_up_ids(one: Example, queries: Texts, docs: Texts, where: str) -> Example:
    query = _read_texts(queries, [one.query], "query", where)[0]
    found = _read_texts(docs, [one.positive, *one.negatives], "document", where)
    return Example(query, found[0], tuple(found[1:]), one.scores, one.query, one.positive)


def _read_texts(texts: Texts, ids: Sequence[str], side: str, where: str) -> list[str]:
    rows = texts.ids.find_rows(list(ids))
    if rows.min() < 0:
        raise DataError(f"{where}: the collection has no {side} '{ids[int(np.argmin(rows))]}'")
    return list(texts.read(TextView(TITLE_AND_TEXT), rows))
