"""Dates as intervals of days, and the scopes that they make."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nirank.collections.collection import Collection
from nirank.collections.date_forms import parse_date
from nirank.collections.dates import find_date_key, make_date_range, read_dates
from nirank.collections.rules import check_dates
from nirank.collections.texts import Texts
from nirank.errors import ConfigError

EPOCH = date(1970, 1, 1)


def count_days(year: int, month: int, day: int) -> int:
    return (date(year, month, day) - EPOCH).days


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2023-02-28", (count_days(2023, 2, 28), count_days(2023, 2, 28), "day")),
        ("2023-02-28T10:00:00Z", (count_days(2023, 2, 28), count_days(2023, 2, 28), "day")),
        ("20230228", (count_days(2023, 2, 28), count_days(2023, 2, 28), "day")),
        ("2023/2/8", (count_days(2023, 2, 8), count_days(2023, 2, 8), "day")),
        ("2024-02", (count_days(2024, 2, 1), count_days(2024, 2, 29), "month")),
        ("1979", (count_days(1979, 1, 1), count_days(1979, 12, 31), "year")),
        (1994, (count_days(1994, 1, 1), count_days(1994, 12, 31), "year")),
        (1994.0, (count_days(1994, 1, 1), count_days(1994, 12, 31), "year")),
        *((text, None) for text in ("2023-02-30", "2023-13", "0000", "-", "soon", "2023-1-1-1", True, 12.5, "197", [])),
    ],
)
def test_parse(value: Any, expected: Any) -> None:
    assert parse_date(value) == expected


@given(st.dates(date(1000, 1, 1), date(2999, 12, 31)))
def test_every_day_reads_back(day: date) -> None:
    first, last, form = parse_date(day.isoformat()) or (0, 0, "")
    assert (EPOCH + timedelta(first), last, form) == (day, first, "day")


def make_texts(*dates: Any, key: str = "date") -> Texts:
    return Texts.of(
        {
            f"d{at}": {"text": "x", "metadata": {key: value} if value is not None else {}}
            for at, value in enumerate(dates)
        }
    )


def test_what_is_no_date_is_counted() -> None:
    dates = read_dates(make_texts("2014", "2019-05", "2020-01-02", None, "", "2023-02-30", "-"), "date")
    assert dates.forms == {"day": 1, "month": 1, "year": 1}
    assert (dates.missing, dates.impossible) == (2, 2)
    assert dates.examples == {"impossible": [(5, "2023-02-30"), (6, "-")]}
    assert dates.undated.tolist() == [False] * 3 + [True] * 4


def test_the_key_is_found_by_its_name() -> None:
    assert find_date_key(make_texts("2014", key="Date")) == "Date"
    assert find_date_key(make_texts("2014", key="publication_year")) == "publication_year"
    assert find_date_key(make_texts("2014", key="Publication Date")) == "Publication Date"
    assert find_date_key(make_texts("2014", key="update")) is None


QUERY = "2015-06"


@pytest.mark.parametrize(
    ("relation", "undated", "far", "expected"),
    [
        ("before", "keep", None, ["2014", "2015-05-31", None]),
        ("before", "drop", None, ["2014", "2015-05-31"]),
        ("before", "drop", 1, ["2015-05-31"]),
        ("until", "drop", None, ["2014", "2015", "2015-05-31", "2015-06-10"]),
        ("after", "drop", None, ["2015-07", "2019-01-01"]),
        ("after", "keep", 31, ["2015-07", None]),
        ("since", "drop", None, ["2015", "2015-06-10", "2015-07", "2019-01-01"]),
    ],
)
def test_relations(relation: Any, undated: Any, far: int | None, expected: list[str | None]) -> None:
    values = ["2014", "2015", "2015-05-31", "2015-06-10", "2015-07", "2019-01-01", None]
    docs, queries = read_dates(make_texts(*values), "date"), read_dates(make_texts(QUERY, None), "date")
    rule = make_date_range(docs, queries, relation, far, undated)
    rows = np.arange(len(values))
    assert [value for value, allowed in zip(values, rule.allows(0, rows), strict=True) if allowed] == expected
    assert rule.allows(1, rows).all() == (undated == "keep")
    assert rule.allows(1, rows).any() == (undated == "keep"), "an undated query sees all, or nothing"


@pytest.mark.parametrize(
    ("relation", "same_day"), [("before", False), ("until", True), ("after", False), ("since", True)]
)
def test_the_same_day_is_neither_before_nor_after(relation: Any, same_day: bool) -> None:
    docs, queries = read_dates(make_texts("2015-06-07"), "date"), read_dates(make_texts("2015-06-07"), "date")
    assert make_date_range(docs, queries, relation, None, "keep").allows(0, np.array([0])).tolist() == [same_day]


def test_trap_50_as_of_query() -> None:
    docs = {
        "old": {"text": "x", "metadata": {"date": "2014"}},
        "new": {"text": "x", "metadata": {"date": "2019"}},
        "none": {"text": "x"},
    }
    queries = {"q": {"text": "x", "metadata": {"date": "2015"}}, "first": {"text": "x", "metadata": {"date": "1900"}}}
    judged = {"q": {"new": 1}}
    unrestricted = Collection.of(docs, queries, judged)
    assert unrestricted.scope is None
    assert {finding.code: finding.count for finding in unrestricted.findings}["relevant-later"] == 1
    as_of_query = Collection.of(docs, queries, judged, time="as_of_query")
    assert as_of_query.scope is not None
    assert as_of_query.docs.ids.take(as_of_query.scope.list_rows(0)) == ["old", "none"]  # type: ignore[arg-type]
    assert as_of_query.docs.ids.take(as_of_query.scope.list_rows(1)) == ["none"]  # type: ignore[arg-type]
    assert as_of_query.scope.count_rows().tolist() == [2, 1]
    new_only = Collection.of({"new": docs["new"]}, queries, judged, time="as_of_query")
    assert new_only.scope is not None
    assert new_only.scope.count_rows().tolist() == [0, 0], "an empty pool stays empty"
    with pytest.raises(ConfigError, match="needs dates, but the queries have none"):
        check_dates(Collection.of(docs, {"q": "x"}, judged, time="as_of_query"))
