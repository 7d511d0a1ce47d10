"""Signs and details of queries agree with what one gets by looking at each list, one query at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nirank.results.query_details as query_details
from nirank.collections.dates import read_dates
from nirank.collections.texts import Texts
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Judgement, Qrels
from nirank.flow.ranking import Ranking
from nirank.results.judged_lists import DocumentList, JudgedLists, SystemLists, join_tables, keep_places
from nirank.results.query_detail import QueryDetail
from nirank.results.query_details import ListDetails, choose_detailed
from nirank.results.query_signs import count_signs

Run = dict[str, dict[str, float]]
QUERIES = [f"q{at}" for at in range(4)]
DOCS = [f"d{at:02}" for at in range(40)]
DEPTH, MISSED, JUDGED = 6, 3, 4  # of details, small enough to be reached

runs = st.dictionaries(
    st.sampled_from(QUERIES), st.dictionaries(st.sampled_from(DOCS), st.integers(0, 9).map(float), max_size=30)
)
judgements = st.dictionaries(
    st.sampled_from(QUERIES),
    st.dictionaries(st.sampled_from([*DOCS, "absent1", "absent2"]), st.integers(-1, 3), min_size=1, max_size=12),
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("DEPTH", DEPTH), ("MISSED", MISSED), ("JUDGED", JUDGED), ("_TOGETHER", 3), ("_PLACES", 7)):
        monkeypatch.setattr(query_details, name, value)


def make_list(run: Run, ordered: bool = True) -> DocumentList:
    queries, docs = Ids.of(QUERIES), Ids.of(DOCS)
    ranking = Ranking.from_dict({query: run.get(query, {}) for query in QUERIES}, queries, docs)
    return DocumentList(ranking if ordered else ranking.drop_scores())


def make_lists(
    systems: dict[str, tuple[Run, list[Run]]], judged: dict[str, dict[str, int]] | None, min_rel: int = 1, **more: Any
) -> JudgedLists:
    queries, docs = Ids.of(QUERIES), Ids.of(DOCS)
    qrels = None if judged is None else Qrels.from_dict(judged, queries, docs, min_rel=min_rel)
    lists = JudgedLists(queries, docs, qrels, **more)
    for name, (last, before) in systems.items():
        stages = tuple((f"stage {at}", lambda run=run: make_list(run)) for at, run in enumerate(before))
        lists.systems[name] = SystemLists(make_list(last), stages)
    return lists


def order(run: Run, query: str) -> list[str]:
    """Return the documents of a query in the standard order."""
    return sorted(sorted(run.get(query, {}), reverse=True), key=lambda doc: -run[query][doc])


@settings(max_examples=60, deadline=None)
@given(last=runs, before=st.lists(runs, max_size=2), judged=judgements, min_rel=st.integers(1, 2))
def test_signs_are_what_one_counts_by_hand(
    last: Run, before: list[Run], judged: dict[str, dict[str, int]], min_rel: int
) -> None:
    signs = count_signs(make_lists({"S": (last, before)}, judged, min_rel))["S"]
    evaluated = [query for query in QUERIES if query in judged]
    for at, query in enumerate(evaluated):
        head = order(last, query)[:10]
        relevant = {doc for doc, grade in judged[query].items() if grade >= min_rel}
        had = {doc for run in before for doc in order(run, query)[:10]} & relevant
        assert signs.unjudged[at] == sum(doc not in judged[query] for doc in head)
        assert signs.lost[at] == len(had - set(head))
    assert len(signs.unjudged) == len(evaluated) and signs.later is None


@settings(max_examples=60, deadline=None)
@given(last=runs, other=runs, before=st.lists(runs, max_size=2), judged=judgements, min_rel=st.integers(1, 2))
def test_details_are_what_one_finds_by_hand(
    last: Run, other: Run, before: list[Run], judged: dict[str, dict[str, int]], min_rel: int
) -> None:
    lists = make_lists({"S": (last, before), "T": (other, [])}, judged, min_rel)
    details = list(ListDetails(lists).iterate_queries())
    assert [detail.id for detail in details] == [query for query in QUERIES if query in judged]
    for detail in details:
        _check(detail, last, other, before, judged[detail.id], min_rel)


def _check(detail: QueryDetail, last: Run, other: Run, before: list[Run], judged: dict[str, int], min_rel: int) -> None:
    query, ranked = detail.id, order(last, detail.id)
    listed = detail.lists["S"]
    assert list(listed.documents) == ranked[:DEPTH]
    assert list(listed.scores) == [last[query][doc] for doc in ranked[:DEPTH]]
    for stage, run in zip(listed.stages, before, strict=True):
        places = order(run, query)
        assert list(stage.ranks) == [places.index(doc) + 1 if doc in places else None for doc in ranked[:DEPTH]]
        assert list(stage.scores) == [run.get(query, {}).get(doc) for doc in ranked[:DEPTH]]
    gone = [doc for doc, grade in judged.items() if grade >= min_rel and doc not in ranked[:DEPTH]]
    known = sorted((-judged[doc], ranked.index(doc) if doc in ranked else 99, doc) for doc in gone if doc in DOCS)
    expected = [doc for _, _, doc in known] + [doc for doc in gone if doc not in DOCS]
    assert [missed.document for missed in listed.missed] == expected[:MISSED]
    for missed in listed.missed:
        assert missed.grade == judged[missed.document]
        assert missed.rank == (ranked.index(missed.document) + 1 if missed.document in ranked else None)
        holding = [at for at, run in enumerate(before) if missed.document in run.get(query, {})]
        place = order(before[holding[-1]], query).index(missed.document) + 1 if holding else None
        assert (missed.last_in, missed.last_rank) == (f"stage {holding[-1]}" if holding else None, place)
    shown = {*ranked[:DEPTH], *order(other, query)[:DEPTH]}
    assert {doc: grade for doc, grade in judged.items() if doc in shown}.items() <= detail.judged.items()
    others = {doc: grade for doc, grade in detail.judged.items() if doc not in shown}
    assert others.items() <= judged.items() and len(others) <= JUDGED
    if len(detail.judged) < JUDGED:
        assert set(detail.judged) >= {doc for doc, grade in judged.items() if grade >= min_rel or doc in DOCS}


@settings(max_examples=40, deadline=None)
@given(systems=st.lists(runs, min_size=1, max_size=3), judged=judgements)
def test_what_is_kept_of_run_files_says_the_same_as_all_of_them(
    systems: list[Run], judged: dict[str, dict[str, int]]
) -> None:
    whole = make_lists({f"S{at}": (run, []) for at, run in enumerate(systems)}, judged)
    kept = []
    for run in systems:  # each over the documents of its own file alone
        given = {query: run.get(query, {}) for query in QUERIES}
        ranking = Ranking.from_dict(given, Ids.of(QUERIES))
        qrels = Qrels.from_dict(judged, ranking.queries, ranking.docs)
        kept.append(keep_places(ranking, qrels, 10))
    docs, joined = join_tables(kept, Ids.of(dict.fromkeys(doc for docs in judged.values() for doc in docs)))
    qrels = Qrels.from_dict(judged, whole.queries, docs)
    lists = {f"S{at}": SystemLists(each) for at, each in enumerate(joined)}
    part = JudgedLists(whole.queries, docs, qrels, systems=lists)
    for name, signs in count_signs(whole).items():
        assert np.array_equal(signs.unjudged, count_signs(part)[name].unjudged)
    for found, expected in zip(ListDetails(part).iterate_queries(), ListDetails(whole).iterate_queries(), strict=True):
        assert {name: (each.documents, each.scores) for name, each in found.lists.items()} == {
            name: (each.documents, each.scores) for name, each in expected.lists.items()
        }
        for name, listed in found.lists.items():
            ranked = order(systems[int(name[1:])], found.id)
            for missed in listed.missed:
                assert missed.rank == (ranked.index(missed.document) + 1 if missed.document in ranked else None)


def test_judgements_of_all_listed_documents_are_kept_however_many_there_are() -> None:
    judged = dict.fromkeys(DOCS, 0) | {DOCS[30]: 1}
    run = {"q0": {doc: float(50 - at) for at, doc in enumerate(DOCS)}}
    (detail,) = ListDetails(make_lists({"S": (run, [])}, {"q0": judged})).iterate_queries()
    assert detail.judged == dict.fromkeys(DOCS[:DEPTH], 0), "six are listed, though four are enough otherwise"


def test_candidates_without_order_have_no_scores_and_what_they_hold_is_not_lost() -> None:
    run = {"q0": dict.fromkeys(DOCS[:9], 1.0)}
    judged = {"q0": {DOCS[8]: 1, DOCS[20]: 1}}
    lists = make_lists({"S": (run, [])}, judged)
    lists.systems["S"] = SystemLists(
        make_list(run, ordered=False), (("blocks", lambda: make_list(run, ordered=False)),)
    )
    (detail,) = ListDetails(lists).iterate_queries()
    listed = detail.lists["S"]
    assert listed.documents == tuple(DOCS[:DEPTH])
    assert listed.scores == (None,) * DEPTH
    assert listed.stages[0].ranks == (0,) * DEPTH, "it had them, without order"
    assert [missed.document for missed in listed.missed] == [DOCS[20]]
    assert count_signs(lists) == {}


def test_a_pair_of_one_table_is_not_lost_where_the_other_record_has_it() -> None:
    ids = Ids.of(["a", "b", "c"])
    qrels = Qrels.from_dict({"a": {"b": 1, "c": 1}, "b": {"a": 1}, "c": {"a": 1}}, ids, ids)
    pairs = Pairs.from_ids(ids, ids, {"b": ["a"]}, source="test")
    lists = JudgedLists(ids, ids, qrels, one_table=True, systems={"S": SystemLists(DocumentList(pairs))})
    missed = {
        detail.id: [missed.document for missed in detail.lists["S"].missed]
        for detail in ListDetails(lists).iterate_queries()
    }
    assert missed == {"a": ["c"], "b": [], "c": ["a"]}


def test_results_dated_after_the_query_are_counted_and_dates_are_as_well_known_as_they_are() -> None:
    docs = Texts.of({
        "old": {"text": "o", "metadata": {"date": "1999"}}, "new": {"text": "n", "metadata": {"date": "2024-02-29"}},
        "none": {"text": "-"}, "month": {"text": "m", "metadata": {"date": "2020-05"}},
    })  # fmt: skip
    queries = Texts.of({"q": {"title": "Title", "text": "body", "metadata": {"date": "2020-01-01"}}})
    ranking = Ranking.from_dict({"q": {"old": 4.0, "new": 3.0, "none": 2.0, "month": 1.0}}, queries.ids, docs.ids)
    qrels = Qrels.from_dict({"q": {"old": 1}}, queries.ids, docs.ids)
    dates = read_dates(queries, "date"), read_dates(docs, "date")
    lists = JudgedLists(queries.ids, docs.ids, qrels, (queries, docs), dates)
    lists.systems["S"] = SystemLists(DocumentList(ranking))
    later = count_signs(lists)["S"].later
    assert later is not None and later.tolist() == [2]
    details = ListDetails(lists)
    (query,) = details.iterate_queries()
    assert (query.text, query.characters, query.date) == ("Title body", 10, "2020-01-01")
    assert {each.id: each.date for each in details.describe_documents(["new", "old", "none", "month", "who"])} == {
        "new": "2024-02-29", "old": "1999", "none": None, "month": "2020-05",
    }  # fmt: skip


def test_texts_are_cut_and_records_are_shown_column_by_column() -> None:
    docs = Texts.of({"long": {"title": "t" * 500, "text": "é" * 1_000_000}, "short": {"title": "", "text": "s"}})
    records = Texts.of({"r": {"name": "Alien", "year": "1979", "note": " "}})
    wide = Texts.of({"r": {"first": "f" * 900, "second": "s" * 900}})
    for texts, expected in (
        (docs, [("t" * 300, "é" * 1000, 1_000_000), ("", "s", 1)]),
        (records, [("", "name: Alien\nyear: 1979", 22)]),
        (wide, [("", f"first: {'f' * 900}\nsecond: {'s' * 84}", 1816)]),
    ):
        ranking = Ranking.from_dict({"q": dict.fromkeys(texts.ids, 1.0)}, Ids.of(["q"]), texts.ids)
        lists = JudgedLists(ranking.queries, texts.ids, None, (Texts.of({"q": "x" * 6000}), texts))
        lists.systems["S"] = SystemLists(DocumentList(ranking))
        details = ListDetails(lists)
        (query,) = details.iterate_queries()
        assert (query.text, query.characters) == ("x" * 5000, 6000)
        found = details.describe_documents(list(texts.ids))
        assert [(each.title, each.text, each.characters) for each in found] == expected


def test_a_list_that_is_no_longer_in_the_store_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    def open_list() -> DocumentList:
        raise FileNotFoundError("gone")

    lists = make_lists({"S": ({"q0": {"d00": 1.0}}, [])}, {"q0": {"d01": 1}})
    lists.systems["S"] = SystemLists(lists.systems["S"].last, (("BM25", open_list),))
    (detail,) = ListDetails(lists).iterate_queries()
    assert detail.lists["S"].stages == ()
    assert "the list of BM25 is no longer in the store" in caplog.text


def test_where_there_are_many_queries_those_on_which_systems_differ_have_details(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spread = np.array([0.1, 0.5, 0.1, 0.0, 0.5])
    hardness = np.array([0.0, 0.0, 0.9, 0.5, 0.1])
    assert choose_detailed(spread, hardness, 2) is None
    monkeypatch.setattr(query_details, "MAX_QUERIES", 3)
    assert choose_detailed(spread, hardness, 2) == [1, 2, 4]
    monkeypatch.setattr(query_details, "MAX_LISTS", 4)
    assert choose_detailed(spread, hardness, 2) == [1, 4]
    lists = make_lists({"S": ({}, [])}, {query: {"d00": 1} for query in QUERIES})
    assert [detail.id for detail in ListDetails(lists, [1, 3]).iterate_queries()] == ["q1", "q3"]


def test_scores_are_rounded_to_the_digits_of_single_precision() -> None:
    scores = np.array([17.839212417602539, -0.016393442622950821, 0.0, np.nan, 1e300, 123456789.0, 1e-300])
    rounded = query_details._round_scores(scores)
    np.testing.assert_array_equal(rounded, [17.83921, -0.01639344, 0.0, np.nan, 1e300, 123456800.0, 1e-300])


def test_absent_documents_are_known_by_their_queries() -> None:
    lists = make_lists({}, {"q0": {"gone": 2, "d00": 1, "low": 0}})
    assert lists.absent == {"q0": [("gone", 2)]}
    assert lists.qrels is not None and Judgement("q0", "low", 0) in lists.qrels.dangling


@pytest.mark.parametrize(("min_rel", "found"), [(1, [2, 0]), (2, [1, 0])])
def test_relevant_documents_are_those_from_the_least_relevant_grade_on(min_rel: int, found: list[int]) -> None:
    first, second = QUERIES[:2]
    judged = {first: {DOCS[0]: 1, DOCS[1]: 2, DOCS[2]: 0}, second: {DOCS[3]: 2}}
    run = {first: {DOCS[0]: 3.0, DOCS[1]: 2.0, DOCS[2]: 1.0}, second: {DOCS[4]: 1.0}}
    lists = make_lists({"S": (run, [])}, judged, min_rel)
    assert lists.count_found(lists.systems["S"].last).tolist() == found
