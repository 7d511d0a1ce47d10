"""Measures of reviewing tools: worked out by hand, as ASReview Insights computes them, and what they must obey."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.errors import ConfigError
from nirank.evaluation.evaluate import Evaluation, evaluate
from nirank.evaluation.measures import lower_is_better, parse_measure
from nirank.flow.ids import Ids
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.report.grid import format_value

ALL = ("AP", "last_rel", "WSS@100", "WSS@95", "R@20%", "norm_area", "TNR@95", "ERF@10%", "ATD", "loss")


def evaluate_order(relevant: list[int], n: int, *measures: str, scores: object = None, listed: int = 0) -> Evaluation:
    """Evaluate a list of n documents whose relevant ones stand at these ranks; `listed`: so many of them only."""
    topics, docs = Ids.of(["t"]), Ids.of([f"d{rank:05}" for rank in range(1, n + 1)])
    values = -np.arange(n, dtype=np.float64) if scores is None else np.asarray(scores)
    run = {"t": {f"d{rank:05}": float(values[rank - 1]) for rank in range(1, (listed or n) + 1)}}
    judged = {"t": {f"d{rank:05}": int(rank in relevant) for rank in range(1, n + 1)}}
    return evaluate(Ranking.from_dict(run, topics, docs), Qrels.from_dict(judged, topics, docs), measures or ALL)


def test_s1_ten_documents_four_of_them_relevant() -> None:
    values = evaluate_order([1, 3, 4, 8], 10).means
    assert values["AP"] == pytest.approx(0.7292, abs=0.00005)
    assert values["last_rel"] == 8
    assert (values["WSS@100"], values["WSS@95"]) == (pytest.approx(0.20), pytest.approx(0.15))
    assert (values["R@20%"], values["loss"]) == (0.25, pytest.approx(0.25))
    assert values["TNR@95"] == pytest.approx(2 / 6)  # two of six irrelevant ones are unread at rank 8
    assert values["ATD"] == 4


@pytest.mark.parametrize(("n", "r"), [(10, 4), (37, 1), (60, 30)])
def test_s2_the_best_order_and_the_worst(n: int, r: int) -> None:
    best = evaluate_order(list(range(1, r + 1)), n).means
    assert (best["AP"], best["last_rel"], best["loss"], best["TNR@95"], best["norm_area"]) == (1, r, 0, 1, 1)
    assert best["WSS@100"] == pytest.approx(1 - r / n)
    assert best["ATD"] == (r + 1) / 2
    worst = evaluate_order(list(range(n - r + 1, n + 1)), n).means
    assert (worst["last_rel"], worst["WSS@100"], worst["loss"]) == (n, 0, 1)


def test_s2_a_random_order_saves_nothing_on_average() -> None:
    rng = np.random.default_rng(0)
    orders = [sorted((rng.permutation(400)[:40] + 1).tolist()) for _ in range(150)]
    values = [evaluate_order(order, 400, "WSS@95", "loss", "ERF@50%").means for order in orders]
    expected = 1 - 38 * 401 / 41 / 400 - 0.05  # of the 38th of 40 ranks by chance
    assert np.mean([value["WSS@95"] for value in values]) == pytest.approx(expected, abs=0.006)
    assert expected == pytest.approx(0, abs=0.03)
    assert np.mean([value["loss"] for value in values]) == pytest.approx(0.5, abs=0.02)
    assert np.mean([value["ERF@50%"] for value in values]) == pytest.approx(0, abs=0.02)


@given(scores=st.lists(st.integers(-5, 5), min_size=4, max_size=30), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_s3_only_the_order_of_scores_counts_and_ties_stand_by_id(scores: list[int], seed: int) -> None:
    n = len(scores)
    relevant = (np.random.default_rng(seed).permutation(n)[: n // 2] + 1).tolist()
    values = evaluate_order(relevant, n, scores=scores).per_query
    again = evaluate_order(relevant, n, scores=np.exp(np.array(scores) / 2.0)).per_query
    ordered = sorted(range(1, n + 1), key=lambda rank: (-scores[rank - 1], -rank))
    by_rank = evaluate_order([place + 1 for place, rank in enumerate(ordered) if rank in relevant], n).per_query
    for name in ALL:
        assert values[name] == again[name] == pytest.approx(by_rank[name])


GOLDEN = [  # of asreview-insights 1.6.1: documents, ranks of the relevant ones, values
    (10, [1, 3, 4, 8], (0.25, 0.25, 0.25, 4.0, 0.333333)),
    (50, [1, 5, 25], (0.1773049645390071, 0.6666666666666666, 0.6666666666666666, 10.333333333333334, 0.531915)),
    (
        137,
        [10, 12, 13, 20, 22, 24, 28, 33, 53, 57, 123, 130],
        (0.298, 0.16666666666666666, 0.3333333333333333, 43.75, 0.056),
    ),
    (
        300,
        [3, 4, 14, 19, 47, 54, 71, 74, 176],
        (0.15922107674684993, 0.3333333333333333, 0.4444444444444444, 51.333333333333336, 0.426117),
    ),
]


@pytest.mark.parametrize(("n", "relevant", "values"), GOLDEN)
def test_values_are_those_of_asreview_insights(n: int, relevant: list[int], values: tuple[float, ...]) -> None:
    names = ("loss", "ERF@10%", "ERF@50%", "ATD", "TNR@100")
    means = evaluate_order(relevant, n, *names).means
    assert [means[name] for name in names] == pytest.approx(values, abs=1e-6)  # it rounds TNR to six decimals


@given(n=st.integers(3, 40), data=st.data())
@settings(max_examples=60, deadline=None)
def test_documents_that_were_left_out_come_last(n: int, data: st.DataObject) -> None:
    relevant = data.draw(st.sets(st.integers(1, n), min_size=1, max_size=n - 1))
    listed = data.draw(st.integers(1, n))
    lost = sum(rank > listed for rank in relevant)
    pushed = [rank for rank in sorted(relevant) if rank <= listed] + list(range(n - lost + 1, n + 1))
    short = evaluate_order(sorted(relevant), n, "ATD", "loss", listed=listed)
    whole = evaluate_order(pushed, n, "ATD", "loss")
    assert short.means == pytest.approx(whole.means)
    assert short.unreached == (dict.fromkeys(("ATD", "loss"), 1) if lost else {})
    assert whole.means["ATD"] == pytest.approx(np.mean(pushed))
    r = len(pushed)
    found = np.cumsum([rank in pushed for rank in range(1, n + 1)]).sum()
    assert whole.means["loss"] == pytest.approx((r * (n - (r - 1) / 2) - found) / (r * (n - r)))


def test_a_topic_with_relevant_documents_only_has_nothing_to_save() -> None:
    means = evaluate_order([1, 2, 3], 3, "TNR@95", "loss", "ERF@50%").means
    assert means == {"TNR@95": 0, "loss": 0, "ERF@50%": pytest.approx(1 / 3)}


def test_a_recall_that_is_never_reached_is_worth_nothing_and_counted() -> None:
    evaluation = evaluate_order([1, 9], 10, "TNR@95", "ERF@50%", listed=4)
    assert evaluation.means["TNR@95"] == 0
    assert evaluation.unreached == {"TNR@95": 1, "ERF@50%": 1}


def test_names_directions_and_digits() -> None:
    assert [lower_is_better(name) for name in ("ATD", "loss", "TNR@95", "ERF@10%")] == [True, True, False, False]
    assert (parse_measure("ERF@10%").family, parse_measure("ERF@10%").level) == ("ERF%", 10)
    assert (parse_measure("TNR(rel=2)@95").rel, parse_measure("TNR@95").level) == (2, 95)
    assert (format_value("loss(rel=2)", 0.12345), format_value("ATD", 1234.56)) == ("0.1235", "1,234.6")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ERF@10", "expected a share from 1 to 100 per cent, as in ERF@10%"),
        ("ERF", "expected a share from 1 to 100 per cent, as in ERF@10%"),
        ("TNR@101", "as in WSS@95"),
        ("TNR@95%", "as in WSS@95"),
        ("loss@10", "takes no cut-off; expected loss"),
        ("ATD@10", "takes no cut-off; expected ATD"),
        ("nWSS@95", "nirank calls it TNR@95"),
        ("average_time_to_discovery", "nirank calls it ATD"),
    ],
)
def test_wrong_names(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_measure(name)
