"""Dates as databases write them, in ISO form: as much of a date as is said, and no more."""

from __future__ import annotations

import re
from calendar import monthrange

_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november"),
    "december",
)
_INTERVAL = re.compile(r"\d{4}-\d\d/\d{4}-\d\d")
_NUMERIC = re.compile(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?(?![-\d])")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?!\d)")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?!\d)")
_RANGE = re.compile(r"(\d{4})\s+([A-Za-z]{3,9})\.?\s*[-/–]\s*(?:(\d{4})\s+)?([A-Za-z]{3,9})\b")
_WORDS = re.compile(r"(\d{4})[\s/,-]+([A-Za-z]{3,9})\b\.?(?:[\s/,-]+(\d{1,2})(?!\d))?")
_WORDS_LAST = re.compile(r"(?:(\d{1,2})(?:st|nd|rd|th)?[\s-]+)?([A-Za-z]{3,9})\.?(?:\s+(\d{1,2}))?[\s,-]+(\d{4})(?!\d)")
_YEAR = re.compile(r"(?<!\d)(1[5-9]\d{2}|20\d{2})(?!\d)")


def normalise_date(text: str, month_first: bool = False) -> str:
    """Return a date as `2016`, `2016-05`, `2016-05-28` or, from one month to another, `2013-05/2013-06`.

    `2017///`, `2016 May 28`, `2014 Winter` (the year), `2013 May-Jun`, `1 Dec 2024`, `4/3/2024` (by `month_first`, else
    only where one number can be no month) are read; of other text the year that stands in it; '' where none does.
    """
    text = text.strip()
    if _INTERVAL.fullmatch(text):
        return text
    match = _RANGE.match(text)
    if match is not None:
        first, last = _find_month(match[2]), _find_month(match[4])
        if first and last:
            return f"{match[1]}-{first:02d}/{match[3] or match[1]}-{last:02d}"
    match = _COMPACT.match(text)
    if match is not None:
        date = _join_date(match[1], int(match[2]), int(match[3]))
        if len(date) == 10:
            return date
    match = _NUMERIC.match(text)
    if match is not None and match[2]:
        return _join_date(match[1], int(match[2]), int(match[3] or 0))
    match = _YEAR_LAST.match(text)
    if match is not None:
        return _read_year_last(int(match[1]), int(match[3]), match[4], month_first)
    match = _WORDS.match(text)
    if match is not None:
        return _join_date(match[1], _find_month(match[2]), int(match[3] or 0))
    match = _WORDS_LAST.match(text)
    if match is not None and _find_month(match[2]):
        return _join_date(match[4], _find_month(match[2]), int(match[1] or match[3] or 0))
    match = _YEAR.search(text)
    return "" if match is None else match[1]


def find_year(date: str) -> int | None:
    """Return the year of a normalised date."""
    return int(date[:4]) if date else None


def _read_year_last(first: int, second: int, year: str, month_first: bool) -> str:
    if first > 12 or (second <= 12 and not month_first and first == second):
        return _join_date(year, second, first)
    if second > 12 or month_first:
        return _join_date(year, first, second)
    return year


def _find_month(word: str) -> int:
    """Return the number of a month by its English name or the beginning of it; 0 for a season and other words."""
    name = word.lower()
    full = next((month for month in _MONTHS if month[:3] == name[:3] and month.startswith(name[:4])), None)
    return 0 if full is None else _MONTHS.index(full) + 1


def _join_date(year: str, month: int, day: int) -> str:
    if not 1 <= month <= 12 or int(year) < 1:
        return year
    if not 1 <= day <= monthrange(int(year), month)[1]:
        return f"{year}-{month:02d}"
    return f"{year}-{month:02d}-{day:02d}"
