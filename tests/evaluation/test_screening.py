"""Screening measures: their definitions by hand, by brute force, and where they agree with CLEF TAR's scripts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tie_bounds import bound_ties

from nirank.errors import ConfigError, StageError
from nirank.evaluation.clef_tar import Row, evaluate_tar
from nirank.evaluation.evaluate import Evaluation, evaluate
from nirank.evaluation.measures import lower_is_better, parse_measure
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope

ALL = ("last_rel", "WSS@95", "WSS@100", "R@10%", "norm_area")
CORPUS = Ids.of([f"d{i:03}" for i in range(100)])


def evaluate_screening(
    lists: dict[str, list[int]], relevant: dict[str, list[int]], *measures: str, pool: int = 100, **options: Any
) -> Evaluation:
    """Evaluate lists of document numbers, best first, where each topic's candidates are the first `pool` documents."""
    topics, ids = Ids.of(relevant), list(CORPUS)
    run = {topic: {ids[number]: float(-at) for at, number in enumerate(numbers)} for topic, numbers in lists.items()}
    judged = {
        topic: {ids[number]: int(number in numbers) for number in range(100)} for topic, numbers in relevant.items()
    }
    ranking = Ranking.from_dict(run, topics, CORPUS)
    q, d = np.divmod(np.arange(len(topics) * pool), pool)
    scope = Scope(topics, CORPUS, pairs=Pairs.build(topics, CORPUS, q, d, source="test"), **options)
    return evaluate(ranking, Qrels.from_dict(judged, topics, CORPUS), measures or ALL, scope)


def compute_first(lists: list[int], relevant: list[int], measure: str, pool: int = 100) -> float:
    return float(evaluate_screening({"t": lists}, {"t": relevant}, measure, pool=pool).per_query[measure][0])


def test_trap_47_recall_is_rounded_up() -> None:
    all_documents = list(range(100))
    assert compute_first(all_documents, list(range(10)), "WSS@95") == pytest.approx(0.85)
    assert compute_first(all_documents, list(range(7)), "WSS@95") == pytest.approx(0.88)
    late = [*range(28), *range(30, 51), 28, *range(51, 100), 29]  # 28 on top, the others at ranks 50 and 100
    assert (late.index(28), late.index(29)) == (49, 99)
    assert compute_first(late, list(range(30)), "WSS@95") == pytest.approx(0.45)


def test_trap_47_ties_are_bounded() -> None:
    topics, docs = Ids.of(["t"]), Ids.of([f"d{i}" for i in range(10)])
    run = Ranking.from_dict({"t": {"d0": 3.0, **{f"d{i}": 2.0 for i in range(1, 9)}, "d9": 1.0}}, topics, docs)
    qrels = Qrels.from_dict({"t": {"d0": 1, "d5": 1}}, topics, docs)
    assert bound_ties(run, qrels, "WSS@100") == pytest.approx((0.1, 0.8))
    evaluation = evaluate(run, qrels, ["WSS@100", "last_rel"])
    assert (evaluation.ties["WSS@100"].worst, evaluation.ties["WSS@100"].best) == pytest.approx((0.1, 0.8))
    assert (evaluation.ties["last_rel"].worst, evaluation.ties["last_rel"].best) == (9, 2)
    assert evaluation.ties["last_rel"].queries == 1


def test_trap_48_missing_topics_count_and_unranked_documents_come_last() -> None:
    ten = list(range(10))
    evaluation = evaluate_screening({"A": list(range(100))}, {"A": ten, "B": ten}, "WSS@100", "last_rel")
    assert evaluation.means["WSS@100"] == pytest.approx(0.45)
    assert evaluation.per_query["last_rel"].tolist() == [10, 100]
    assert (evaluation.counts["judged"], evaluation.counts["missing"], evaluation.counts["unranked"]) == (2, 1, 100)
    assert compute_first([0, 50, 51], ten, "last_rel") == 100  # 1 of 10 found, at rank 1


def test_trap_48_topics_without_relevant_documents_are_left_out_and_counted() -> None:
    evaluation = evaluate_screening({"A": [0, 1], "B": [0, 1]}, {"A": [0], "B": []}, "last_rel", "AP")
    assert evaluation.means == {"last_rel": 1.0, "AP": 0.5}
    assert (evaluation.counts["left_out"], evaluation.counts["no_relevant"]) == (1, 1)
    assert evaluation.answerable == {"AP": 1.0}
    assert np.isnan(evaluation.per_query["last_rel"][1])
    no_relevant = evaluate_screening({"A": [0]}, {"A": []}, "last_rel")
    assert no_relevant.means == {"last_rel": None}
    assert "no evaluated query has a relevant document" in no_relevant.nulls["last_rel"]
    outside = evaluate_screening({"A": [0, 1]}, {"A": [0, 99]}, "last_rel", pool=50)  # 99 is no candidate
    assert outside.means == {"last_rel": 1.0}


