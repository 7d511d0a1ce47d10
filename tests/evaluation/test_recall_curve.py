"""Recall by depth is R@depth, at all depths at once."""

from __future__ import annotations

import numpy as np
import pytest

from nirank.evaluation.evaluate import evaluate
from nirank.evaluation.recall_curve import DEPTHS, average_recall_curves
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking


def make_case(n_docs: int) -> tuple[Ranking, Qrels]:
    """Random lists; one query without results, one without a judgement, one without a relevant document."""
    rng = np.random.default_rng(7)
    queries, docs = Ids.of([f"q{at}" for at in range(8)]), Ids.of([f"d{at:04}" for at in range(n_docs)])
    run = {query: {doc: float(rng.random()) for doc in docs} for query in list(queries)[1:]}
    judged = {query: {doc: int(rng.random() < 0.2) for doc in list(docs)[::3]} for query in list(queries)[:-1]}
    judged["q3"] = dict.fromkeys(judged["q3"], 0)
    return Ranking.from_dict(run, queries, docs), Qrels.from_dict(judged, queries, docs)


@pytest.mark.parametrize("n_docs", [1, 2, 37, 60, 1200])
def test_recall_by_depth_is_recall_at_each_depth(n_docs: int) -> None:
    ranking, qrels = make_case(n_docs)
    curve = evaluate(ranking, qrels, ["AP"]).recall_by_depth
    assert [depth for depth, _ in curve] == [d for d in DEPTHS if d < n_docs] + [n_docs] * (n_docs <= 1000)
    means = evaluate(ranking, qrels, [f"R@{depth}" for depth, _ in curve]).means
    assert [recall for _, recall in curve] == pytest.approx(list(means.values()), abs=1e-6)


def test_recall_goes_as_deep_as_a_list_is_certain() -> None:
    ranking, qrels = make_case(60)
    assert [depth for depth, _ in evaluate(ranking.cut(7), qrels, ["AP"]).recall_by_depth] == [1, 2, 5, 7]


def test_candidates_without_order_have_no_depths() -> None:
    ranking, qrels = make_case(5)
    pairs = Pairs.build(ranking.queries, ranking.docs, ranking.query_rows, ranking.rows, source="s")
    assert evaluate(pairs, qrels, ["AP"]).recall_by_depth == ()


def test_means_of_curves_are_at_the_depths_that_all_have() -> None:
    assert average_recall_curves([((1, 0.2), (5, 0.4)), ((1, 0.4), (3, 1.0))]) == ((1, 0.3),)
    assert average_recall_curves([((1, 0.2),), ()]) == average_recall_curves([]) == ()


@pytest.mark.parametrize("one_table", [False, True])
def test_where_pairs_are_counted_it_is_the_share_of_matches(one_table: bool) -> None:
    rng = np.random.default_rng(3)
    docs = Ids.of([f"r{at:02}" for at in range(30)])
    queries = docs if one_table else Ids.of([f"q{at:02}" for at in range(30)])
    run = {query: {doc: float(rng.random()) for doc in docs if doc != query} for query in queries}
    matches = {q: {docs[int(rng.integers(30))]: int(at % 4 == 0)} for at, q in enumerate(queries)}  # most have none
    ranking, qrels = Ranking.from_dict(run, queries, docs).cut(20), Qrels.from_dict(matches, queries, docs)
    curve = evaluate(ranking, qrels, ["PC"], one_table=one_table).recall_by_depth
    means = evaluate(ranking, qrels, [f"PC@{depth}" for depth, _ in curve], one_table=one_table).means
    assert [depth for depth, _ in curve] == [1, 2, 5, 10, 20]
    assert [recall for _, recall in curve] == pytest.approx(list(means.values()), abs=1e-6)
    assert 0 < curve[2][1] < curve[-1][1]
