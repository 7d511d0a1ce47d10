"""The verdict: the best system, by how much, and whether chance explains it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nirank.report.verdict import judge_table
from nirank.results.row import Difference, Row


def make_row(system: str, value: float | None, letters: str = "", measure: str = "AP", **more: Any) -> Row:
    groups = {measure: letters} if letters else {}
    return Row("tiny", system, measures={measure: value}, groups=groups, alpha=0.05, **more)


def judge(*rows: Row, measure: str = "AP") -> str:
    verdict = judge_table(rows, [measure])
    return "" if verdict is None else verdict.sentence


def test_the_best_is_named_with_its_lead_and_whether_that_is_significant() -> None:
    rows = [make_row("A", 0.5, "b"), make_row("B", 0.7, "a"), make_row("C", 0.65, "ab")]
    assert judge(*rows) == (
        "Best by AP: B with 0.7000, 0.0500 ahead of C (not significant); significantly ahead of 1 of the 2 others."
    )
    verdict = judge_table(rows, ["AP"])
    assert verdict is not None
    assert (verdict.best, verdict.rival, verdict.significant, verdict.beaten) == (("B",), "C", False, 1)
    assert judge(make_row("A", 0.5, "b"), make_row("B", 0.7, "a")) == (
        "Best by AP: B with 0.7000, 0.2000 ahead of A (significant)."
    )


def test_fewer_is_ahead_where_fewer_is_better() -> None:
    rows = [make_row("A", 30.0, measure="last_rel"), make_row("B", 7.0, measure="last_rel")]
    assert judge(*rows, measure="last_rel") == "Best by last_rel: B with 7.0, 23.0 ahead of A (not tested)."


def test_values_that_print_alike_share_the_first_place() -> None:
    rows = [make_row("A", 0.70001, "a"), make_row("B", 0.70002, "a"), make_row("C", 0.1, "b")]
    sentence = "Best by AP, with 0.7000 each: B, A, 0.6000 ahead of C (significant)."
    assert judge(*rows) == sentence
    assert judge(*rows[:2]) == "Best by AP, with 0.7000 each: B, A."


def test_a_baseline_is_what_the_best_is_compared_with() -> None:
    def differ(name: str, p: float) -> dict[str, Difference]:
        return {"AP": Difference("AP", "A", name, 9, 0.2, (0, 1), p, p, p, 1.0, 5, 3, 1, 0.1)}

    base = make_row("A", 0.5, "b", baseline="A")
    better = make_row("B", 0.7, "a", baseline="A", differences=differ("B", 0.01))
    best = make_row("C", 0.8, "a", baseline="A", differences=differ("C", 0.2))
    assert judge(base, better) == "Best by AP: B with 0.7000, 0.2000 ahead of the baseline A (significant)."
    assert judge(base, better, best).endswith("0.3000 ahead of the baseline A (not significant).")
    worse = replace(better, measures={"AP": 0.4})
    assert judge(base, worse) == "Best by AP: A, the baseline, with 0.5000, 0.1000 ahead of B (significant)."


def test_what_learned_from_evaluated_queries_is_no_best() -> None:
    rows = [make_row("A", 0.5), make_row("B", 0.6), make_row("C", 0.9, trained_on_test=True)]
    assert judge(*rows) == (
        "Best by AP: B with 0.6000, 0.1000 ahead of A (not tested)."
        " Left aside, since they learned from evaluated queries: C."
    )


def test_where_nothing_is_compared_there_is_no_verdict() -> None:
    failed = replace(make_row("B", None), status="failed", error="no")
    assert judge(make_row("A", 0.5)) == judge(make_row("A", 0.5), failed) == judge() == ""
    seeds = [make_row(f"A (seed {at})", 0.5, seed_of="A") for at in (1, 2)]
    assert judge(make_row("A", 0.5, seeds=(1, 2)), *seeds) == ""


def test_letters_beyond_the_alphabet_are_letters_of_their_own() -> None:
    assert "(significant)" in judge(make_row("A", 0.5, "a"), make_row("B", 0.7, "a'"))
