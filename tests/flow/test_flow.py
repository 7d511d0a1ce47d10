"""What flows: ids, pairs, rankings, scopes. Laws, for any content."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.errors import DataError, StageError
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs, concatenate_ranges
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking, find_standard_order, select_best, select_best_pairs
from nirank.flow.scope import Scope

QUERIES, DOCS = Ids.of(["q1", "q0", "q2"]), Ids.of([f"d{i}" for i in range(12)] + ["é", "Z", "a"])
pair = st.tuples(st.integers(0, 2), st.integers(0, len(DOCS) - 1))
pair_sets = st.sets(pair, max_size=30)
rankings = st.dictionaries(pair, st.one_of(st.sampled_from([0.0, 1.0]), st.floats(-9, 9, width=32)), max_size=30)
quick_settings = settings(max_examples=60, deadline=None)


def make_pairs(pairs: set[tuple[int, int]]) -> Pairs:
    q, d = (np.array([pair[i] for pair in pairs], int) for i in (0, 1))
    return Pairs.build(QUERIES, DOCS, q, d, source="test")


def make_set(pairs: Pairs) -> set[tuple[int, int]]:
    return set(zip(pairs.query_rows.tolist(), pairs.rows.tolist(), strict=True))


def make_ranking(pair_scores: dict[tuple[int, int], float], depth: int | None = None) -> Ranking:
    q, d = (np.array([result[i] for result in pair_scores], int) for i in (0, 1))
    scores = np.array(list(pair_scores.values()), np.float64)
    return Ranking.build(QUERIES, DOCS, q, d, scores, source="test", depth=depth)


@given(st.lists(st.text(max_size=5), unique=True, max_size=80), st.lists(st.text(max_size=5), max_size=80))
@quick_settings
def test_ids_find_what_a_dictionary_finds(table: list[str], looked_up: list[str]) -> None:
    ids = Ids.of(table)
    rows = {id: row for row, id in enumerate(table)}
    all_ids = [*looked_up, *table]
    assert ids.find_rows(all_ids).tolist() == [rows.get(id, -1) for id in all_ids]
    assert [ids.find_row(id) for id in all_ids[:10]] == [rows.get(id, -1) for id in all_ids[:10]]
    by_bytes = sorted(table, key=str.encode)
    assert ids.take(ids.order) == by_bytes
    assert [by_bytes[rank] for rank in ids.rank] == table
    assert ids.find_duplicates() == []


def test_ids_survive_a_folder_and_tell_duplicates(tmp_path) -> None:  # type: ignore[no-untyped-def]
    ids = Ids.of(["01", "1", "NA", "ü", ""])
    ids.save(tmp_path)
    assert list(Ids.open(tmp_path)) == list(ids)
    assert Ids.open(tmp_path) == ids
    assert Ids.of(["a", "b", "a", "c", "b"]).find_duplicates() == [(0, 2), (1, 4)]
    assert Ids.of([]).find_rows(["a"]).tolist() == [-1]


@given(pair_sets, pair_sets)
@quick_settings
def test_pairs_are_sets(first: set[tuple[int, int]], second: set[tuple[int, int]]) -> None:
    a, b = make_pairs(first), make_pairs(second)
    assert make_set(a) == first
    assert make_set(a.union(b)) == first | second
    assert make_set(a.intersection(b)) == first & second
    all_pairs = [(q, d) for q in range(3) for d in range(len(DOCS))]
    q, d = (np.array(column) for column in zip(*all_pairs, strict=True))
    assert a.contains(q, d).tolist() == [pair in first for pair in all_pairs]
    assert make_set(a.select(b.contains(a.query_rows, a.rows))) == first & second
    assert len(a.counts) == 3


def test_pairs_refuse_what_cannot_be() -> None:
    with pytest.raises(StageError, match="test: query 'q0' has document 'd2' twice"):
        Pairs.build(QUERIES, DOCS, np.array([1, 1]), np.array([2, 2]), source="test")
    with pytest.raises(StageError, match="document row 99 does not exist"):
        Pairs.build(QUERIES, DOCS, np.array([1]), np.array([99]), source="test")
    with pytest.raises(DataError, match="document 'nope' is not in the collection"):
        Pairs.from_ids(QUERIES, DOCS, {"q1": ["nope"]}, source="test")


@given(rankings, st.randoms(use_true_random=False))
@quick_settings
def test_a_ranking_is_in_standard_order_whatever_comes(scores: dict[tuple[int, int], float], random) -> None:  # type: ignore[no-untyped-def]
    ranking = make_ranking(scores)
    shuffled = list(scores.items())
    random.shuffle(shuffled)
    assert make_ranking(dict(shuffled)) == ranking
    for query in range(3):
        expected = [(score, DOCS[d].encode()) for (q, d), score in scores.items() if q == query]
        expected.sort(key=lambda item: (item[0], item[1]), reverse=True)
        docs = [DOCS[row].encode() for row in ranking.get_rows(query)]
        assert docs == [id for _, id in expected]


@given(rankings, st.integers(1, 9), st.integers(1, 9))
@quick_settings
def test_cuts_compose(scores: dict[tuple[int, int], float], j: int, k: int) -> None:
    ranking = make_ranking(scores)
    assert ranking.cut(j).cut(k).rows.tolist() == ranking.cut(min(j, k)).rows.tolist()
    assert (ranking.cut(k).counts <= k).all()
    was_cut = (ranking.counts > k).any()
    assert ranking.cut(k).depth == (k if was_cut else None)
    assert make_ranking(scores, depth=k).depth == k
    unsure = Ranking(QUERIES, DOCS, ranking.offsets, ranking.rows, ranking.scores, 1)  # a fusion of lists cut at 1
    assert unsure.cut(k).depth == 1
    with pytest.raises(StageError, match="1 or more"):
        ranking.cut(0)


@given(rankings)
@quick_settings
def test_rankings_survive_every_form(
    tmp_path_factory: pytest.TempPathFactory, scores: dict[tuple[int, int], float]
) -> None:
    ranking = make_ranking(scores, depth=7)
    folder = tmp_path_factory.mktemp("ranking")
    ranking.save(folder)
    assert Ranking.open(folder, QUERIES, DOCS) == ranking
    full_ranking = make_ranking(scores)
    assert Ranking.from_dict(full_ranking.to_dict(), QUERIES, DOCS) == full_ranking
    assert Ranking.from_pandas(full_ranking.to_pandas(), QUERIES, DOCS) == full_ranking
    assert full_ranking.to_pandas()["rank"].tolist() == full_ranking.ranks.tolist()


@pytest.mark.parametrize("kind", [np.uint8, np.uint64, np.int32, np.float32, np.float64])
def test_numbers_of_any_kind_order_a_ranking(kind: type[np.generic]) -> None:
    frame = pd.DataFrame({"query_id": ["q"] * 3, "doc_id": ["a", "b", "c"], "score": np.array([0, 1, 5], kind)})
    ranking = Ranking.from_pandas(frame)
    assert list(ranking.to_dict()["q"].items()) == [("c", 5), ("b", 1), ("a", 0)]
    assert ranking.scores.dtype.kind == "f"


def test_what_is_in_order_already_is_copied_and_a_repeat_far_away_found() -> None:
    q, d, s = np.array([0, 0, 0]), np.array([1, 2, 3]), np.array([3.0, 2.0, 1.0])
    ranking = Ranking.build(QUERIES, DOCS, q, d, s, source="test")
    s[0] = d[0] = 0
    assert (ranking.rows.tolist(), ranking.scores.tolist()) == ([1, 2, 3], [3.0, 2.0, 1.0])
    with pytest.raises(StageError, match="document 'd1' twice"):
        Ranking.build(QUERIES, DOCS, q, np.array([1, 2, 1]), np.array([3.0, 2.0, 1.0]), source="test")


def test_given_sides_are_used_even_when_empty_and_strangers_are_named() -> None:
    assert [judgement.doc_id for judgement in Qrels.from_dict({"q": {"a": 1}}, docs=Ids.of([])).dangling] == ["a"]
    with pytest.raises(DataError, match="query 'q' is not in the collection"):
        Ranking.from_dict({"q": {"a": 1.0}}, queries=Ids.of([]))
    with pytest.raises(DataError, match="document 'zz' is not in the collection"):
        Ranking.from_dict({"q1": {"zz": 1.0}}, QUERIES, DOCS)
    with pytest.raises(DataError, match="query 'q', document 'a' has label 0.7"):
        Qrels.from_dict({"q": {"a": 0.7}})  # type: ignore[dict-item]


def test_a_table_with_numbers_for_ids_is_refused() -> None:
    with pytest.raises(DataError, match="an id is text, got 7.5"):
        Ranking.from_pandas(pd.DataFrame({"query_id": ["q"], "doc_id": [7.5], "score": [1.0]}))


@given(rankings)
@quick_settings
def test_taking_queries_apart_and_together(scores: dict[tuple[int, int], float]) -> None:
    ranking = make_ranking(scores)
    parts = [ranking.take(np.array(rows), Ids.of(QUERIES.take(rows))) for rows in ([2, 0], [1])]
    assert Ranking.concatenate(parts, QUERIES) == ranking
    with pytest.raises(StageError, match="in two rankings"):
        Ranking.concatenate([ranking, ranking], QUERIES)


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=15), st.integers(1, 20))
@quick_settings
def test_the_best_rows_at_k_begin_those_at_a_greater_k(scores: list[float], k: int) -> None:
    rank = DOCS.rank[: len(scores)]
    order = select_best(np.array(scores), rank, None)
    assert select_best(np.array(scores), rank, k).tolist() == order[:k].tolist()


signed_scores = st.sampled_from([0.0, -0.0, 1.5, -1.5]) | st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(
    st.lists(st.tuples(pair, signed_scores), max_size=30, unique_by=lambda result: result[0]), st.sampled_from([1, 3])
)
@quick_settings
def test_loose_pairs_are_sorted_by_query_score_and_id(results: list[tuple[tuple[int, int], float]], k: int) -> None:
    """Scores of 32 bits have a way of their own; it is the same order: signs, zeros and ties included."""
    q, d = (np.array([result[0][side] for result in results], int) for side in (0, 1))
    scores = np.array([score for _, score in results], np.float32)
    expected = np.lexsort((-DOCS.rank[d], -scores, q)).tolist()
    assert find_standard_order(DOCS, q, d, scores).tolist() == expected
    best = [at for place, at in enumerate(expected) if (q[expected[:place]] == q[at]).sum() < k]
    for given_scores in (scores, scores.astype(np.float64)):
        flat = select_best_pairs(DOCS, q, d, given_scores, k)
        assert [part.tolist() for part in flat] == [q[best].tolist(), d[best].tolist(), scores[best].tolist()]


@given(
    mask=st.none() | st.lists(st.booleans(), min_size=len(DOCS), max_size=len(DOCS)),
    pairs=st.none() | pair_sets,
    own_rows=st.none() | st.lists(st.integers(-1, len(DOCS) - 1), min_size=3, max_size=3),
)
@quick_settings
def test_a_scopes_rows_counts_and_answers_agree(mask, pairs, own_rows) -> None:  # type: ignore[no-untyped-def]
    scope = Scope(
        QUERIES,
        DOCS,
        None if mask is None else np.array(mask),
        None if pairs is None else make_pairs(pairs),
        None if own_rows is None else np.array(own_rows),
    )
    for query in range(3):
        rows = scope.list_rows(query)
        allowed = np.arange(len(DOCS)) if rows is None else rows
        answers = scope.allows(np.full(len(DOCS), query), np.arange(len(DOCS)))
        assert allowed.tolist() == np.flatnonzero(answers).tolist()
        assert scope.count_rows()[query] == len(allowed)
    all_pairs = scope.list_pairs()
    assert scope.allows(all_pairs.query_rows, all_pairs.rows).all()
    assert len(all_pairs) == scope.count_rows().sum()
    conjunction = scope & Scope(QUERIES, DOCS, mask=np.arange(len(DOCS)) % 2 == 0)
    assert make_set(conjunction.list_pairs()) == {pair for pair in make_set(all_pairs) if pair[1] % 2 == 0}


@given(st.dictionaries(pair, st.integers(-2, 3), max_size=20), pair_sets)
@quick_settings
def test_judgements_are_looked_up_like_a_dictionary(
    judged: dict[tuple[int, int], int], pairs: set[tuple[int, int]]
) -> None:
    q, d = (np.array([pair[i] for pair in judged], int) for i in (0, 1))
    qrels = Qrels.build(QUERIES, DOCS, q, d, np.array(list(judged.values()), int))
    ordered = sorted(pairs)
    places = qrels.find_positions(*(np.array([pair[i] for pair in ordered], int) for i in (0, 1)))
    assert (places >= 0).tolist() == [pair in judged for pair in ordered]
    grades = np.append(qrels.grades, 0)[places]  # -1: the 0 at the end
    assert grades.tolist() == [judged.get(pair, 0) for pair in ordered]
    at, judgements = qrels.find_judged(
        Pairs.build(QUERIES, DOCS, *np.array(ordered, int).reshape(-1, 2).T, source="test")
    )
    assert [ordered[pair] for pair in at] == [pair for pair in ordered if pair in judged]
    assert qrels.grades[judgements].tolist() == [judged[pair] for pair in ordered if pair in judged]
    expected = [sum(grade >= 1 for (query, _), grade in judged.items() if query == row) for row in range(3)]
    assert qrels.count_relevant().tolist() == expected


def test_dangling_judgements_match_nothing_and_count_among_the_relevant() -> None:
    qrels = Qrels.from_dict({"q1": {"d0": 1, "gone": 2}}, QUERIES, DOCS)
    assert qrels.count_relevant().tolist() == [2, 0, 0]
    assert [judgement.doc_id for judgement in qrels.dangling] == ["gone"]
    assert (qrels.find_positions(np.array([0, 0]), np.array([0, len(DOCS) - 1])) >= 0).tolist() == [True, False]


def test_empty_sides() -> None:
    no_ids = Ids.of([])
    empty = Ranking.build(no_ids, no_ids, np.empty(0, int), np.empty(0, int), np.empty(0), source="test")
    assert (len(empty), empty.to_dict(), empty.count_float32_ties()) == (0, {}, 0)
    assert len(empty.union(empty)) == len(empty.drop_scores()) == len(empty.cut(3)) == 0
    assert Scope(no_ids, no_ids).list_pairs().to_dict() == {}
    no_docs = Scope(QUERIES, no_ids, mask=np.zeros(0, bool), own_rows=np.array([-1, -1, -1]))
    assert no_docs.count_rows().tolist() == [0, 0, 0]
    assert concatenate_ranges(np.empty(0, int), np.empty(0, int)).tolist() == []
