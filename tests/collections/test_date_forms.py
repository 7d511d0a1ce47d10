"""Forms of dates, what stands for none, and where a collection's dates are used."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nirank.algebra.application import within
from nirank.collections import dates as dates_module
from nirank.collections.collection import Collection
from nirank.collections.date_forms import parse_date
from nirank.collections.dates import get_dates, read_dates
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.experiment import kept_facts
from nirank.experiment.experiment import Experiment
from nirank.experiment.loading import load
from nirank.stages.bm25 import BM25
from nirank.stages.date_decay import DateDecay
from nirank.stages.dated import Dated
from nirank.store import LocalStore

EPOCH = date(1970, 1, 1)


@pytest.mark.parametrize(
    ("value", "first", "form"),
    [
        ("September 16 , 2014", "2014-09-16", "day"),
        ("Sept. 16, 2014", "2014-09-16", "day"),
        ("16 September 2014", "2014-09-16", "day"),
        ("16th of September, 2014", "2014-09-16", "day"),
        ("Tue, 16 Sep 2014 10:00:00 GMT", "2014-09-16", "day"),
        ("31-Mar-15", "2015-03-31", "day"),
        ("31-Mar-69", "1969-03-31", "day"),
        ("31 MAR 2015", "2015-03-31", "day"),
        ("2008 May 28", "2008-05-28", "day"),
        ("2008 May", "2008-05-01", "month"),
        ("May 2008", "2008-05-01", "month"),
        ("2009.0", "2009-01-01", "year"),
        ("16.9.2014", "2014-09-16", "day"),
        ("3.4.2014", "2014-04-03", "day"),
        ("2014.09.16", "2014-09-16", "day"),
        ("16/09/2014", "2014-09-16", "day"),
        ("09/16/2014", "2014-09-16", "day"),
        ("04/04/2014", "2014-04-04", "day"),
        ("16/09/2014 12:30", "2014-09-16", "day"),
        ("2014-09-16T23:59:59.999+02:00", "2014-09-16", "day"),
        ("2014-09-16+02:00", "2014-09-16", "day"),
        ("2014-09-16Z", "2014-09-16", "day"),
    ],
)
def test_forms(value: str, first: str, form: str) -> None:
    interval = parse_date(value)
    assert interval is not None
    assert ((EPOCH + timedelta(interval[0])).isoformat(), interval[2]) == (first, form)


@pytest.mark.parametrize(
    "value",
    [
        *(1700000000, 1700000000000, "1700000000", "03/04/2014", "31/02/2014", "13/13/2014", "31-Mar", "March"),
        *("16/9/14", "16 Foo 2014", "May 28", "00/01/2014", "2014-09-16 or so", "Q3 2014", 2009.5, ["2014"]),
    ],
)
def test_what_is_no_date(value: Any) -> None:
    assert parse_date(value) is None


MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WRITTEN = {
    "ISO": lambda day: day.isoformat(),
    "ISO with time and zone": lambda day: f"{day.isoformat()}T23:59:59+02:00",
    "compact": lambda day: f"{day:%Y%m%d}",
    "slashes, year first": lambda day: f"{day.year}/{day.month}/{day.day}",
    "points, day first": lambda day: f"{day.day}.{day.month}.{day.year}",
    "year, month, day in words": lambda day: f"{day.year} {MONTHS[day.month - 1][:3]} {day.day}",
    "day, month in words": lambda day: f"{day.day} {MONTHS[day.month - 1]} {day.year}",
    "the 3rd of": lambda day: f"{day.day}th of {MONTHS[day.month - 1]}, {day.year}",
    "month first in words": lambda day: f"{MONTHS[day.month - 1][:3].upper()}. {day.day}, {day.year}",
}


@pytest.mark.parametrize("form", WRITTEN)
@given(day=st.dates(date(1801, 1, 1), date(2199, 12, 31)))
def test_a_day_is_read_as_itself_however_it_is_written(form: str, day: date) -> None:
    interval = parse_date(WRITTEN[form](day))
    assert interval is not None
    assert (EPOCH + timedelta(interval.first), interval.last, interval.form) == (day, interval.first, "day")


@given(day=st.dates(date(1801, 1, 1), date(2199, 12, 31)), sign=st.sampled_from("/-"))
def test_day_first_is_read_where_only_the_day_can_be_it(day: date, sign: str) -> None:
    text = f"{day.day}{sign}{day.month}{sign}{day.year}"
    interval = parse_date(text)
    if day.day > 12 or day.day == day.month:
        assert interval is not None
        assert EPOCH + timedelta(interval.first) == day
    else:
        assert interval is None
        assert parse_date(text, "day first") == parse_date(day.isoformat())


@given(year=st.integers(1801, 2199), month=st.integers(1, 12))
def test_years_and_months_are_all_their_days(year: int, month: int) -> None:
    for value in (str(year), f"{year}.0", float(year), year, f" {year} "):
        interval = parse_date(value)
        assert interval is not None
        assert EPOCH + timedelta(interval.first) == date(year, 1, 1)
        assert EPOCH + timedelta(interval.last) == date(year, 12, 31)
    for value in (f"{year}-{month:02}", f"{MONTHS[month - 1]} {year}", f"{year} {MONTHS[month - 1][:3]}"):
        interval = parse_date(value)
        assert interval is not None
        assert EPOCH + timedelta(interval.first) == date(year, month, 1)
        assert EPOCH + timedelta(interval.last + 1) == date(year + month // 12, month % 12 + 1, 1)


def make_texts(*values: Any) -> Texts:
    return Texts.of({f"d{at}": {"text": "x", "metadata": {"date": value}} for at, value in enumerate(values)})


@pytest.mark.parametrize(
    ("other_dates", "expected", "ambiguous"),
    [
        ([], [None], 1),
        (["13/01/2015"], ["2015-04-03"], 0),
        (["01/13/2015"], ["2015-03-04"], 0),
        (["13/01/2015", "01/13/2015"], [None], 1),
        (["1.2.2015", "04/04/2015"], [None], 1),
    ],
)
def test_day_and_month_are_in_the_order_of_the_column(
    other_dates: list[str], expected: list[str | None], ambiguous: int
) -> None:
    dates = read_dates(make_texts("03/04/2015", *other_dates), "date")
    day = None if dates.undated[0] else (EPOCH + timedelta(int(dates.first[0]))).isoformat()
    assert ([day], dates.ambiguous) == (expected, ambiguous)
    assert dates.undated.sum() == ambiguous


def test_placeholders_are_no_dates() -> None:
    dates = read_dates(
        make_texts("9999-12-31", "1001-01-01", "0001-01-01T00:00:00", "9999", "1900-01-01", "1900"), "date"
    )
    assert dates.undated.tolist() == [True] * 4 + [False] * 2
    assert dates.placeholders == 4 and dates.examples["placeholders"][0] == (0, "9999-12-31")
    assert dates.forms == {"day": 1, "month": 0, "year": 1}


@pytest.mark.parametrize(
    ("n_zeros", "n_others", "n_placeholders"), [(5, 20, 5), (4, 20, 0), (5, 200, 0), (12, 200, 12)]
)
def test_the_zero_of_a_calendar_is_a_placeholder_where_many_share_it(
    n_zeros: int, n_others: int, n_placeholders: int
) -> None:
    dates = read_dates(make_texts(*["1900-01-01"] * n_zeros, *["1901-02-03"] * n_others), "date")
    assert dates.placeholders == n_placeholders


DOCS = {
    "none": {"text": "wine", "metadata": {"Released": "9999-12-31"}},
    "old": {"text": "wine", "metadata": {"Released": "31-Mar-13", "year": 2020}},
    "new": {"text": "wine", "metadata": {"Released": "May 2019", "year": 2001}},
    "same": {"text": "wine", "metadata": {"Released": "2015-06-07", "year": 2001}},
}
QUERIES = {"q": {"text": "wine", "metadata": {"Released": "7 June 2015", "year": 2015}}}


def count_findings(collection: Collection) -> dict[str, int]:
    return {finding.code: finding.count for finding in collection.findings}


def test_findings_do_not_vanish_with_a_rule() -> None:
    judged = {"q": {"new": 1, "old": 1, "same": 1}}
    collection = Collection.of(DOCS, QUERIES, judged, date="Released")
    ruled = Collection.of(DOCS, QUERIES, judged, date="Released", time="as_of_query")
    assert (
        count_findings(collection)["placeholder-dates-documents"] == 1
        and count_findings(collection)["relevant-later"] == 1
    )
    assert count_findings(collection).items() <= count_findings(ruled).items()
    outside_time = next(finding for finding in ruled.findings if finding.code == "relevant-outside-time")
    assert outside_time.count == 2 and "recall cannot pass 0.3333" in outside_time.message
    assert ruled.scope is not None
    assert ruled.docs.ids.take(ruled.scope.list_rows(0)) == ["none", "old"]  # type: ignore[arg-type]


def test_the_collections_date_is_that_of_its_stages(tmp_path: Path) -> None:
    systems = {"dated": within(Dated("before"), BM25()), "decay": BM25() >> DateDecay(half_life=100)}
    rankings = {}
    for key in (None, "Released"):
        collection = Collection.of(DOCS, QUERIES, {"q": {"old": 1}}, date=key)
        result = Experiment(collection, systems, ["RR"], store=LocalStore(tmp_path / "store")).run()
        rankings[key] = {name: sorted(result.ranking(name).to_dict()["q"]) for name in ("dated", "decay")}
        for row in result.rows:
            assert any(conventions.get("date") == (key or "year") for conventions in row.conventions.stages.values())
    assert rankings[None]["dated"] == ["new", "none", "same"] and rankings["Released"]["dated"] == ["none", "old"]


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        (
            within(Dated("before", key="Relesed"), BM25()),
            "dated: the documents have no date under 'Relesed'; .*'Released'",
        ),
        (BM25() >> DateDecay(key="pages"), "date_decay: the documents have no date under 'pages'"),
        (within(Dated("before", key="only"), BM25()), "dated: the queries have no date under 'only'"),
        (within(Dated("before", key="words"), BM25()), "dated: the documents have no date under 'words', only"),
    ],
)
def test_a_key_without_dates_is_refused_before_anything_runs(pipeline: Any, message: str) -> None:
    docs = {"a": {"text": "x", "metadata": {"Released": "2014", "only": "2014", "words": "soon"}}}
    queries = {"q": {"text": "x", "metadata": {"Released": "2015", "words": "now"}}}
    experiment = Experiment(Collection.of(docs, queries), {"x": pipeline}, ["RR"])
    for action in (experiment.check, experiment.run):
        with pytest.raises(ConfigError, match=message):
            action()


def test_a_date_that_nobody_has_is_refused() -> None:
    with pytest.raises(ConfigError, match="date: no document and no query has metadata 'Relased'; .*did you mean 'Rel"):
        Collection.of(DOCS, QUERIES, date="Relased")


def test_dates_of_many_texts_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = ["2014-05-06", "13/04/2015", "03/04/2015", "9999-12-31", "soon", None, "2016"]
    lines = [{"_id": f"d{at}", "text": "x", "metadata": {"date": value}} for at, value in enumerate(values)]
    (tmp_path / "docs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "x", "metadata": {"date": "2015"}}\n')
    paths = {"docs": tmp_path / "docs.jsonl", "queries": tmp_path / "queries.jsonl"}
    monkeypatch.setattr(kept_facts, "KEPT_FROM", 3)
    store = LocalStore(tmp_path / "store")
    first = load(**paths, store=store).doc_dates

    def refuse_many(texts: Texts, key: str) -> Any:
        assert len(texts) < 3, "read again"
        return read_dates(texts, key)

    monkeypatch.setattr(kept_facts, "read_dates", refuse_many)
    monkeypatch.setattr(dates_module, "read_dates", refuse_many)
    second = load(**paths, store=store).doc_dates
    assert first is not None and second is not None
    assert np.array_equal(first.first, second.first) and np.array_equal(first.last, second.last)
    for name in ("forms", "missing", "impossible", "ambiguous", "placeholders", "examples", "key"):
        assert getattr(first, name) == getattr(second, name), name
    assert get_dates(make_texts("2014"), "date").forms["year"] == 1


def test_each_side_has_its_own_key_where_none_is_named(tmp_path: Path) -> None:
    docs = {"old": {"text": "x", "metadata": {"year": 2014}}, "new": {"text": "x", "metadata": {"year": 2016}}}
    collection = Collection.of(docs, {"q": {"text": "x", "metadata": {"date": "2015-06-07"}}}, {"q": {"old": 1}})
    result = Experiment(collection, {"d": within(Dated("before"), BM25())}, ["RR"], store=LocalStore(tmp_path)).run()
    assert list(result.ranking("d").to_dict()["q"]) == ["old"]
    assert any(
        conventions.get("date") == "year (queries: date)" for conventions in result.rows[0].conventions.stages.values()
    )
