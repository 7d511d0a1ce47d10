"""What was in force on the query's date; what is no date; conditions on dates."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.algebra.context import Context
from nirank.collections.collection import Collection
from nirank.collections.dates import get_dates
from nirank.collections.texts import Texts
from nirank.errors import DataError
from nirank.flow.ranking import Ranking
from nirank.stages.date_decay import DateDecay
from nirank.stages.dated import Dated
from nirank.stages.in_force import InForce
from nirank.stages.where import Where

PLACEHOLDERS = ("9999-12-31", "1001-01-01", "0001-01-01")


def make_texts(records: dict[str, dict[str, Any]]) -> Texts:
    return Texts.of({id: {"text": id, "metadata": metadata} for id, metadata in records.items()})


def list_seen(stage: Any, queries: Texts, docs: Texts, ctx: Context | None = None) -> list[list[str]]:
    scope = stage.build_scope(queries, docs, ctx or Context())
    rows = [scope.list_rows(query) for query in range(len(queries))]
    return [list(docs.ids) if found is None else [docs.ids[row] for row in found.tolist()] for found in rows]


DOCS = make_texts(
    {
        "ended": {"date": "1990-05-01", "in_force": "1991-01-01", "end": "2004-12-31"},
        "open": {"date": "1999-02-03", "in_force": "1999-03-01", "end": "9999-12-31"},
        "still": {"date": "2001-01-01", "in_force": "2001-06-01"},
        "by date": {"date": "2003-01-01", "end": "2010-01-01"},
        "later": {"date": "2011-01-01", "in_force": "2012-01-01"},
        "undated": {"end": "1001-01-01"},
        "year": {"in_force": "2005", "end": "2006"},
    }
)
QUERIES = make_texts({"q2004": {"date": "2004-12-31"}, "q2005": {"date": "2005-07-01"}, "none": {"date": "0001-01-01"}})


def test_in_force_on_the_query_s_date() -> None:
    ctx = Context()
    assert list_seen(InForce(), QUERIES, DOCS, ctx) == [
        ["ended", "open", "still", "by date", "undated"],  # the last day counts
        ["open", "still", "by date", "undated", "year"],
        list(DOCS.ids),
    ]
    assert ctx.counts == {
        "without_start": 2,
        "undated_documents": 1,
        "without_end": 4,
        "placeholder_ends": 2,
        "undated_queries": 1,
    }
    assert list_seen(InForce(undated="drop"), QUERIES, DOCS) == [
        ["ended", "open", "still", "by date"],
        ["open", "still", "by date", "year"],
        [],
    ]


def test_trap_50_law_from_the_future_is_not_given_and_an_empty_pool_stays_empty() -> None:
    docs = make_texts({"2014": {"date": "2014-05-01", "end": ""}, "2019": {"date": "2019-05-01"}, "undated": {}})
    queries = make_texts({"q2015": {"date": "2015-01-01"}, "q2010": {"date": "2010-01-01"}})
    ctx = Context()
    assert list_seen(InForce("date"), queries, docs, ctx) == [["2014", "undated"], ["undated"]]
    assert ctx.counts["undated_documents"] == 1
    assert list_seen(InForce("date", undated="drop"), queries, docs) == [["2014"], []]


def test_keys_of_other_names_and_those_that_are_not_there() -> None:
    docs = make_texts({"a": {"commencement": "2000-01-01", "repealed": "2001-01-01"}})
    queries = make_texts({"q": {"asked": "2000-06-01"}, "r": {"asked": "2002-01-01"}})
    assert list_seen(InForce("commencement", "repealed", key="asked"), queries, docs) == [["a"], []]
    with pytest.raises(DataError, match=r"the documents have neither 'in_force' nor 'end'; name their keys"):
        InForce().build_scope(queries, docs, Context())
    with pytest.raises(DataError, match="the queries have no date under 'date'; they have asked"):
        InForce("commencement").build_scope(queries, docs, Context())


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(*(st.none() | st.integers(0, 9) for _ in range(2))), min_size=1, max_size=6),
    st.lists(st.integers(0, 9), min_size=1, max_size=4),
)
def test_it_is_what_two_comparisons_say(spans: list[tuple[int | None, int | None]], asked: list[int]) -> None:
    def write(day: int | None, none: str) -> str:
        return none if day is None else (date(2000, 1, 1) + timedelta(day)).isoformat()

    docs = make_texts(
        {f"d{at}": {"in_force": write(s, ""), "end": write(e, "9999-12-31")} for at, (s, e) in enumerate(spans)}
    )
    queries = make_texts({f"q{at}": {"date": write(day, "")} for at, day in enumerate(asked)})
    expected = [
        [f"d{at}" for at, (s, e) in enumerate(spans) if (s is None or s <= day) and (e is None or day <= e)]
        for day in asked
    ]
    assert list_seen(InForce(), queries, docs) == expected


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_b40_placeholders_are_no_dates_under_every_rule(placeholder: str) -> None:
    """`as_of_query`, `dated`, `date_decay`, `in_force` and conditions on dates."""
    docs: dict[str, Any] = {
        "A1": {"text": "recovery of claims", "metadata": {"date": placeholder, "end": placeholder}},
        "A3": {"text": "recovery of claims network", "metadata": {"date": "2008-05-26", "end": "2009-01-01"}},
    }
    collection = Collection.of(
        docs, {"q": {"text": "claims", "metadata": {"date": "2010-03-16"}}}, {"q": {"A1": 1}}, time="as_of_query"
    )
    finding = next(each for each in collection.findings if each.code == "placeholder-dates-documents")
    assert (finding.count, finding.examples) == (1, (f"A1: '{placeholder}'",))
    assert collection.scope is not None
    assert collection.scope.count_rows().tolist() == [2]
    texts, queries = collection.docs, collection.queries
    for when in ("before", "until", "after", "since"):
        assert "A1" in list_seen(Dated(when), queries, texts)[0]  # type: ignore[arg-type]
        assert "A1" not in list_seen(Dated(when, undated="drop"), queries, texts)[0]  # type: ignore[arg-type]
    assert list_seen(InForce("date"), queries, texts) == [["A1"]]
    for bounds in ({"min": "2000"}, {"max": "2020"}):
        ctx = Context()
        assert list_seen(Where({"date": bounds}), queries, texts, ctx) == [["A3"]]
        assert ctx.counts == {"undated_date": 1}
        assert list_seen(Where({"date": bounds}, missing="keep"), queries, texts) == [["A1", "A3"]]
    rows = np.zeros(2, np.int64), np.arange(2)
    ranking = Ranking.build(queries.ids, texts.ids, *rows, np.array([1.0, 0.0]), source="test")
    ctx = Context(queries=queries, docs=texts)
    assert DateDecay().combine([ranking], ctx).scores.max() == 1.0  # keeps its score
    assert ctx.counts["undated_pairs"] == 1


def test_b40_the_four_documents_of_the_case() -> None:
    """Three of four have a placeholder; nothing is dropped."""
    dates = {"A1": "1001-01-01", "A2": "9999-12-31", "A3": "2008-05-26", "A4": "0001-01-01"}
    docs = {id: {"text": "recovery", "metadata": {"date": value}} for id, value in dates.items()}
    queries = {"q1": {"text": "recovery", "metadata": {"date": "2010-03-16"}}}
    collection = Collection.of(docs, queries, {"q1": {"A1": 1, "A2": 1, "A3": 1}}, time="as_of_query")
    assert collection.scope is not None
    assert collection.scope.count_rows().tolist() == [4]
    finding = next(each for each in collection.findings if each.code == "placeholder-dates-documents")
    assert "3 of 4 documents have a placeholder as 'date'" in finding.message


@pytest.mark.parametrize("none", [9999, "9999", "0001", "1001", "9999.0"])
def test_b40_years_that_stand_for_none_are_no_years(none: Any) -> None:
    docs = make_texts({"a": {"year": none}, "b": {"year": 1999}, "c": {"year": 3}})
    queries = make_texts({"q": {}})
    ctx = Context()
    assert list_seen(Where({"year": {"min": 2}}), queries, docs, ctx) == [["b", "c"]]
    assert ctx.counts == {"undated_year": 1}
    assert get_dates(docs, "year").placeholders == 1
    count = make_texts({"a": {"pages": 9999}, "b": {"pages": 1}})
    assert list_seen(Where({"pages": {"min": 2}}), queries, count) == [["a"]]


def test_conditions_read_dates_in_the_order_of_the_column() -> None:
    docs = make_texts({"a": {"date": "03/04/2015"}, "b": {"date": "25/12/2015"}, "c": {"date": "soon"}, "d": {}})
    queries = make_texts({"q": {}})
    ctx = Context()
    assert list_seen(Where({"date": {"max": "2015-04-30"}}), queries, docs, ctx) == [["a"]]
    assert ctx.counts == {"without_date": 1, "undated_date": 1}
