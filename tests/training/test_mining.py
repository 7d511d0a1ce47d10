"""Which documents become positives and negatives; trap 38."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.collections.texts import Texts
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.training.mining import MinedRows, mine_rows


def make_ranking(queries: Texts, docs: Texts, lists: dict[str, list[tuple[str, float]]]) -> Ranking:
    flat = [(query, doc, score) for query, scored_docs in lists.items() for doc, score in scored_docs]
    q, d = queries.ids.find_rows([entry[0] for entry in flat]), docs.ids.find_rows([entry[1] for entry in flat])
    return Ranking.build(queries.ids, docs.ids, q, d, np.array([entry[2] for entry in flat]), source="test")


def list_examples(mined: MinedRows, queries: Texts, docs: Texts) -> list[tuple[str, str, list[str]]]:
    return [
        (queries.ids[q], docs.ids[d], docs.ids.take(mined.negatives[mined.offsets[i] : mined.offsets[i + 1]]))
        for i, (q, d) in enumerate(zip(mined.queries.tolist(), mined.positives.tolist(), strict=True))
    ]


def test_trap_38_judged_positives_and_their_twins_are_no_negatives():
    docs = Texts.of({"a": "the answer", "a2": "The  answer", "b": "something else"})
    queries = Texts.of({"q": "what"})
    qrels = Qrels.from_dict({"q": {"a": 1}}, queries.ids, docs.ids)
    candidates = make_ranking(queries, docs, {"q": [("a", 3.0), ("a2", 2.0), ("b", 1.0)]})
    mined = mine_rows(queries, docs, qrels, [candidates], {"negatives": [{"n": 3}]})
    assert list_examples(mined, queries, docs) == [("q", "a", ["b"])]
    assert mined.counts["removed: known positives"] == 1
    assert mined.counts["removed: texts of positives"] == 1
    assert mined.counts["negatives"] == 1
    assert mined.counts["examples with fewer"] == 1


def test_each_filter_removes_what_it_names_and_counts_it():
    docs = Texts.of(
        {"p": "p", "n1": "one", "n2": "one", "blank": " ", "self": "the question", "n3": "three", "n4": "four"}
    )
    queries = Texts.of({"q": "the question", "r": "no list"})
    qrels = Qrels.from_dict({"q": {"p": 2, "n4": 0}, "r": {"n1": 1}}, queries.ids, docs.ids)
    order = ["n3", "n1", "n2", "blank", "self", "p", "n4"]
    candidates = make_ranking(queries, docs, {"q": [(doc, 7.0 - i) for i, doc in enumerate(order)]})
    mined = mine_rows(queries, docs, qrels, [candidates], {"negatives": [{"n": 9}]})
    assert list_examples(mined, queries, docs) == [("q", "p", ["n3", "n1", "n4"]), ("r", "n1", [])]
    assert {name: n for name, n in mined.counts.items() if name.startswith("removed")} == {
        "removed: blank positives": 0,
        "removed: known positives": 1,
        "removed: texts of positives": 0,
        "removed: the query itself": 1,
        "removed: blank": 1,
        "removed: equal texts": 1,
    }


def test_ranks_margins_and_numbers():
    docs = Texts.of({f"d{i}": f"text {i}" for i in range(8)})
    queries = Texts.of({"q": "question"})
    qrels = Qrels.from_dict({"q": {"d3": 1}}, queries.ids, docs.ids)
    candidates = make_ranking(queries, docs, {"q": [(f"d{i}", 10.0 - i) for i in range(8)]})  # d3 has 7

    def mine_negatives(**how: object) -> list[str]:
        return list_examples(
            mine_rows(queries, docs, qrels, [candidates], {"negatives": [{"n": 9, **how}]}), queries, docs
        )[0][2]

    assert mine_negatives(ranks=(2, 6)) == ["d1", "d2", "d4", "d5"]
    assert mine_negatives(margin=2.0) == ["d5", "d6", "d7"]  # at most 5
    assert mine_negatives(relative=0.6) == ["d6", "d7"]  # at most 4.2
    assert mine_negatives(margin=2.0, relative=0.6) == ["d6", "d7"]
    assert mine_negatives(n=2) == ["d0", "d1"]
    chosen = mine_negatives(n=3, choose="random")
    assert len(chosen) == 3
    assert chosen == sorted(chosen) == mine_negatives(n=3, choose="random")
    assert chosen != mine_negatives(n=3)


def test_a_margin_removes_nothing_where_the_positive_has_no_score_and_says_so():
    docs = Texts.of({"p": "p", "n": "n"})
    queries = Texts.of({"q": "question"})
    qrels = Qrels.from_dict({"q": {"p": 1}}, queries.ids, docs.ids)
    mined = mine_rows(
        queries,
        docs,
        qrels,
        [make_ranking(queries, docs, {"q": [("n", 5.0)]})],
        {"negatives": [{"n": 1, "margin": 1.0}]},
    )
    assert list_examples(mined, queries, docs) == [("q", "p", ["n"])]
    assert mined.counts["positives not in the list"] == 1


def test_grades_and_at_most_so_many_positives():
    docs = Texts.of({f"d{i}": f"text {i}" for i in range(6)})
    queries = Texts.of({"q": "one", "r": "two"})
    qrels = Qrels.from_dict({"q": {"d0": 1, "d1": 2, "d2": 2, "d3": 1}, "r": {"d4": 1}}, queries.ids, docs.ids)
    two = mine_rows(queries, docs, qrels, [], {"positives": 2})
    assert [(q, d) for q, d, _ in list_examples(two, queries, docs)] == [("q", "d1"), ("q", "d2"), ("r", "d4")]
    assert len(two.known) == 5  # what is left out is still no negative
    assert [d for _, d, _ in list_examples(mine_rows(queries, docs, qrels, [], {"grade": 2}), queries, docs)] == [
        "d1",
        "d2",
    ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_negative_is_ever_a_positive_in_any_text(data):
    n_docs, n_queries = data.draw(st.integers(2, 12)), data.draw(st.integers(1, 4))
    words = data.draw(st.lists(st.sampled_from("abcdef"), min_size=n_docs, max_size=n_docs))
    docs = Texts.of({f"d{i}": word for i, word in enumerate(words)})
    queries = Texts.of({f"q{i}": f"query {i}" for i in range(n_queries)})
    pairs = st.tuples(st.integers(0, n_queries - 1), st.integers(0, n_docs - 1))
    judged = data.draw(st.dictionaries(pairs, st.integers(0, 1), max_size=20))
    qrels = Qrels.from_dict(_nest_scores(judged), queries.ids, docs.ids)
    scores_by_pair = data.draw(st.dictionaries(pairs, st.floats(0, 1, width=32), max_size=30))
    rows = np.array(list(scores_by_pair), np.int64).reshape(-1, 2)
    candidates = Ranking.build(
        queries.ids, docs.ids, rows[:, 0], rows[:, 1], np.array(list(scores_by_pair.values()), np.float32), source="t"
    )
    how = {"n": data.draw(st.integers(1, 4)), "choose": data.draw(st.sampled_from(["top", "random"]))}
    mined = mine_rows(queries, docs, qrels, [candidates], {"negatives": [how]})
    relevant = {
        query: {docs[docs.ids.find_rows([d])[0]]["text"] for d, g in grades.items() if g}
        for query, grades in _nest_scores(judged).items()
    }
    for query, positive, negatives in list_examples(mined, queries, docs):
        assert docs[docs.ids.find_rows([positive])[0]]["text"] in relevant[query]
        texts = [docs[row]["text"] for row in docs.ids.find_rows(negatives)] if negatives else []
        assert not set(texts) & relevant[query]
        assert len(texts) == len(set(texts)) <= how["n"]


def _nest_scores(judged: dict[tuple[int, int], int]) -> dict[str, dict[str, int]]:
    candidates: dict[str, dict[str, int]] = {}
    for (query, doc), grade in judged.items():
        candidates.setdefault(f"q{query}", {})[f"d{doc}"] = grade
    return candidates


def test_what_is_mined_is_read_back(tmp_path):
    rows = np.array([0, 1]), np.array([2, 3]), np.array([0, 1, 1]), np.array([4]), np.array([[0, 2]])
    MinedRows(*rows).save(tmp_path)
    stored = MinedRows.open(tmp_path)
    assert [stored.queries.tolist(), stored.offsets.tolist(), stored.negatives.tolist()] == [[0, 1], [0, 1, 1], [4]]
    q, d = stored.list_pairs()
    assert sorted(zip(q.tolist(), d.tolist(), strict=True)) == [(0, 2), (0, 4), (1, 3)]


def test_trap_38_a_positive_below_the_grade_that_is_taught_is_no_negative():
    docs = Texts.of({"best": "best", "good": "good", "bad": "bad"})
    queries = Texts.of({"q": "question"})
    qrels = Qrels.from_dict({"q": {"best": 2, "good": 1, "bad": 0}}, queries.ids, docs.ids)
    candidates = make_ranking(queries, docs, {"q": [("best", 3.0), ("good", 2.0), ("bad", 1.0)]})
    mined = mine_rows(queries, docs, qrels, [candidates], {"grade": 2, "negatives": [{"n": 5}]})
    assert list_examples(mined, queries, docs) == [("q", "best", ["bad"])]


def test_trap_38_one_question_under_two_ids_has_one_set_of_positives():
    docs = Texts.of({"a": "A", "b": "B", "c": "C"})
    queries = Texts.of({"q1": "what is it", "q2": "What is  it"})
    qrels = Qrels.from_dict({"q1": {"a": 1}, "q2": {"b": 1}}, queries.ids, docs.ids)
    order = [("a", 3.0), ("b", 2.0), ("c", 1.0)]
    mined = mine_rows(
        queries, docs, qrels, [make_ranking(queries, docs, {"q1": order, "q2": order})], {"negatives": [{"n": 5}]}
    )
    assert list_examples(mined, queries, docs) == [("q1", "a", ["c"]), ("q2", "b", ["c"])]


def test_blank_positives_are_no_examples():
    docs = Texts.of({"a": " ", "b": "B"})
    queries = Texts.of({"q": "what"})
    qrels = Qrels.from_dict({"q": {"a": 1, "b": 1}}, queries.ids, docs.ids)
    mined = mine_rows(queries, docs, qrels, [], {})
    assert list_examples(mined, queries, docs) == [("q", "b", [])]
    assert mined.counts["removed: blank positives"] == 1


def test_a_share_of_a_negative_score_lies_below_it():
    docs = Texts.of({name: name for name in ("near", "p", "close", "far")})
    queries = Texts.of({"q": "question"})
    qrels = Qrels.from_dict({"q": {"p": 1}}, queries.ids, docs.ids)
    candidates = make_ranking(queries, docs, {"q": [("near", -1.0), ("p", -2.0), ("close", -2.5), ("far", -3.5)]})
    mined = mine_rows(queries, docs, qrels, [candidates], {"negatives": [{"n": 5, "relative": 0.5}]})
    assert list_examples(mined, queries, docs) == [("q", "p", ["far"])]  # at most -3
