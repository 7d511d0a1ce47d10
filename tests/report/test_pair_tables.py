"""Tables of pairs of records speak of records and matches, and say what training knew of the evaluated ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nirank.plan.costs import SystemCost
from nirank.report import format_text
from nirank.report.counts import make_count_grids
from nirank.report.page import render_page
from nirank.report.report import Report
from nirank.report.survival import make_survival_grids
from nirank.results.row import (
    Conventions,
    PairFacts,
    QueryCounts,
    Row,
    StagePairs,
    StageRecall,
    SurvivalBin,
    SurvivalCurve,
)
from nirank.results.row_training import SeenRecords, TrainingQueries

FACTS = PairFacts(5460, 5.0, 206, 198, 8, 1_180_452, 1092, 205, 197, ordered=True)
TRAINED = TrainingQueries("abt-buy/train", 0, False, "abt-buy", "train", 956, 616, SeenRecords(206, 43, 139))
MANIFEST: dict[str, Any] = {
    "ended": "", "seconds": 0.0, "computed": [], "versions": {}, "collections": [],
    "machine": {"processor": "p", "cores": 1, "platform": "q"},
}  # fmt: skip


def make_row(system: str = "NLSH", **options: Any) -> Row:
    values: dict[str, Any] = {
        "split": "test", "qrels": "pairs", "unit": "pair", "queries": QueryCounts(1092, 700, 16, 684, 392, 495),
        "measures": {"PC": 0.9612, "candidates": 5.0}, "pairs": FACTS, "cost": SystemCost(1.2),
        "conventions": Conventions("t", "m", "g", 1, "micro", "keep", collection={"ask": "right"}),
        "counts": {"queries_without_pair": 7, "documents_without_pair": 9, "purged_blocks": 3},
        "stages": (StageRecall(system, 198, 206, 0.96, {}, StagePairs(5460, 5.0, 198, 8)),),
    }  # fmt: skip
    return Row("abt-buy", system, **{**values, **options})


def show(*rows: Row) -> str:
    return " ".join(format_text(rows, list(rows[0].measures)).split())


def test_a_table_says_how_many_evaluated_matches_training_knew() -> None:
    text = show(make_row(trained_on=(TRAINED,)))
    assert (
        "NLSH: trained on the pairs of abt-buy/train (616 matches); of the 206 evaluated matches, 139 have both records"
        " in those pairs, 43 one, 24 none." in text
    )
    with_overlap = replace(TRAINED, overlap=5)
    assert "5 pairs of which are evaluated too" in show(make_row(trained_on=(with_overlap,), trained_on_test=True))
    assert "NLSH (trained on test pairs)" in show(make_row(trained_on=(with_overlap,), trained_on_test=True))


def test_records_ask_and_measures_of_pairs_are_explained() -> None:
    text = show(make_row())
    assert "PC: the share of the known matches that are candidates (pair completeness, recall)" in text
    (counts,) = make_count_grids([make_row()])
    counted = dict(zip(counts.head, (cell.text for cell in counts.body[0]), strict=True))
    assert counted["records of the right table in no candidate pair"] == "7"
    assert counted["records of the left table in no candidate pair"] == "9"
    assert "1,092 198 of 206" in text, "all records ask, whichever are judged"
    for word in ("quer", "document", "judgements", "Ties", "Gain"):
        assert word not in text


@pytest.mark.parametrize("measures", [{"PC": 0.9, "RR": 0.5}])
def test_rules_of_rankings_are_stated_where_a_measure_reads_ranks(measures: dict[str, float]) -> None:
    assert "Ties: t." in show(make_row(measures=measures))


def test_one_table_never_pairs_a_record_with_itself() -> None:
    words = Conventions("t", "m", "g", 1, "micro", "id")
    text = show(make_row(conventions=words))
    assert "No record is paired with itself." in text
    assert "records in no pair" in make_count_grids([make_row(conventions=words)])[0].head


def test_the_page_shows_the_notes_of_its_detail_tables() -> None:
    rows = [make_row()]
    page = render_page(Report(rows, ["PC"], [], MANIFEST))
    assert "197 of 205 records with a match keep one." in page


def test_survival_stands_beside_theory_once_for_systems_that_share_a_stage() -> None:
    curve = SurvivalCurve("LSH(<m>)", "angle in degrees", ((0.0, 1.0), (90.0, 0.0)), (SurvivalBin(40, 50, 45, 8, 4),))
    rows = [make_row("A", survival=(curve,)), make_row("B", survival=(curve,))]
    (grid,) = make_survival_grids(rows)
    assert [cell.text for cell in grid.body[0]][2:] == ["40", "50", "8", "4", "0.5000", "0.5000"]