@given(
    n=st.integers(1, 40),
    seed=st.integers(0, 999),
    level=st.integers(1, 100),
    share=st.floats(0, 1),
    rate=st.floats(0.05, 0.9),
)
@settings(max_examples=150, deadline=None)
def test_values_are_the_definitions(n: int, seed: int, level: int, share: float, rate: float) -> None:
    random = np.random.default_rng(seed)
    order = random.permutation(n)
    relevant = [int(number) for number in range(n) if random.random() < rate] or [0]
    documents = [int(number) for number in order if random.random() < share]
    names = (f"WSS@{level}", f"R@{level}%", "last_rel", "norm_area")
    evaluation = evaluate_screening({"t": documents}, {"t": relevant}, *names, pool=n)
    r, n_needed = len(relevant), -(-level * len(relevant) // 100)
    ranks = [at for at, number in enumerate(documents, 1) if number in relevant]
    rank_of_needed = ranks[n_needed - 1] if n_needed <= len(ranks) else None
    assert evaluation.means[names[0]] == pytest.approx(
        0 if rank_of_needed is None else (n - rank_of_needed) / n - (100 - level) / 100
    )
    n_read = -(-level * n // 100)
    assert evaluation.means[names[1]] == pytest.approx(sum(rank <= n_read for rank in ranks) / r)
    assert evaluation.means["last_rel"] == (ranks[-1] if len(ranks) == r else n)
    all_ranks = [*ranks, *range(n - (r - len(ranks)) + 1, n + 1)]  # those left out come last
    gains = np.bincount(np.array(all_ranks) - 1, minlength=n)
    area = float((np.cumsum(gains) - gains / 2).sum())
    assert evaluation.means["norm_area"] == pytest.approx(area / (r * n - r * r / 2))
    curve = [sum(rank <= -(-p * n // 100) for rank in all_ranks) / r for p in range(101)]
    assert evaluation.effort == pytest.approx(curve, abs=1e-12)


@given(n=st.integers(2, 60), seed=st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_whole_lists_agree_with_clef_tars_script_where_it_does_not_round(n: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    order = [int(number) for number in random.permutation(n)]
    relevant = sorted({int(number) for number in random.integers(0, n, max(n // 4, 1))})
    rows = [Row("t", "0", f"d{number:03}") for number in order]
    script = evaluate_tar(
        rows, {"t": {f"d{number:03}": int(number in relevant) for number in range(n)}}, "2019"
    ).per_topic["t"]
    values = evaluate_screening({"t": order}, {"t": relevant}, *ALL, pool=n).means
    assert values["last_rel"] == script["last_rel"]
    assert values["WSS@100"] == pytest.approx(script["wss_100"])
    assert round(values["norm_area"], 3) == pytest.approx(script["norm_area"])  # the script rounds by topic


def test_the_pool_must_be_known() -> None:
    ranking = Ranking.from_dict({"t": {"a": 2.0, "b": 1.0}})
    qrels = Qrels.from_dict({"t": {"b": 1}}, ranking.queries, ranking.docs)
    assert evaluate(ranking, qrels, ["last_rel"]).means == {"last_rel": 2}  # the corpus
    unknown = evaluate(ranking, qrels, ["last_rel", "AP"], whole_corpus=False)
    assert unknown.means == {"last_rel": None, "AP": 0.5}
    assert "expected the candidates" in unknown.nulls["last_rel"]
    assert "dangling" not in unknown.counts


def test_each_topics_own_scope_is_its_pool() -> None:
    topics = Ids.of(["t", "u"])
    own_rows = np.array([5, -1])
    excluded = Pairs.build(topics, CORPUS, np.array([0, 0, 1]), np.array([5, 6, 0]), source="test")
    evaluation = evaluate_screening(
        {"t": [1], "u": [1]}, {"t": [1, 5], "u": [0, 1]}, "last_rel", own_rows=own_rows, excluded=excluded
    )
    assert evaluation.per_query["last_rel"].tolist() == [1, 1]  # what is not allowed is not asked for
    assert evaluation.counts["unranked"] == 98 - 1 + 99 - 1


def test_results_outside_the_scope_are_refused() -> None:
    with pytest.raises(StageError, match="query 't' has document 'd060', which its scope does not allow .1 such"):
        evaluate_screening({"t": [0, 60]}, {"t": [0, 60]}, "last_rel", pool=50)
    assert evaluate_screening({"t": [0, 60]}, {"t": [0, 60]}, "AP", pool=50).means["AP"] == 1, (
        "other measures do not count it"
    )


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("WSS", "expected a share from 1 to 100 per cent"),
        ("WSS@101", "expected a share from 1 to 100 per cent"),
        ("WSS@0", "expected a share from 1 to 100 per cent"),
        ("P@10%", "expected a share from 1 to 100 per cent"),
        ("last_rel@10", "takes no cut-off"),
        ("norm_area@10", "takes no cut-off"),
        ("Rprec@10", "takes no cut-off"),
        ("WSS(rel=0)@95", "rel must be 1"),
        ("P@9999999999", "at most 9 digits"),
        ("lastrel", "nirank calls it last_rel"),
    ],
)
def test_wrong_names(name: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        parse_measure(name)


def test_names_and_directions() -> None:
    assert [lower_is_better(name) for name in ("last_rel", "last_rel(rel=2)", "Last_Rel", "WSS@95", "R@10%")] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert (parse_measure("R@10%").level, parse_measure("R@10%").cutoff, parse_measure("R@10").cutoff) == (10, None, 10)
    assert parse_measure("WSS(rel=2)@95").rel == 2
