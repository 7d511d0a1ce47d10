"""Screening topic by topic: values and curves of rows, and tables of two systems; stopping rules in tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_report import CONVENTIONS, make_row

from nirank.evaluation.evaluate import Evaluation, evaluate
from nirank.experiment.seeds import average_seeds
from nirank.flow.ids import Ids
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.report.stopping import make_stopping_grids
from nirank.report.topics import make_topic_grids
from nirank.results.row import Row, TopicValues
from nirank.results.summaries import add_evaluation, summarise_groups
from nirank.stopping.counts import Consecutive
from nirank.stopping.hypergeometric import Hypergeometric
from nirank.stopping.outcomes import RuleOutcome, end_review, summarise_ends

EVIL = "<b>t</b>"
CURVE = tuple(np.linspace(0, 1, 101).round(4).tolist())


def make_screening_row(system: str, values: dict[str, tuple[float, float]], **options: object) -> Row:
    """A row with AP and last_rel of each topic."""
    topics = tuple(TopicValues(topic, {"AP": ap, "last_rel": last}, CURVE) for topic, (ap, last) in values.items())
    return make_row(system, 0.5, topics=topics, **options)


A = make_screening_row("A", {"t": (0.5, 40), "u": (0.2, 90), "v": (0.3, 10), EVIL: (0.6, 7)})
B = make_screening_row("B", {"t": (0.7, 50), "u": (0.2005, 30), "v": (0.1, 10), EVIL: (0.9, 8)})


def test_two_systems_are_told_apart_topic_by_topic() -> None:
    (grid,) = make_topic_grids([A, B], ["AP", "last_rel"])
    ap, last = ([cell.text for cell in line] for line in grid.body)
    assert ap == ["AP", "A, B", "2 / 1 / 1", "0.80", "0.4000", "0.4751", "0.5251"]
    assert last == ["last_rel", "A, B", "1 / 1 / 2", "0.80", "36.8", "24.5", "21.8"]  # less is better


def evaluate_orders(*orders: list[int]) -> Row:
    """A row of topics whose relevant documents stand at these ranks of ten."""
    topics, docs = Ids.of([f"t{at}" for at in range(len(orders))]), Ids.of([f"d{rank:02}" for rank in range(1, 11)])
    run = {topic: {f"d{rank:02}": -float(rank) for rank in range(1, 11)} for topic in topics}
    judged = {
        topic: {f"d{rank:02}": int(rank in order) for rank in range(1, 11)}
        for topic, order in zip(topics, orders, strict=True)
    }
    evaluation = evaluate(
        Ranking.from_dict(run, topics, docs), Qrels.from_dict(judged, topics, docs), ["last_rel", "AP"]
    )
    return add_evaluation(Row("c", "s", conventions=CONVENTIONS), evaluation)


def test_values_of_topics_are_those_of_the_evaluation() -> None:
    row = evaluate_orders([1, 2], [10], [])
    assert [topic.topic for topic in row.topics] == ["t0", "t1"]  # t2 has nothing to find
    assert row.topics[0].measures == {"last_rel": 2, "AP": 1}
    assert row.topics[0].effort[:12] == (0, *([0.5] * 10), 1)
    assert row.topics[1].effort[90:92] == (0, 1)
    assert np.mean([topic.effort for topic in row.topics], axis=0) == pytest.approx(row.effort)
    assert evaluate_orders(*([[1]] * 101)).topics == ()


def test_seeds_are_averaged_topic_by_topic() -> None:
    rows, evaluations = [], {}
    for seed, last in ((1, 4.0), (2, 8.0)):
        row = replace(evaluate_orders([1, int(last)]), system=f"s (seed {seed})", seed=seed, seed_of="s")
        curves = np.array([row.topics[0].effort])
        evaluations["c", None, None, row.system] = Evaluation(
            ["t0"], {"last_rel": np.array([last])}, {"last_rel": last}, curves=curves
        )
        rows.append(replace(row, measures={"last_rel": last}))
    ((mean, _),) = average_seeds(rows, evaluations)
    assert mean.topics[0].measures == {"last_rel": 6}
    assert (mean.topics[0].effort[41], mean.effort[41], mean.effort[81]) == (0.75, 0.75, 1)


def test_topics_of_a_group_of_collections_stand_together() -> None:
    rows = [
        replace(evaluate_orders([1, 2]), collection="c", stopping=(make_outcome("test"),)),
        replace(evaluate_orders([10], [4]), collection="d", stopping=(make_outcome("test"),)),
    ]
    (row,) = summarise_groups(rows, {("c", None): "both", ("d", None): "both"})
    assert [topic.topic for topic in row.topics] == ["t0", "t0", "t1"]
    assert row.effort[10] == pytest.approx((0.5 + 0 + 0) / 3, abs=1e-6)
    assert (row.stopping[0].topics, row.stopping[0].reviews, row.stopping[0].kept) == (2, 2, 2)
    assert make_stopping_grids([row])[0].title == "Stopping rules: both"


def make_outcome(rule: str, **options: object) -> RuleOutcome:
    labels = np.array([1, 0, 1, 0, 0, 0, 0, 0], np.int8)
    value = {"consecutive": Consecutive(3), "test": Hypergeometric()}[rule]
    return summarise_ends(value.title, value.asks, value.promise, [end_review(value, "t", labels)], **options)


def test_a_table_of_rules_says_what_each_found_and_whether_its_promise_held() -> None:
    outcomes = (make_outcome("consecutive", left_out=1), make_outcome("test", left_out=1))
    rows = [make_row("A", 0.5, stopping=outcomes), make_row("B", 0.5), make_row("C", None, status="failed")]
    (grid,) = make_stopping_grids(rows)
    consecutive, test = ([cell.text for cell in line] for line in grid.body)
    assert consecutive == ["consecutive(n=3)", "A", "1.0000", "1.0000", "75.0%", "0 of 1", "-", "-", "-"]
    assert test[-3:] == ["recall ≥ 0.95 in 95%", "1 of 1", "2.5% to 100.0%"]
    assert "1 without relevant documents left out" in grid.notes[0]
    assert any(note.startswith("B: not evaluated") for note in grid.notes)
    assert make_stopping_grids([make_row("A", 0.5)]) == []
