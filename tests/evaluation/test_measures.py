"""Measures: trec_eval's values on any run, and the numbers that tools get wrong."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st
from tie_bounds import bound_ties

from nirank.errors import ConfigError, DataError, StageError
from nirank.evaluation.evaluate import Evaluation, evaluate
from nirank.evaluation.measures import parse_measure
from nirank.flow.ids import Ids
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking

Run = dict[str, dict[str, float]]
Judged = dict[str, dict[str, int]]


def make_sides(run: Run, judged: Judged, min_rel: int = 1, queries: list[str] | None = None) -> tuple[Ranking, Qrels]:
    """Make a ranking and judgements over the same sides; `queries` are the declared ones."""
    sides = Ids.of(queries or dict.fromkeys([*judged, *run]))
    docs = Ids.of(sorted({doc for graded in (*run.values(), *judged.values()) for doc in graded}))
    return Ranking.from_dict(run, sides, docs), Qrels.from_dict(judged, sides, docs, min_rel=min_rel)


def compute_means(run: Run, judged: Judged, *measures: str, **options: Any) -> dict[str, float | None]:
    return dict(evaluate(*make_sides(run, judged, **options), measures).means)


def evaluate_run(run: Run, judged: Judged, *measures: str, **options: Any) -> Evaluation:
    return evaluate(*make_sides(run, judged, **options), measures)


# -- agreement with trec_eval ----------------------------------------------------------------------

TREC_NAMES = {
    "nDCG": "ndcg",
    "nDCG@3": "ndcg_cut_3",
    "AP": "map",
    "AP@3": "map_cut_3",
    "RR": "recip_rank",
    "P@3": "P_3",
    "R@3": "recall_3",
    "Success@3": "success_3",
    "Rprec": "Rprec",
    "nDCG@20": "ndcg_cut_20",
}
TREC = {"ndcg", "ndcg_cut.3,20", "map", "map_cut.3", "recip_rank", "P.3", "recall.3", "success.3", "Rprec"}
docs = st.sampled_from([f"d{i}" for i in range(9)] + ["D", "é", "10", "9"])
scores = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.integers(-40, 40).map(float))
queries = st.sampled_from(["q1", "q2", "q3"])


@given(
    run=st.dictionaries(queries, st.dictionaries(docs, scores, max_size=9), max_size=3),
    judged=st.dictionaries(queries, st.dictionaries(docs, st.integers(0, 3), min_size=1, max_size=9), min_size=1),
)
@settings(max_examples=150, deadline=None)
def test_values_equal_trec_evals_on_any_run(run: Run, judged: Judged) -> None:
    evaluation = evaluate_run(run, judged, *TREC_NAMES)
    expected = pytrec_eval.RelevanceEvaluator(judged, TREC).evaluate(
        {q: doc_scores for q, doc_scores in run.items() if doc_scores}
    )
    for at, query in enumerate(evaluation.queries):
        for name, trec_name in TREC_NAMES.items():
            assert evaluation.per_query[name][at] == pytest.approx(
                expected.get(query, {}).get(trec_name, 0.0), abs=1e-6
            ), name


@given(
    run=st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([0.0, 1.0]), min_size=1, max_size=5),
    judged=st.dictionaries(st.sampled_from("abcdef"), st.integers(-1, 3), min_size=1),
)
@settings(max_examples=60, deadline=None)
def test_tie_bounds_are_the_extremes_of_all_orders(run: dict[str, float], judged: dict[str, int]) -> None:
    names = ("nDCG@3", "nDCG_exp", "AP", "RR", "P@3", "Rprec", "last_rel", "WSS@95", "R@40%", "norm_area")
    ranking, qrels = make_sides({"q": run}, {"q": judged})
    tied_docs = list(ranking.to_dict()["q"])
    orders = [
        {doc: float(-at) for at, doc in enumerate(order)}
        for order in permutations(tied_docs)
        if [run[doc] for doc in order] == sorted(run.values(), reverse=True)
    ]
    means_by_order = [evaluate(*make_sides({"q": order}, {"q": judged}), names).means for order in orders]
    evaluation = evaluate(ranking, qrels, names)
    for name in names:
        values = [means_of_order[name] for means_of_order in means_by_order]
        if None in values:
            assert evaluation.nulls[name]
            continue
        extremes = (max(values), min(values)) if name == "last_rel" else (min(values), max(values))
        assert bound_ties(ranking, qrels, name) == pytest.approx(extremes), name
        assert evaluation.means[name] in values
        assert (name in evaluation.ties) == (extremes[0] != pytest.approx(extremes[1], abs=1e-12))


@given(
    run=st.dictionaries(queries, st.dictionaries(docs, scores, max_size=9), max_size=3),
    judged=st.dictionaries(queries, st.dictionaries(docs, st.integers(-2, 3), min_size=1, max_size=9), min_size=1),
    min_rel=st.integers(1, 3),
)
@settings(max_examples=50, deadline=None)
def test_labels_below_0_and_thresholds_are_trec_evals(run: Run, judged: Judged, min_rel: int) -> None:
    evaluation = evaluate_run(run, judged, *TREC_NAMES, min_rel=min_rel)
    # trec_eval's code is given 0 for labels below it: it indexes arrays by them
    labels = {q: {d: max(grade, 0) for d, grade in graded.items()} for q, graded in judged.items()}
    evaluator = pytrec_eval.RelevanceEvaluator(labels, TREC, relevance_level=min_rel)
    expected = evaluator.evaluate({q: graded for q, graded in run.items() if graded})
    for at, query in enumerate(evaluation.queries):
        for name, trec_name in TREC_NAMES.items():
            assert evaluation.per_query[name][at] == pytest.approx(
                expected.get(query, {}).get(trec_name, 0.0), abs=1e-6
            ), name


def test_two_names_of_one_measure_have_one_value() -> None:
    run, judged = {"q": {"a": 3.0, "b": 2.0, "c": 1.0}}, {"q": {"a": 2, "b": 0, "c": 2}}
    assert compute_means(run, judged, "Bpref", "BPref") == {"Bpref": 0.5, "BPref": 0.5}
    assert compute_means(run, judged, "Rprec", "Rprec(rel=2)", min_rel=2) == {"Rprec": 0.5, "Rprec(rel=2)": 0.5}


def test_what_stands_behind_at_may_be_a_fraction() -> None:
    run, judged = {"q": {"a": 2.0, "b": 1.0}}, {"q": {"b": 1}}
    assert compute_means(run, judged, "IPrec@0.1") == {"IPrec@0.1": 0.5}


def test_measures_of_ir_measures_are_computed_from_ranks() -> None:
    run, judged = {"q 1": {"a": 1.0, "b": 1.0, "c": 0.5}}, {"q 1": {"a": 1, "c": 2}, "q2": {"a": 1}}
    evaluation = evaluate_run(run, judged, "Rprec", "ERR@10", "Bpref")
    assert evaluation.per_query["Rprec"].tolist() == [0.5, 0.0]
    assert evaluation.per_query["ERR@10"][0] > 0


# -- the traps -------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", [{"a": 1.0, "b": 1.0}, {"b": 1.0, "a": 1.0}])
def test_trap_01_one_order_of_ties_for_all_measures(run: dict[str, float]) -> None:
    judged = {"q": {"a": 1}}
    values = compute_means({"q": run}, judged, "P@1", "RR", "RR@10", "AP", "nDCG@10")
    assert values == pytest.approx({"P@1": 0, "RR": 0.5, "RR@10": 0.5, "AP": 0.5, "nDCG@10": 0.6309}, abs=5e-5)
    assert bound_ties(*make_sides({"q": run}, judged), "RR") == (0.5, 1.0)
    assert evaluate_run({"q": run}, judged, "P@1").counts["tied"] == 1


def test_trap_01_a_hundred_ties_under_any_shuffle() -> None:
    ids = [f"d{i:03}" for i in range(100)]
    for seed in range(5):
        np.random.default_rng(seed).shuffle(ids)
        assert compute_means({"q": dict.fromkeys(ids, 1.0)}, {"q": {"d000": 1}}, "RR") == {"RR": 0.01}


def test_trap_02_digits_of_scores_are_kept() -> None:
    run = {"q": {"a": 1.00000001, "b": 1.0}}
    assert compute_means(run, {"q": {"a": 1}}, "RR") == {"RR": 1.0}
    assert compute_means({"q": {"a": 16777217.0, "b": 16777216.0}}, {"q": {"a": 1}}, "RR") == {"RR": 1.0}
    assert make_sides(run, {"q": {"a": 1}})[0].count_float32_ties() == 1


def test_trap_04_missing_queries_count_zero() -> None:
    evaluation = evaluate_run({"q1": {"a": 1.0}}, {"q1": {"a": 1}, "q2": {"b": 1}}, "AP", "nDCG@10", "RR@10", "Rprec")
    assert evaluation.means == {"AP": 0.5, "nDCG@10": 0.5, "RR@10": 0.5, "Rprec": 0.5}
    assert (evaluation.counts["judged"], evaluation.counts["missing"], evaluation.counts["answered"]) == (2, 1, 1)


def test_trap_05_queries_without_relevant_documents() -> None:
    run = {"q1": {"a": 1.0}, "q2": {"b": 1.0}}
    evaluation = evaluate_run(run, {"q1": {"a": 1}, "q2": {"b": 0}}, "nDCG@10", "R@10", "R(rel=2)@10")
    assert evaluation.means == {"nDCG@10": 0.5, "R@10": 0.5, "R(rel=2)@10": 0.0}
    assert evaluation.answerable == {"nDCG@10": 1.0, "R@10": 1.0}, "of R(rel=2), no query has anything to find"
    assert evaluation.counts["no_relevant"] == 1
    unjudged = evaluate_run(run, {"q1": {"a": 1}, "q2": {}}, "nDCG@10")
    assert unjudged.means == {"nDCG@10": 1.0}
    assert (unjudged.counts["judged"], unjudged.counts["unjudged"]) == (1, 1)


def test_trap_06_the_mean_is_over_topics_that_are_judged() -> None:
    topics = [f"q{i}" for i in range(200)]
    judged = {topic: {"a": 1} for topic in topics[:43]}
    evaluation = evaluate_run({topic: {"a": 1.0} for topic in topics}, judged, "RR", queries=topics)
    assert evaluation.means == {"RR": 1.0}
    assert (evaluation.counts["declared"], evaluation.counts["judged"], evaluation.counts["unjudged"]) == (200, 43, 157)


def test_trap_07_thresholds_and_negative_labels() -> None:
    run = {"q": {"a": 2.0, "b": 1.0}}
    judged = {"q": {"a": 1, "b": 2}}
    assert compute_means(run, judged, "RR@10", min_rel=2) == {"RR@10": 0.5}
    assert compute_means(run, judged, "RR@10") == {"RR@10": 1.0}
    assert compute_means(run, judged, "RR(rel=2)@10", "P(rel=2)@1") == {"RR(rel=2)@10": 0.5, "P(rel=2)@1": 0.0}
    assert evaluate_run(run, judged, "RR", min_rel=2).conventions["min_rel"] == 2
    names = ("nDCG", "AP", "RR", "P@2", "R@2", "Judged@2", "nDCG_exp")
    zero, minus = (evaluate_run(run, {"q": {"a": label, "b": 2}}, *names) for label in (0, -1))
    assert zero.means == minus.means
    assert (zero.counts["negative_labels"], minus.counts["negative_labels"]) == (0, 1)


def test_trap_08_which_ndcg() -> None:
    run, judged = {"q1": {"a": 2.0, "b": 1.0}}, {"q1": {"a": 1, "b": 3}}
    values = compute_means(run, judged, "nDCG", "nDCG_exp", "nDCG(dcg='exp-log2')")
    assert values == pytest.approx({"nDCG": 0.7967, "nDCG_exp": 0.7098, "nDCG(dcg='exp-log2')": 0.7098}, abs=5e-5)
    assert evaluate_run(run, judged, "nDCG", "nDCG_exp").conventions["gain"].endswith("nDCG_exp: 2^grade - 1")
    one_of_two = compute_means({"q1": {"a": 1.0}}, {"q1": {"a": 1, "b": 1}}, "nDCG", "nDCG@1")
    assert one_of_two == pytest.approx({"nDCG": 0.6131, "nDCG@1": 1.0}, abs=5e-5)


def test_trap_09_cutoffs_and_depth() -> None:
    run = {"q": {"a": 3.0, "b": 2.0, "c": 1.0}}
    judged = {"q": {"a": 1, "b": 1, "c": 1}}
    values = compute_means(run, judged, "AP", "AP@2", "AP@1")
    assert values == pytest.approx({"AP": 1.0, "AP@2": 2 / 3, "AP@1": 1 / 3})
    assert compute_means({"q": {"a": 1.0}}, {"q": {"a": 1}}, "P@10") == {"P@10": 0.1}
    hundred_relevant = {"q": {f"d{i:03}": 1 for i in range(100)}}
    perfect = {"q": {f"d{i:03}": 1.0 for i in range(100)}}
    assert compute_means(perfect, hundred_relevant, "R@10", "Rcap@10") == {"R@10": 0.1, "Rcap@10": 1.0}
    ranking, qrels = make_sides(run, judged)
    cut = evaluate(ranking.cut(2), qrels, ["AP", "R@1000", "R@2"])
    assert cut.means == pytest.approx({"AP": 2 / 3, "R@1000": None, "R@2": 2 / 3})
    assert "cut at 2" in cut.nulls["R@1000"]


def test_trap_10_nan_and_infinite_scores_are_refused_naming_the_pair() -> None:
    for score in (float("nan"), float("inf"), float("-inf")):
        with pytest.raises(DataError, match="query 'q', document 'a'"):
            Ranking.from_dict({"q": {"a": score, "b": 1.0}})


def test_trap_11_judged_counts_this_querys_judgements() -> None:
    run = {"q1": {"b": 2.0, "a": 1.0}, "q2": {"b": 1.0}}
    evaluation = evaluate_run(run, {"q1": {"a": 1}, "q2": {"b": 1}}, "Judged@2")
    assert evaluation.per_query["Judged@2"].tolist() == [0.5, 1.0]


def test_trap_16_the_ceiling_of_dangling_judgements() -> None:
    sides, corpus = Ids.of(["q"]), Ids.of(["a"])
    qrels = Qrels.from_dict({"q": {"a": 1, "NOPE": 1}}, sides, corpus)
    evaluation = evaluate(Ranking.from_dict({"q": {"a": 1.0}}, sides, corpus), qrels, ["R@10"])
    assert (evaluation.means["R@10"], evaluation.ceilings["R@10"], evaluation.counts["dangling"]) == (0.5, 0.5, 1)


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["nDCG@10", "AP", "P(rel=2)@5", "R@100", "RR@10", "MAP", "Success@1", "ERR@20", "Rprec"]
)
def test_names_are_kept_as_asked(name: str) -> None:
    assert parse_measure(name).name == name
    assert str(parse_measure(name)) == name


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("nDGC@10", "did you mean 'nDCG'"),
        ("P", "needs a cut-off"),
        ("R@0", "1 or more"),
        ("P(rel=0)@5", "rel must be 1"),
        ("", "is no measure"),
        ("nDCG@ten", "is no measure"),
        ("P(rel=two)@5", "cannot be read"),
    ],
)
def test_wrong_names_say_the_right_one(name: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        parse_measure(name)


def test_nothing_to_evaluate_is_null_with_a_reason() -> None:
    evaluation = evaluate_run({"q": {"a": 1.0}}, {"q": {}}, "AP")
    assert evaluation.means == {"AP": None}
    assert evaluation.nulls == {"AP": "no declared query is judged"}


def test_strangers_are_refused() -> None:
    qrels = make_sides({"q": {"a": 1.0}}, {"q": {"a": 1}})[1]
    with pytest.raises(StageError, match="different queries or documents"):
        evaluate(make_sides({"x": {"a": 1.0}}, {})[0], qrels, ["AP"])


def test_evaluating_changes_nothing() -> None:
    ranking, qrels = make_sides({"q": {"a": 1.0, "b": 2.0}}, {"q": {"a": 1}})
    before = (ranking.rows.tobytes(), ranking.scores.tobytes(), qrels.grades.tobytes())
    evaluate(ranking, qrels, ["AP", "Rprec", "nDCG@1"])
    assert (ranking.rows.tobytes(), ranking.scores.tobytes(), qrels.grades.tobytes()) == before


@given(st.integers(1, 6), st.integers(0, 6), st.randoms())
def test_r11_r_precision_and_ndcg_of_lists_known_by_hand(n_relevant: int, n_others: int, chance: Any) -> None:
    """A perfect list has 1, one relevant document counts at rank 1 only, and at rank 3 its nDCG@20 is a half."""
    docs = [f"d{at}" for at in range(n_relevant + n_others)]
    judged = {"q": dict.fromkeys(docs[:n_relevant], 1)}
    perfect = {"q": {doc: -float(at) for at, doc in enumerate(docs)}}
    assert compute_means(perfect, judged, "Rprec", "nDCG@20") == {"Rprec": 1.0, "nDCG@20": 1.0}
    chance.shuffle(docs)
    run, one = {"q": {doc: -float(at) for at, doc in enumerate(docs)}}, {"q": {chance.choice(docs): 1}}
    assert len(set(compute_means(run, one, "Rprec", "P@1").values())) == 1
    third = {"q": {"a": 3.0, "b": 2.0, "c": 1.0}}
    assert compute_means(third, {"q": {"c": 1}}, "nDCG@20", "Rprec") == {"nDCG@20": pytest.approx(0.5), "Rprec": 0.0}
