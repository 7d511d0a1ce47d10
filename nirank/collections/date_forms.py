"""The forms in which dates are written, and what each can mean."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date
from typing import Any, Literal, NamedTuple

Order = Literal["day first", "month first"]

_EPOCH = date(1970, 1, 1).toordinal()
_TIME = r"(?:[T ]\s*\d.*|\s*Z|\s*[+-]\d\d:?\d\d)?"
_ISO = re.compile(rf"(\d{{4}})(?:[-/](\d{{1,2}})(?:[-/](\d{{1,2}}){_TIME})?)?", re.DOTALL)
_POINTS = re.compile(r"(\d{4})\.(\d{1,2})\.(\d{1,2})\.?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_MONTHS_APART = re.compile(r"\d{4}-\d\d/\d{4}-\d\d")  # from one month to another, in ISO form
_FLOAT_YEAR = re.compile(r"(\d{4})\.0+")  # a year that was a floating-point number
_NUMERIC = re.compile(rf"(\d{{1,2}})\s*([-/.])\s*(\d{{1,2}})\s*\2\s*(\d{{4}}){_TIME}", re.DOTALL)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_GAP = r"\s*[\s,./-]\s*"
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+)?"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?(?:\s+of)?"
_YEAR = r"(\d{4}|\d{2})"
_REST = r"(?:,?\s+(?:at\s+)?\d{1,2}:\d{2}.*)?"
_WORDS: tuple[tuple[re.Pattern[str], tuple[int, int | None, int]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), groups)  # groups: year, day, month
    for pattern, groups in (
        (rf"{_WEEKDAY}{_DAY}{_GAP}{_MONTH}\.?{_GAP}{_YEAR}{_REST}", (3, 1, 2)),
        (rf"{_WEEKDAY}{_MONTH}\.?\s*{_DAY}\s*,?\s+{_YEAR}{_REST}", (3, 2, 1)),
        (rf"{_WEEKDAY}{_MONTH}\.?\s*{_DAY}\s*,\s*{_YEAR}{_REST}", (3, 2, 1)),
        (rf"(\d{{4}}){_GAP}{_MONTH}\.?{_GAP}{_DAY}{_REST}", (1, 3, 2)),
        (rf"(\d{{4}}){_GAP}{_MONTH}\.?", (1, None, 2)),
        (rf"{_MONTH}\.?{_GAP}(\d{{4}})", (2, None, 1)),
    )
)
_CENTURY = 69  # of two digits: from here on 19xx, below 20xx, as in POSIX


class DateInterval(NamedTuple):
    """The first and last day that a date can mean, in days since 1970-01-01, and its form: day, month or year."""

    first: int
    last: int
    form: str


class NumericDate(NamedTuple):
    """A date of three numbers whose year comes last: the first two, and what stands between them."""

    first: int
    second: int
    year: int
    separator: str

    @property
    def order(self) -> Order | None:
        """The order that the numbers show, if one of them is no month."""
        if self.first > 12:
            return "day first"
        return "month first" if self.second > 12 else None

    @property
    def is_ambiguous(self) -> bool:
        """Whether it could be two days: 03/04/2015, but not 3.4.2015, which has the day first."""
        return self.separator != "." and self.order is None and self.first != self.second


def parse_date(value: Any, order: Order | None = None) -> DateInterval | None:
    """Return the first and last day (since 1970-01-01) that a value can mean, and its form; None for no date.

    Years, as text or number; `YYYY-MM`, `YYYY-MM-DD` with or without time and zone, with slashes or points, `YYYYMMDD`;
    English names of months in any usual order, with years of two digits too (from 1969 to 2068); and day and month
    before the year, where one of them can only be the day, points stand between them (`16.9.2014`), or `order` tells.
    Numbers of seconds since 1970 are none.

    order  of day and month where a value does not show it; None: such a value is no date
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
    if _MONTHS_APART.fullmatch(text):
        first, last = (parse_date(part) for part in text.split("/"))
        return None if first is None or last is None or last < first else DateInterval(first.first, last.last, "month")
    match = _ISO.fullmatch(text) or _COMPACT.fullmatch(text) or _POINTS.fullmatch(text) or _FLOAT_YEAR.fullmatch(text)
    if match is not None:
        year, month, day = ([int(part) if part else None for part in match.groups()] + [None, None])[:3]
        return None if year is None else _make_interval(year, month, day)
    numeric = parse_numeric_date(text)
    if numeric is not None:
        if numeric.is_ambiguous and order is None:
            return None
        order = order if numeric.is_ambiguous else numeric.order or "day first"
        day, month = numeric.first, numeric.second
        if order == "month first":
            day, month = month, day
        return _make_interval(numeric.year, month, day)
    return _parse_words(text)


def parse_numeric_date(value: Any) -> NumericDate | None:
    """Return the parts of a date that is three numbers, the year last; None for any other form."""
    match = _NUMERIC.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    return NumericDate(int(match[1]), int(match[3]), int(match[4]), match[2])


def _parse_words(text: str) -> DateInterval | None:
    for pattern, (year_at, day_at, month_at) in _WORDS:
        match = pattern.fullmatch(text)
        if match is not None:
            year = int(match[year_at])
            if len(match[year_at]) == 2:
                year += 1900 if year >= _CENTURY else 2000
            month = 1 + _MONTHS.index(match[month_at][:3].lower())
            return _make_interval(year, month, None if day_at is None else int(match[day_at]))
    return None


def _make_interval(year: int, month: int | None, day: int | None) -> DateInterval | None:
    try:
        if month is None:
            return DateInterval(count_epoch_days(year, 1, 1), count_epoch_days(year, 12, 31), "year")
        if day is None:
            last = count_epoch_days(year, month, monthrange(year, month)[1])
            return DateInterval(count_epoch_days(year, month, 1), last, "month")
        epoch_day = count_epoch_days(year, month, day)
    except ValueError:
        return None
    return DateInterval(epoch_day, epoch_day, "day")


def count_epoch_days(year: int, month: int, day: int) -> int:
    """Return a day as days since 1970-01-01; raises ValueError for one that is none."""
    return date(year, month, day).toordinal() - _EPOCH
