"""Charts in a browser: every kind is drawn without a complaint, menus and clicks do what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from report_examples import HOSTILE, make_report
from test_chart_kinds import TRAINING
from test_charts import CURVE
from test_topics import make_outcome
from test_written import WRITTEN

from nirank.diagnostics.ceiling import Ceiling
from nirank.diagnostics.diagnosis import Diagnosis
from nirank.diagnostics.time_profile import TimeProfile
from nirank.report.figures import list_figures
from nirank.report.page import render_page
from nirank.report.report import Report
from nirank.results.row import SurvivalBin, SurvivalCurve, TopicValues

DRAWN = "() => [...document.querySelectorAll('figure[data-figure]')].every((each) => each.querySelector('svg, .empty'))"


def make_whole_report(**options: Any) -> Report:
    """A report with every kind of figure, and hostile names in all of them."""
    report = make_report(4, 20, hostile=True, n_seeds=3, **options)
    evil = HOSTILE[0]
    topics = tuple(TopicValues(topic, {"nDCG@10": 0.1 * at}, CURVE) for at, topic in enumerate(HOSTILE))
    curves = (
        SurvivalCurve(f"LSH({evil})", "angle", ((0.0, 1.0), (90.0, 0.0)), (SurvivalBin(40, 50, 45, 8, 4),)),
        SurvivalCurve("MinHash()", evil, (), (SurvivalBin(0.4, 0.5, 0.45, 8, 4),)),
    )
    diagnosis = Diagnosis(
        ceiling=Ceiling(100, 0.8, {"Rprec": 0.75}, {"Rprec": 0.5}),
        time=TimeProfile(evil, ((0, 3), (4, 1)), 0, tuple((width, 0.1) for width in range(1, 11)), 0.0),
    )
    rows = [
        replace(
            row,
            recall_by_depth=((1, 0.1), (10, 0.5), (100, 0.9)),
            effort=CURVE,
            topics=() if row.seed_of else topics,
            survival=curves,
            stopping=(replace(make_outcome("consecutive"), rule=evil), make_outcome("test")),
            diagnosis=diagnosis,
            trainings=(TRAINING,),
            written=(replace(WRITTEN, what=evil),),
        )
        for row in report.rows
    ]
    return replace(report, rows=rows)


def test_every_kind_of_figure_is_drawn_and_nothing_complains(open_page: Any, tmp_path: Path) -> None:
    report = make_whole_report()
    kinds = {figure.id.partition("-")[0] for figure in list_figures(report)}
    assert kinds == {
        *("tradeoff", "intervals", "seeds", "depth", "effort", "topics", "gains", "losses", "stopping", "survival"),
        *("diagnostics", "loss", "watched", "funnel", "map", "plan", "differences"),
    }
    (tmp_path / "report.html").write_text(render_page(report), encoding="utf-8")
    page = open_page(tmp_path, dark=True)
    warnings: list[str] = []
    page.on("console", lambda message: warnings.append(message.text))
    page.reload(timeout=30_000)
    page.wait_for_function(DRAWN, timeout=30_000)
    assert page.locator("figure .empty").count() == 0
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("window.pwned") is None
    assert warnings == [], "Vega-Lite warns of what a chart asks for in vain"


def test_a_menu_shows_another_measure(open_page: Any, tmp_path: Path) -> None:
    page = open_page()
    figure = page.locator("#figure-tradeoff-0")
    figure.locator("svg").first.wait_for()
    assert figure.locator("svg").first.get_by_text("nDCG@10", exact=True).count() == 1
    figure.locator("select").first.select_option("R@20")
    figure.locator("svg").first.get_by_text("R@20", exact=True).wait_for()


def test_a_click_on_a_bar_opens_its_query(open_page: Any) -> None:
    page = open_page()
    chart = page.locator("#figure-differences svg").first
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 60)
    page.locator("#vg-tooltip-element.visible").get_by_text("gain of A").wait_for()
    page.mouse.click(box["x"] + 100, box["y"] + 60)
    page.locator("dialog[open]").wait_for()
    assert "#query=" in page.url
