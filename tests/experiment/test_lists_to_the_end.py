"""Lists that a measure reads to their end are ranked whole; where one ends early all the same, that is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank import BM25, Collection, Complete, Cut, Experiment, Judged, Result, tune
from nirank.algebra.pipeline import Pipeline
from nirank.evaluation.evaluate import evaluate
from nirank.flow.ids import Ids
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.store import open_store

SIZE = 1200  # more documents than a list has by default
READ = ("WSS@95", "last_rel", "norm_area", "R@90%")


def make_reviews() -> Collection:
    """Return topics that every document matches; the relevant ones are the longest, so that they stand last."""
    docs = {f"d{at:04}": "statin " + "and trial outcome group " * (at // 10) for at in range(SIZE)}
    judged = {"d0000": 1, "d1165": 1, "d1175": 1}
    return Collection.of(docs, {"t": "statin", "u": "the statin"}, {"t": judged, "u": judged}, name="reviews")


def run(store: Path, measures: tuple[str, ...], **systems: Pipeline) -> Result:
    return Experiment(make_reviews(), systems, measures, store=open_store(store)).run()


def test_retrieval_is_whole_where_a_measure_reads_to_the_end(tmp_path: Path) -> None:
    result = run(tmp_path, ("AP", *READ), BM25=BM25())
    (row,) = result.rows
    assert (row.depth, row.unreached_queries, row.queries.unranked) == (None, {}, 0)
    assert row.measures["last_rel"] > 1000
    assert row.measures["WSS@95"] != 0
    assert "too early" not in str(result.table())
    (cut,) = run(tmp_path, ("AP",), BM25=BM25()).rows
    assert cut.depth == 1000


def test_a_list_that_is_cut_all_the_same_says_so(tmp_path: Path) -> None:
    result = run(tmp_path, READ, own=BM25(k=500), cut=BM25() >> Cut(500), whole=BM25(), rest=BM25(k=500) >> Complete())
    rows = {row.system: row for row in result.rows}
    assert rows["own"].unreached_queries == rows["cut"].unreached_queries == dict.fromkeys(READ, 2)
    assert rows["whole"].unreached_queries == rows["rest"].unreached_queries == {}
    text = " ".join(str(result.table()).split())
    assert "Lists of own end at 500, too early for WSS@95 on 2, last_rel on 2, norm_area on 2, R@90% on 2 of 2" in text
    assert rows["own"].measures["WSS@95"] == 0


def test_a_choice_by_such_a_measure_ranks_whole_lists_of_the_candidates(tmp_path: Path) -> None:
    collection = make_reviews()
    chosen = tune([BM25(), BM25(b=0.9)], on=Judged(on_overlap="mark"), measure="last_rel")
    experiment = Experiment(collection, {"tuned": chosen}, ["AP"], store=open_store(tmp_path), folds=2)
    result = experiment.run()
    for choice in result.rows[0].choices:
        assert all(1000 < candidate.value < SIZE for candidate in choice.candidates)


def test_a_choice_counts_the_candidates_only(tmp_path: Path) -> None:
    docs = {f"d{at:02}": "statin " + "outcome " * at for at in range(30)}
    candidates = {query: [f"d{at:02}" for at in range(10)] for query in ("t", "u")}
    judged = {query: {"d00": 1, "d25": 1} for query in candidates}  # the second is no candidate, and cannot be reached
    collection = Collection.of(docs, {"t": "statin", "u": "the statin"}, judged, candidates=candidates, name="listed")
    chosen = tune([BM25(), BM25(b=0.9)], on=Judged(on_overlap="mark"), measure="last_rel")
    result = Experiment(collection, {"tuned": chosen}, ["AP"], store=open_store(tmp_path), folds=2).run()
    assert [candidate.value for choice in result.rows[0].choices for candidate in choice.candidates] == [1.0] * 4


@given(n=st.integers(2, 25), seed=st.integers(0, 999), share=st.floats(0, 1), level=st.integers(1, 100))
@settings(max_examples=120, deadline=None)
def test_what_is_not_said_to_end_early_is_the_whole_list_s_value(n: int, seed: int, share: float, level: int) -> None:
    """Whatever follows a list that is not counted as too short, its values stay."""
    random = np.random.default_rng(seed)
    docs, topics = Ids.of([f"d{at:02}" for at in range(n)]), Ids.of(["t"])
    order = [f"d{at:02}" for at in random.permutation(n)]
    ranked_docs = order[: int(share * n)]
    judged = Qrels.from_dict({"t": {doc: int(random.random() < 0.4) for doc in order} | {order[0]: 1}}, topics, docs)
    names = (f"WSS@{level}", f"R@{level}%", "last_rel", "norm_area")

    def compute_values(run: list[str]) -> tuple[dict[str, float | None], dict[str, int]]:
        ranking = Ranking.from_dict({"t": {doc: float(-at) for at, doc in enumerate(run)}}, topics, docs)
        evaluation = evaluate(ranking, judged, names)
        return dict(evaluation.means), dict(evaluation.unreached)

    means, unreached = compute_values(ranked_docs)
    of_all, unknown = compute_values(order)
    assert unknown == {}
    unlisted = [doc for doc in order if doc not in ranked_docs]
    of_reversed, _ = compute_values(ranked_docs + unlisted[::-1])
    for name in names:
        if name not in unreached:
            assert means[name] == pytest.approx(of_all[name]) == pytest.approx(of_reversed[name])
