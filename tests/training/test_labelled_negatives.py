"""Known non-matches as negatives, and what is no negative since it matches through a partner."""

from __future__ import annotations

import numpy as np

from nirank.collections.texts import Texts
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.training.mining import MinedRows, mine_rows

LABELLED = {"labelled": True}


def rank(queries: Texts, docs: Texts, lists: dict[str, list[str]]) -> Ranking:
    pairs = [
        (query, doc, -float(place)) for query, ranked_docs in lists.items() for place, doc in enumerate(ranked_docs)
    ]
    rows = [queries.ids.find_rows([pair[0] for pair in pairs]), docs.ids.find_rows([pair[1] for pair in pairs])]
    return Ranking.build(queries.ids, docs.ids, *rows, np.array([pair[2] for pair in pairs]), source="test")


def list_examples(mined: MinedRows, queries: Texts, docs: Texts) -> list[tuple[str, str, list[str]]]:
    return [
        (queries.ids[q], docs.ids[d], docs.ids.take(mined.negatives[mined.offsets[i] : mined.offsets[i + 1]]))
        for i, (q, d) in enumerate(zip(mined.queries.tolist(), mined.positives.tolist(), strict=True))
    ]


def make_records(*names: str) -> Texts:
    return Texts.of({name: f"record {name}" for name in names})


def test_judged_non_matches_are_negatives():
    docs = Texts.of({"a": "A", "b": "B", "b2": "b", "c": "C", "a2": "a", "blank": " "})
    queries = make_records("q", "r", "s")
    judged = {"q": {"a": 1, "b": 0, "b2": 0, "c": -1, "a2": 0, "blank": 0}, "r": {"c": 1}, "s": {"a": 0, "b": 0}}
    qrels = Qrels.from_dict(judged, queries.ids, docs.ids)
    mined = mine_rows(queries, docs, qrels, [], {"negatives": [LABELLED]})
    assert list_examples(mined, queries, docs) == [("q", "a", ["b", "c"]), ("r", "c", [])]
    assert mined.counts["labelled non-matches"] == 7
    assert mined.counts["labelled non-matches of queries without a positive"] == 2
    assert mined.counts["removed: texts of positives"] == 1  # a label that contradicts another
    assert mined.counts["removed: equal texts"] == 1
    assert mined.counts["negatives"] == 2
    mined_one = mine_rows(queries, docs, qrels, [], {"negatives": [{**LABELLED, "n": 1}]})
    assert len(list_examples(mined_one, queries, docs)[0][2]) == 1


def test_a_grade_below_the_least_relevant_one_is_no_non_match():
    docs, queries = make_records("a", "b", "c"), make_records("q")
    qrels = Qrels.from_dict({"q": {"a": 2, "b": 1, "c": 0}}, queries.ids, docs.ids, min_rel=2)
    mined = mine_rows(queries, docs, qrels, [], {"negatives": [LABELLED]})
    assert list_examples(mined, queries, docs) == [("q", "a", ["c"])]


def test_mined_ones_beside_labelled_ones_are_others():
    docs, queries = make_records(*"abcdef"), make_records("q")
    qrels = Qrels.from_dict({"q": {"a": 1, "b": 0, "c": 0}}, queries.ids, docs.ids)
    rankings = [rank(queries, docs, {"q": list("abcdef")}), rank(queries, docs, {"q": list("fed")})]
    sources = [{**LABELLED, "n": 1}, {"n": 1}, {"n": 2}]
    mined = mine_rows(queries, docs, qrels, rankings, {"negatives": sources})
    ((_, _, negatives),) = list_examples(mined, queries, docs)
    assert negatives[0] in "bc"
    assert negatives[1:] == ["d", "f", "e"]
    two_sources = mine_rows(queries, docs, qrels, rankings, {"negatives": [{"n": 1}, {"n": 6}]})
    assert list_examples(two_sources, queries, docs)[0][2] == ["b", "f", "e", "d"]  # every text once


def test_a_match_of_a_match_is_no_non_match():
    docs, queries = make_records("a", "b", "c"), make_records("q", "r")
    qrels = Qrels.from_dict({"q": {"a": 1}, "r": {"a": 1, "b": 1}}, queries.ids, docs.ids)
    rankings = [rank(queries, docs, {"q": ["b", "c"], "r": ["c"]})]
    tables = mine_rows(queries, docs, qrels, rankings, {"negatives": [{"n": 9}], "partners": "tables"})
    assert list_examples(tables, queries, docs) == [("q", "a", ["c"]), ("r", "a", ["c"]), ("r", "b", ["c"])]
    assert tables.counts["removed: matches of partners"] == 1
    assert tables.known.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]  # nor in a batch
    assert tables.counts["matches through partners"] == 1
    questions = mine_rows(queries, docs, qrels, rankings, {"negatives": [{"n": 9}]})
    assert list_examples(questions, queries, docs)[0] == ("q", "a", ["b", "c"])  # of questions nothing follows


def test_records_of_one_text_have_the_same_partners():
    docs = Texts.of({"a": "A", "b": "B", "b2": "b", "c": "C"})
    queries = Texts.of({"q": "Q", "q2": "q", "r": "R"})
    qrels = Qrels.from_dict({"q": {"a": 1}, "q2": {"b": 1}, "r": {"b2": 1}}, queries.ids, docs.ids)
    rankings = [rank(queries, docs, {"r": ["a", "c"]})]
    mined = mine_rows(queries, docs, qrels, rankings, {"negatives": [{"n": 9}], "partners": "tables"})
    assert list_examples(mined, queries, docs)[-1] == ("r", "b2", ["c"])


def test_in_one_table_a_record_is_itself_on_both_sides():
    records = make_records("a", "b", "c", "d")
    matches = {"a": {"b": 1}, "b": {"a": 1, "c": 1}, "c": {"b": 1}}
    qrels = Qrels.from_dict(matches, records.ids, records.ids)
    rankings = [rank(records, records, {"a": ["c", "d"]})]
    mined = mine_rows(records, records, qrels, rankings, {"negatives": [{"n": 9}], "partners": "table"})
    assert list_examples(mined, records, records)[0] == ("a", "b", ["d"])


def test_ids_tell_no_sides_apart():
    """Two tables may both have the ids 0 … n - 1, and equal texts under other ids."""
    left, right = Texts.of({"0": "A", "1": "B", "2": "C"}), Texts.of({"0": "C", "1": "D", "2": "A"})
    qrels = Qrels.from_dict({"0": {"0": 1}, "1": {"1": 1}}, right.ids, left.ids)
    rankings = [rank(right, left, {"0": ["1"], "1": ["0", "2"]})]
    mined = mine_rows(right, left, qrels, rankings, {"negatives": [{"n": 9}], "partners": "tables"})
    assert list_examples(mined, right, left) == [("0", "0", ["1"]), ("1", "1", ["0", "2"])]


def test_a_giant_entity_is_filtered_and_its_pairs_are_not_listed(monkeypatch):
    monkeypatch.setattr("nirank.training.partners._MOST", 8)
    names = [f"n{i}" for i in range(3)]
    docs, queries = make_records(*names, "x"), make_records(*names)
    chain = {f"n{i}": {f"n{i}": 1, f"n{min(i + 1, 2)}": 1} for i in range(3)}
    qrels = Qrels.from_dict(chain, queries.ids, docs.ids)
    rankings = [rank(queries, docs, {"n0": ["n2", "x"]})]
    mined = mine_rows(queries, docs, qrels, rankings, {"negatives": [{"n": 9}], "partners": "tables"})
    assert list_examples(mined, queries, docs)[0][2] == ["x"]
    assert len(mined.known) == 5
