"""Dates in metadata: of every row, as intervals of days; and the scopes that they make."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nirank.collections.date_forms import DateInterval, Order, count_epoch_days, parse_date, parse_numeric_date
from nirank.collections.texts import Texts
from nirank.errors import DataError, suggest
from nirank.flow.scope import ValueRange

VERSION = 3  # raised when the same metadata would be read otherwise
UNDATED = np.iinfo(np.int32).min
KEYS = ("date", "publication_date", "published", "publication_year", "year")  # looked for, in this order

_MAX_EXAMPLES = 3
_FORMS = ("day", "month", "year")
# What systems write where they know no date: the least date of .NET, 'unknown' and 'no end' of EUR-Lex and databases.
_NEVER = {count_epoch_days(2999, 12, 31)}
_UNKNOWN = {count_epoch_days(*day) for day in ((1, 1, 1), (1001, 1, 1))}  # and their years and months
_FAR = count_epoch_days(9999, 1, 1)  # and all after it
# The zeros of calendars: dates of their own, unless many rows share one (Excel, SQL Server, Unix).
_ZEROS = {count_epoch_days(*day) for day in ((1753, 1, 1), (1899, 12, 30), (1899, 12, 31), (1900, 1, 1), (1970, 1, 1))}
_MIN_SHARED, _MIN_SHARE = 5, 0.05  # rows, and part of the dated ones, from which a zero is a placeholder


@dataclass(frozen=True, eq=False)
class Dates:
    """The date of every row, as the first and last day that it can mean.

    key           of the metadata
    first, last   (n,) int32 days since 1970-01-01, equal for a whole date; UNDATED where there is none
    forms         how many rows say a day, a month, a year
    missing       rows without a value
    impossible    rows whose value is no date (`2023-02-30`, `-`)
    ambiguous     rows such as `03/04/2015`, where no other row tells which is the month
    placeholders  rows with a date that stands for none (`9999-12-31`)
    examples      of each of these, the first few as (row, value)
    """

    key: str
    first: NDArray[np.int32]
    last: NDArray[np.int32]
    forms: dict[str, int]
    missing: int = 0
    impossible: int = 0
    ambiguous: int = 0
    placeholders: int = 0
    examples: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    @property
    def undated(self) -> NDArray[np.bool_]:
        """Rows without a date, (n,) bool."""
        return np.asarray(self.first == UNDATED)

    def save(self, folder: Path) -> None:
        """Write `first.npy`, `last.npy` and `dates.json`."""
        description = {name: value for name, value in asdict(self).items() if name not in ("first", "last")}
        (folder / "dates.json").write_text(json.dumps(description), encoding="utf-8")
        np.save(folder / "first.npy", self.first)
        np.save(folder / "last.npy", self.last)

    @classmethod
    def open(cls, folder: Path) -> Dates:
        """Map what `save` wrote."""
        description = json.loads((folder / "dates.json").read_text(encoding="utf-8"))
        examples = description.pop("examples")
        examples = {kind: [(row, value) for row, value in rows] for kind, rows in examples.items()}
        first, last = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("first", "last"))
        return cls(first=first, last=last, examples=examples, **description)


def read_dates(texts: Texts, key: str) -> Dates:
    """Read one metadata key of every row as dates; nothing is guessed, what is no date is counted.

    The order of day and month in `13/04/2015` is that of all rows: where some show it and none the other one, it holds
    for `03/04/2015` too; else such rows have no date.
    """
    n = len(texts)
    first, last = np.full(n, UNDATED, np.int32), np.full(n, UNDATED, np.int32)
    form = np.zeros(n, np.int8)  # a place in _FORMS, from 1; 0: no date
    missing = 0
    impossible: list[tuple[int, str]] = []
    ambiguous: list[tuple[int, str]] = []
    orders: set[Order] = set()

    def set_date(row: int, interval: DateInterval | None, value: Any) -> None:
        if interval is None:
            impossible.append((row, str(value)))
        else:
            first[row], last[row], form[row] = interval.first, interval.last, 1 + _FORMS.index(interval.form)

    for row, value in enumerate(texts.read_metadata(key)):
        if value is None or value == "":
            missing += 1
            continue
        numeric = parse_numeric_date(value)
        if numeric is not None and numeric.is_ambiguous:
            ambiguous.append((row, value))
            continue
        if numeric is not None and numeric.order is not None:
            orders.add(numeric.order)
        set_date(row, parse_date(value), value)
    if len(orders) == 1:
        (order,) = orders
        for row, text in ambiguous:
            set_date(row, parse_date(text, order), text)
        ambiguous = []
    placeholders = _find_placeholders(first, form)
    shown = placeholders[:_MAX_EXAMPLES]
    written = zip(shown.tolist(), map(str, texts.take(shown).read_metadata(key)), strict=True)
    first[placeholders], last[placeholders], form[placeholders] = UNDATED, UNDATED, 0
    kinds = {"impossible": impossible, "ambiguous": ambiguous, "placeholders": list(written)}
    return Dates(
        key,
        first,
        last,
        {name: int((form == 1 + at).sum()) for at, name in enumerate(_FORMS)},
        missing,
        len(impossible),
        len(ambiguous),
        len(placeholders),
        {kind: rows[:_MAX_EXAMPLES] for kind, rows in kinds.items() if rows},
    )


def _find_placeholders(first: NDArray[np.int32], form: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return the rows whose date stands for none, ascending."""
    days = form == 1 + _FORMS.index("day")
    is_placeholder = (first >= _FAR) | (days & np.isin(first, list(_NEVER))) | np.isin(first, list(_UNKNOWN))
    min_rows = max(_MIN_SHARED, _MIN_SHARE * np.count_nonzero(form))
    for zero in _ZEROS:
        shared = days & (first == zero)
        if shared.sum() >= min_rows:
            is_placeholder |= shared
    return np.flatnonzero(is_placeholder)


