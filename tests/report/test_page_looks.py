"""The page in all its settings: dark, narrow, printed, by keyboard, for screen readers; hostile texts; what it weighs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from report_examples import make_report
from report_worlds import HOSTILE

from nirank.report.page import render_page

NARROW = 390


def measure_overflow(page: Any) -> int:
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def wait_for_charts(page: Any, n: int) -> None:
    page.wait_for_function(f"document.querySelectorAll('.plot svg').length >= {n}")


def test_dark_is_what_the_system_says_until_the_reader_says_otherwise(open_page: Any) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    page = open_page()
    light = page.evaluate(ground)
    wait_for_charts(page, 3)
    ink = "getComputedStyle(document.querySelector('.plot svg text')).fill"
    before = page.evaluate(ink)
    page.get_by_label("Show the page dark").click()
    dark = page.evaluate(ground)
    assert dark != light
    assert page.evaluate(ink) != before, "charts follow without being drawn again"
    page.reload()
    assert page.evaluate(ground) == dark, "the choice is kept"
    page.get_by_label("Show the page light").click()
    assert page.evaluate(ground) == light
    assert open_page(dark=True).evaluate(ground) == dark


@pytest.mark.parametrize("options", [{"n_systems": 30, "n_collections": 2, "n_seeds": 20}, {"hostile": True}])
def test_a_phone_scrolls_tables_and_never_the_page(open_page: Any, options: dict[str, Any]) -> None:
    page = open_page(width=NARROW, **options)
    wait_for_charts(page, 3)
    assert measure_overflow(page) == 0
    page.get_by_text("Columns").click()
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert measure_overflow(page) == 0
    page.locator(".queries tbody td.id a").first.click()
    page.locator("ol.list").first.wait_for()
    assert measure_overflow(page) == 0
    body = page.locator(".query-body")
    assert body.evaluate("(part) => part.scrollWidth - part.clientWidth") == 0


def test_on_paper_everything_is_open_and_drawn(open_page: Any, tmp_path: Path) -> None:
    page = open_page(dark=True)
    wait_for_charts(page, 3)
    folded = "document.querySelectorAll('details:not([open], .menu, .apart)').length"
    n_folded = page.evaluate(folded)
    assert n_folded > 0
    page.evaluate(f"addEventListener('beforeprint', () => {{ window.folded = {folded}; }})")
    page.pdf(path=str(tmp_path / "page.pdf"))
    assert page.evaluate("window.folded") == 0
    assert page.evaluate(folded) == n_folded, "folded again behind the printer"
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.get_by_placeholder("Filter systems").is_visible()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(27, 29, 33)", "black on white"


def test_the_keyboard_reaches_everything(open_page: Any) -> None:
    page = open_page()
    focused = "document.activeElement.textContent"
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "To the leaderboard"
    assert page.locator(".skip").evaluate("(link) => link.getBoundingClientRect().left >= 0")
    page.locator(".queries tbody td.id a").first.focus()
    page.keyboard.press("Enter")
    page.locator("ol.list").first.wait_for()
    for _ in range(60):
        page.keyboard.press("Tab")
        inside = page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
        assert inside, "the focus stays in the query"
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="hidden")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    page.keyboard.press("Tab")
    assert page.evaluate(outline) == "solid", "the focus can be seen"


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(open_page: Any, dark: bool) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_page(dark=dark, n_systems=3, n_queries=6, n_failed=1, n_seeds=1)
    wait_for_charts(page, 3)
    page.evaluate("document.querySelectorAll('details:not(.menu)').forEach((part) => { part.open = true; })")
    found = axe.run(page).response["violations"]
    page.locator(".queries tbody td.id a").first.click()
    page.locator("ol.list").first.wait_for()
    page.locator("ol.list .document > button").first.click()
    found += axe.run(page, context="dialog").response["violations"]
    grave = [
        (rule["id"], [node["target"] for node in rule["nodes"]][:3], rule["nodes"][0]["failureSummary"])
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]
    assert not grave


def test_hostile_texts_are_texts_wherever_they_stand(open_page: Any) -> None:
    page = open_page(hostile=True, n_systems=10, n_seeds=2, n_failed=1)
    wait_for_charts(page, 3)
    systems = page.locator("#board-0 .system bdi").all_inner_texts()
    for name in HOSTILE[:3] + HOSTILE[5:6]:
        assert name in systems
    page.locator("#board-0 td.measure a").first.hover()
    page.get_by_label("Search in queries").fill("prot")
    assert page.locator(".queries tbody tr").count() > 0
    page.get_by_label("Search in queries").fill("")
    rows = page.locator(".queries tbody td.id a")
    for at in range(20):
        rows.nth(at).click()
        page.locator(".versus ol.list").first.wait_for()
        assert page.locator(".message").count() == 0
        if at < 5:
            page.locator("ol.list .document > button").first.click()
            page.locator("ol.list .body bdi").first.wait_for()
        page.keyboard.press("Escape")
        page.locator("dialog").wait_for(state="hidden")
    assert page.evaluate("window.pwned") is None
    assert page.locator("img").count() == 0
    assert measure_overflow(page) == 0


def test_the_policy_refuses_scripts_that_are_not_the_page_s_own_and_every_request(open_page: Any) -> None:
    page = open_page(allowed=("Content Security Policy", "https://example.org/x.png"))
    page.evaluate(
        """() => {
            window.refused = [];
            addEventListener('securitypolicyviolation', (event) => window.refused.push(event.violatedDirective));
            const script = document.createElement('script');
            script.textContent = 'window.pwned = 1';
            const image = document.createElement('img');
            image.src = 'https://example.org/x.png';
            document.body.append(script, image);
            fetch('https://example.org/').catch(() => {});
        }"""
    )
    page.wait_for_function("window.refused.length >= 3")
    assert set(page.evaluate("window.refused")) == {"script-src-elem", "img-src", "connect-src"}
    assert page.evaluate("window.pwned") is None


def test_charts_have_their_values_as_a_table_and_files_for_papers(open_page: Any) -> None:
    page = open_page()
    wait_for_charts(page, 3)
    figure = page.locator("#figure-intervals-0")
    figure.get_by_text("Values", exact=True).click()
    assert "Hybrid" in figure.locator("table").inner_text()
    assert "Intervals of the means" in figure.locator(".plot").get_attribute("aria-label")
    for kind, start in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as download:
            figure.get_by_text(kind, exact=True).click()
        assert download.value.suggested_filename == f"intervals-0.{kind.lower()}"
        content = Path(download.value.path()).read_bytes()
        assert content.startswith(start)
        assert b"light-dark" not in content


def test_figures_of_one_table_are_shown_at_a_time(open_page: Any) -> None:
    page = open_page(n_systems=3, n_collections=2)
    shown = "[...document.querySelectorAll('figure[data-board]')].filter((each) => getComputedStyle(each).visibility === 'visible').map((each) => each.dataset.board)"
    assert set(page.evaluate(shown)) == {"0"}
    page.locator("#figure-tools select").select_option(label="nfcorpus/test")
    assert set(page.evaluate(shown)) == {"1"}
    page.wait_for_function("document.querySelector('#figure-intervals-1 svg')?.clientWidth > 400")
    page.locator("#figure-tools select").select_option(label="all tables")
    assert set(page.evaluate(shown)) >= {"0", "1"}
    page.locator("#figure-tools select").select_option(label="scifact/test")
    page.emulate_media(media="print")
    assert set(page.evaluate(shown)) >= {"0", "1"}


def test_ten_systems_on_a_thousand_queries_weigh_less_than_three_megabytes_and_take_less_than_three_seconds() -> None:
    report = make_report(10, 1000)
    render_page(make_report(1, 2))  # Vega is made once
    began = time.process_time()
    page = render_page(report)
    assert time.process_time() - began < 3
    assert len(page.encode()) < 3_000_000
