"""Dates in metadata: days, months or years, as intervals of days."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from nirank.scope import Between

if TYPE_CHECKING:
    from nirank.collections.texts import Texts

UNDATED = np.iinfo(np.int32).min
KEYS = ("date", "publication_date", "published", "publication_year", "year")  # looked for, in this order

_SHOWN = 3
_EPOCH = date(1970, 1, 1).toordinal()
_FORM = re.compile(r"(\d{4})(?:[-/](\d{1,2})(?:[-/](\d{1,2})(?:[T ].*)?)?)?", re.DOTALL)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")


@dataclass(frozen=True, eq=False)
class Dates:
    """The date of every row, as the first and last day that it can mean.

    key          of the metadata
    first, last  (n,) int32 days since 1970-01-01, equal for a whole date; UNDATED where there is none
    forms        how many rows say a day, a month, a year
    missing      rows without a value
    impossible   rows whose value is no date (`2023-02-30`, `-`), the first few as (row, value)
    """

    key: str
    first: NDArray[np.int32]
    last: NDArray[np.int32]
    forms: dict[str, int]
    missing: int = 0
    impossible: int = 0
    examples: list[tuple[int, str]] = field(default_factory=list)

    @property
    def undated(self) -> NDArray[np.bool_]:
        """Rows without a date, (n,) bool."""
        return np.asarray(self.first == UNDATED)


def parse_date(value: Any) -> tuple[int, int, str] | None:
    """Return the first and last day (since 1970-01-01) that a value can mean, and its form; None for no date.

    ISO dates, with or without time, `YYYY/MM/DD`, `YYYYMMDD`, `YYYY-MM` and years as text or number.
    """
    text = str(value).strip()
    if isinstance(value, float) and value.is_integer():
        text = str(int(value))
    found = _FORM.fullmatch(text) or _COMPACT.fullmatch(text)
    if found is None or isinstance(value, bool):
        return None
    year, month, day = (None if part is None else int(part) for part in found.groups())
    try:
        assert year is not None
        if month is None:
            return _days(year, 1, 1), _days(year, 12, 31), "year"
        if day is None:
            return _days(year, month, 1), _days(year, month, monthrange(year, month)[1]), "month"
        whole = _days(year, month, day)
    except ValueError:
        return None
    return whole, whole, "day"


def _days(year: int, month: int, day: int) -> int:
    return date(year, month, day).toordinal() - _EPOCH


def read_dates(texts: Texts, key: str) -> Dates:
    """Read one metadata key of every row as dates; nothing is guessed, what is no date is counted."""
    n = len(texts)
    first, last = np.full(n, UNDATED, np.int32), np.full(n, UNDATED, np.int32)
    forms = {"day": 0, "month": 0, "year": 0}
    missing = impossible = 0
    examples: list[tuple[int, str]] = []
    for row, value in enumerate(texts.metadata(key)):
        if value is None or value == "":
            missing += 1
            continue
        found = parse_date(value)
        if found is None:
            impossible += 1
            if len(examples) < _SHOWN:
                examples.append((row, str(value)))
            continue
        first[row], last[row] = found[:2]
        forms[found[2]] += 1
    return Dates(key, first, last, forms, missing, impossible, examples)


def date_key(texts: Texts) -> str | None:
    """Return the metadata key that holds dates, by its name: date, publication_date, published, … year."""
    for row in range(min(len(texts), 20)):
        metadata: dict[str, Any] = texts[row].get("metadata") or {}
        by_name = {name.lower(): name for name in reversed(metadata)}
        for name in KEYS:
            if name in by_name:
                return by_name[name]
    return None


When = Literal["before", "until", "after", "since"]
Undated = Literal["keep", "drop"]


def dated(docs: Dates, queries: Dates, when: When, days: int | None, undated: Undated) -> Between:
    """Return which documents each query may see by their dates.

    when     before: surely earlier than the query (last day of the document before its first);
             until: not surely later; after and since: the same the other way round
    days     and at most so many days away; None: however far
    undated  keep: an undated document is seen by all queries, an undated query sees all documents;
             drop: none of that
    """
    past = when in ("before", "until")
    values = docs.last if when in ("before", "since") else docs.first
    first, last = queries.first.astype(np.int64), queries.last.astype(np.int64)
    low = np.full(len(first), UNDATED + 1, np.int64)
    high = np.full(len(first), np.iinfo(np.int32).max, np.int64)
    if past:
        high = first - 1 if when == "before" else last
        low = low if days is None else first - days
    else:
        low = last + 1 if when == "after" else first
        high = high if days is None else last + days
    keep = undated == "keep"
    low[queries.undated] = UNDATED if keep else 1
    high[queries.undated] = np.iinfo(np.int32).max if keep else 0
    return Between(values, low, high, docs.undated & keep)
