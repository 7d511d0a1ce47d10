"""Tables in a terminal: whatever they hold, no line is longer than 100 characters and nothing is confused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nirank.evaluation.ties import TieBounds
from nirank.plan.costs import SystemCost
from nirank.report import format_text, make_brief_grids, make_detail_grids
from nirank.report.counts import make_count_grids
from nirank.report.grid import Cell, Grid
from nirank.report.text import WIDTH, align_grid, shorten_names
from nirank.results.row import Conventions, QueryCounts, Row, StageRecall

MEASURES = [
    *("nDCG@10", "AP", "RR@10", "R@100", "R@1000", "P@5", "Success@1", "WSS@95", "last_rel", "P(rel=2)@5"),
    *("nDCG_exp@20", "Judged@10"),
]
COST = SystemCost(1.5, index_s=120.0, training_s=10.0, parameters=22_713_216, device_s=3.0, devices=("cuda:0 (Fast)",))
WORDS = Conventions(ties="t " * 80, mean="m" * 150, gain="g", min_rel=1, self_match="keep", comparisons="c " * 90)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=90)


def make_row(system: str, collection: str = "tiny") -> Row:
    stages = (StageRecall(f"BM25() of {system}", 1, 2, 0.5, {"AP": 0.5}), StageRecall(system, 1, 2, 0.5, {"AP": 0.5}))
    return Row(
        collection, system, split="test", qrels="qrels", depth=1000, longest_list=1302, queries=QueryCounts(300, 300, 300),
        measures=dict.fromkeys(MEASURES, 0.71234), nulls={}, ties={"AP": TieBounds(0.3, 0.9, 7)}, stages=stages,
        groups=dict.fromkeys(MEASURES, "abc"), intervals=dict.fromkeys(MEASURES, (0.1, 0.2)), alpha=0.05, cost=COST,
        conventions=WORDS, counts={"truncated_texts": 12_345}, pipeline=system,
    )  # fmt: skip


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True), NAMES, st.integers(1, len(MEASURES)))
@example(["x" * 60, "x" * 59 + "y", "x" * 29 + "z" + "x" * 30], "c" * 200, len(MEASURES))
@example(["a system whose name has sixty characters, blanks among them ."], "c", len(MEASURES))
def test_no_line_is_longer_than_100_characters(systems: list[str], collection: str, n: int) -> None:
    measures = MEASURES[:n]
    rows = [make_row(system, collection) for system in systems]
    rows = [replace(row, measures=dict.fromkeys(measures, 0.71234)) for row in rows]
    text = format_text(rows, measures, make_detail_grids(rows, measures))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert all(name in text for name in measures)


@given(st.lists(NAMES, unique_by=lambda name: " ".join(name.split())), st.integers(12, 90))
@example(["x" * 60, "x" * 59 + "y", "x" * 29 + "z" + "x" * 30], 40)
def test_shortened_names_stay_different(names: list[str], longest: int) -> None:
    short = shorten_names(names, longest)
    assert len(set(short)) == len(names)
    assert all(len(name) <= longest for name in short)
    assert [a for a, b in zip(short, names, strict=True) if len(b) <= longest and a != " ".join(b.split())] == []


def test_columns_that_do_not_fit_follow_below_with_the_names_of_their_lines() -> None:
    head = ["system", *(f"column {at:02}" for at in range(12))]
    grid = Grid("t", head, [[Cell(name), *[Cell("0.5", number=True)] * 12] for name in ("A", "B")], ["a note"])
    lines = align_grid(grid).splitlines()
    blocks = [at for at, line in enumerate(lines) if line.startswith("system")]
    assert len(blocks) == 2 and all(lines[at + 2].startswith("A ") and lines[at + 3].startswith("B ") for at in blocks)
    assert " ".join(" ".join(lines[at] for at in blocks).replace("system", "").split()) == " ".join(head[1:])
    assert lines[-1] == "  - a note"


def test_lists_that_systems_share_have_one_line_and_only_where_they_are_asked_for() -> None:
    shared = StageRecall("BM25()", 3, 4, 0.75, {"AP": 0.8})
    rows = [
        replace(make_row(system), stages=(shared, StageRecall(f"Cross {system}", 2, 4, 0.5, {"AP": 0.6})))
        for system in ("A", "B")
    ]
    plain, detailed = format_text(rows, ["AP"]), format_text(rows, ["AP"], make_detail_grids(rows, ["AP"]))
    assert "Recall after each stage" not in plain
    (line,) = [line for line in detailed.splitlines() if line.startswith("BM25()")]
    assert line.split() == ["BM25()", "A,", "B", "3", "of", "4", "0.7500", "0.8000"]
    single_row = [replace(make_row("A"), stages=(shared,))]
    assert "Recall after each stage" not in format_text(single_row, ["AP"], make_detail_grids(single_row, ["AP"])), (
        "nothing before it"
    )


def test_conventions_that_all_rows_share_are_said_once() -> None:
    rules = Conventions(ties="by id", mean="over queries", gain="linear", min_rel=1, self_match="keep")
    other_rules = replace(rules, min_rel=2)
    rows = [
        replace(make_row("A", "one"), conventions=rules, counts={"short_lists": 3}),
        replace(make_row("B", "one"), conventions=rules, counts={"lost": 12}, queries=QueryCounts(3, 3, 2, missing=1)),
        replace(make_row("A", "two"), conventions=other_rules, counts={}),
    ]
    lines = format_text(rows, ["AP"]).splitlines()
    assert sum("Ties: by id." in line for line in lines) == 1
    assert "one/test: Relevant: grade 1 or more." in lines and "two/test: Relevant: grade 2 or more." in lines
    assert "one: queries without results up to 1." in lines
    (grid,) = make_count_grids(rows)
    assert list(grid.head) == ["system", "short lists", "queries without results", "lost"]
    assert [[cell.text for cell in line] for line in grid.body] == [["A", "3", "0", "0"], ["B", "0", "1", "12"]]


def test_times_of_different_machines_are_said_to_be_no_comparison() -> None:
    def table(*machines: str) -> str:
        costs = [replace(COST, machines=tuple(names.split())) for names in machines]
        rows = [replace(make_row(f"S{at}"), cost=cost) for at, cost in enumerate(costs)]
        return " ".join(format_text(rows, ["AP"]).split())

    words = "Times of different machines are no comparison: S0, S2 on alpha; S1 on beta."
    assert words in table("alpha", "beta", "alpha")
    assert "different machines" not in table("alpha", "alpha beta"), "something of both ran on alpha"


def test_only_feedback_of_judgements_is_told() -> None:
    def table(feedback: str) -> str:
        stages = {"BM25() >> RM3()": {"feedback": feedback}}
        return format_text([replace(make_row("A"), conventions=replace(WORDS, stages=stages))], ["AP"])

    assert "ranked with feedback" in table("judgements of all documents shown before")
    assert "ranked with feedback" not in table("10 terms of the first 10 documents")


def test_what_all_systems_share_is_said_above_the_table_with_the_verdict() -> None:
    rows = [replace(make_row(name), measures={"AP": value}) for name, value in (("A", 0.5), ("B", 0.7))]
    lines = format_text(rows, ["AP"]).splitlines()
    assert (
        lines[1] == "300 queries, depth 1,000 of 1,302. Best by AP: B with 0.7000, 0.2000 ahead of A (not significant)."
    )
    assert lines[2].split() == ["system", "AP", "ms/query"]
    rows[1] = replace(rows[1], depth=100)
    assert format_text(rows, ["AP"]).splitlines()[2].split() == ["system", "AP", "depth", "ms/query"]


def test_single_seeds_stand_behind_their_mean() -> None:
    seeds = [
        replace(
            make_row(f"A (seed {at})"), measures={"AP": 0.5 + at / 1000}, seed_of="A", seed=at, ties={}, intervals={}
        )
        for at in range(20)
    ]
    rows = [replace(make_row("A"), measures={"AP": 0.51}, seeds=tuple(range(20)), stages=()), *seeds]
    text = format_text(rows, ["AP"], make_brief_grids(rows, ["AP"]))
    assert "A (seed 1)" not in text
    assert len(text.splitlines()) <= 20
    details = format_text(rows, ["AP"], make_detail_grids(rows, ["AP"]))
    assert all(f"A (seed {at})  0.5{at:02}0" in details.replace(" " * 3, "  ") for at in range(20))


def test_what_stages_lost_is_shown_unasked_where_it_is_little() -> None:
    rows = [make_row("A"), make_row("B")]
    assert "Recall after each stage" in format_text(rows, ["AP"], make_brief_grids(rows, ["AP"]))
    many = [make_row(f"system {at}") for at in range(9)]
    assert make_brief_grids(many, ["AP"]) == []


@pytest.mark.parametrize("n", [0, 1])
def test_a_table_without_lines_or_with_names_alone_is_drawn(n: int) -> None:
    assert align_grid(Grid("t", ["system", "note"], [[Cell("A"), Cell("x")]] * n, ())).startswith("t\nsystem")