def get_dates(texts: Texts, key: str) -> Dates:
    """Return the dates under a key, read once while the texts are in memory, or from where they are stored."""
    if key not in texts.dates:
        texts.dates[key] = (texts.read_dates or read_dates)(texts, key)
    dates: Dates = texts.dates[key]
    return dates


def find_date_key(texts: Texts) -> str | None:
    """Return the metadata key that holds dates, by its name: date, publication_date, published, … year."""
    names = {_fold_name(name): name for name in reversed(list(texts.text_fields.keys))}
    return next((names[name] for name in KEYS if name in names), None)


def is_date_key(key: str) -> bool:
    """Tell whether a metadata key holds dates, by its name."""
    return _fold_name(key) in KEYS


def _fold_name(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def find_date_keys(key: str | None, queries: Texts, docs: Texts, where: str) -> tuple[str, str]:
    """Return the keys under which documents and queries have dates: the one given, or by their names.

    The documents' key is that of the queries too, if these have it.
    where  begins the message of the DataError for a side that has none
    """
    doc_key = key or find_date_key(docs)
    if doc_key is None:
        raise DataError(
            f"{where}: the documents have no metadata key such as date or year; name it with {{{where}: {{key: …}}}}"
            f" or the collection's date; they have {', '.join(docs.text_fields.keys) or 'no metadata'}"
        )
    query_key = doc_key if key or doc_key in queries.text_fields.keys else find_date_key(queries) or doc_key
    for what, texts, name in (("documents", docs, doc_key), ("queries", queries, query_key)):
        known = texts.text_fields.keys
        if len(texts) and name not in known:
            raise DataError(
                f"{where}: the {what} have no date under '{name}'; they have {', '.join(known) or 'no metadata'}"
                f"{suggest(name, known)}"
            )
    if len(docs) and get_dates(docs, doc_key).undated.all():
        raise DataError(f"{where}: the documents have no date under '{doc_key}', only what is no date")
    return doc_key, query_key


When = Literal["before", "until", "after", "since"]
Undated = Literal["keep", "drop"]


def make_date_range(docs: Dates, queries: Dates, when: When, days: int | None, undated: Undated) -> ValueRange:
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
    keep_undated = undated == "keep"
    low[queries.undated] = UNDATED if keep_undated else 1
    high[queries.undated] = np.iinfo(np.int32).max if keep_undated else 0
    return ValueRange(values, low, high, docs.undated & keep_undated)
