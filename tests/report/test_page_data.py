"""What the page is made from: data for its scripts, and words."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from report_examples import make_report
from report_worlds import HOSTILE

from nirank.report.page import render_page
from nirank.report.page.facts import format_duration
from nirank.report.page.page_data import format_script_data


def read_data(page: str) -> dict:
    return json.loads(re.search('id="page-data">(.*?)</script>', page, re.DOTALL)[1])


@pytest.mark.parametrize("text", [*HOSTILE, "<!--", "]]>", "</SCRIPT >", "\ud800", "\x00"])
def test_no_text_ends_the_script_that_holds_it(text: str) -> None:
    written = format_script_data({text: [text]})
    assert "<" not in written and "\u2028" not in written
    assert json.loads(written) == {text: [text]}


def test_values_have_four_significant_digits_and_gaps_are_null() -> None:
    report = make_report(2, 5)
    values = {"BM25": {"nDCG@10": np.array([0.123456, np.nan, 1.0, 0.0, 123456.0])}, "Dense": {"AP": np.ones(5)}}
    (queries,) = read_data(render_page(replace(report, query_sets=[replace(report.query_sets[0], values=values)])))[
        "sets"
    ]
    assert queries["systems"] == ["BM25", "Dense"]
    assert queries["values"][0][0] == [0.1235, None, 1, 0, 123500]
    assert queries["values"][1] == [[], [], [], [1] * 5], "a measure that only some have stands behind the others"


def test_tests_are_those_of_the_leaderboard() -> None:
    for baseline in (False, True):
        report = make_report(3, 20, baseline=baseline)
        (board,) = read_data(render_page(report))["boards"]
        for compared, told in zip(report.comparisons[0]["pairs"], board["pairs"], strict=True):
            measure, a, b, difference, _, _, p = told
            assert [report.measures[measure], board["systems"][a], board["systems"][b]] == [
                compared["measure"], compared["a"], compared["b"],
            ]  # fmt: skip
            assert difference == pytest.approx(compared["difference"], rel=1e-3)
            by = "p_baseline" if baseline and compared["p_baseline"] is not None else "p_adjusted"
            assert p == pytest.approx(compared[by], rel=1e-3, abs=1e-12)


def test_each_run_of_a_merged_leaderboard_has_its_machine() -> None:
    report = make_report(2, 5)
    runs = [
        {"name": f"run {at}", "folder": "x", "systems": ["BM25"], "collections": ["scifact"], "seconds": 3.0,
         "machine": {"processor": f"processor {at}", "cores": 2, "platform": "Linux"}}
        for at in range(2)
    ]  # fmt: skip
    page = render_page(replace(report, manifest={**report.manifest, "merged": runs}))
    assert all(f"<h3><bdi>run {at}</bdi></h3>" in page and f"processor {at}, 2 cores" in page for at in range(2))


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.25, "4.2 s"), (59.96, "1 min"), (720, "12 min"), (4240.3, "1 h 11 min"), (86400, "24 h")]
)
def test_durations_are_said_as_people_say_them(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
