"""Leaderboards of the page, in a browser: sorted, filtered, unfolded, explained, and a way to the queries."""

from __future__ import annotations

from typing import Any

import pytest
from report_examples import make_report


def list_systems(page: Any, board: int = 0) -> list[str]:
    return page.locator(f"#board-{board} tbody tr:visible .system").all_inner_texts()


def click_heading(page: Any, name: str) -> Any:
    heading = page.locator("#board-0 thead th", has_text=name).first
    heading.get_by_role("button").click()
    return heading


def test_a_heading_puts_the_best_first_then_the_worst_then_the_order_of_the_configuration(open_page: Any) -> None:
    page = open_page(n_systems=6, n_failed=1)
    means = {row.system: row.measures["nDCG@10"] for row in make_report(6, 45, n_failed=1).rows}
    configured = list(means)
    best_first = sorted(configured[:-1], key=lambda name: -(means[name] or 0))
    assert list_systems(page) == configured
    heading = click_heading(page, "nDCG@10")
    assert heading.get_attribute("aria-sort") == "descending"
    assert list_systems(page) == [*best_first, configured[-1]]
    click_heading(page, "nDCG@10")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert list_systems(page) == [*best_first[::-1], configured[-1]], "a failed system stands last whatever the order"
    click_heading(page, "nDCG@10")
    assert heading.get_attribute("aria-sort") is None
    assert list_systems(page) == configured
    click_heading(page, "ms/query")
    assert list_systems(page) == configured, "the cheapest first"
    click_heading(page, "system")
    assert list_systems(page) == sorted(configured, key=str.casefold)


def test_systems_are_filtered_by_words_of_their_names_in_all_tables(open_page: Any) -> None:
    page = open_page(n_systems=6, n_collections=2)
    page.get_by_label("Filter systems").fill("max hyb")
    for board in range(3):
        assert list_systems(page, board) == ["Hybrid + MaxSim"]
    assert page.locator("#board-tools .count").inner_text() == "1 of 6 systems"
    page.get_by_label("Filter systems").fill("unknown")
    assert list_systems(page)[0] == "Dense" and len(list_systems(page)) == 5, "what is said of zero-shot counts too"
    page.get_by_label("Filter systems").fill("")
    assert len(list_systems(page)) == 6
    assert page.locator("#board-tools .count").inner_text() == ""


def test_columns_are_chosen_and_whiskers_too(open_page: Any) -> None:
    page = open_page()
    table = page.locator("#board-0 table")
    page.get_by_text("Columns").click()
    queries = page.get_by_role("checkbox", name="queries")
    assert not queries.is_checked(), "the same for all systems, and said above the table"
    assert "45 queries · device cpu" in page.locator("#board-0 .about").inner_text()
    queries.check()
    assert table.get_by_role("columnheader", name="queries").is_visible()
    assert table.get_by_role("columnheader", name="depth").is_visible()
    page.get_by_role("checkbox", name="depth").uncheck()
    assert not table.get_by_role("columnheader", name="depth").is_visible()
    assert (
        table.locator("tbody tr").first.locator("td:visible").count() == table.locator("thead th:visible").count() - 1
    )
    assert table.locator(".whisker").first.is_visible()
    page.get_by_role("checkbox", name="intervals").uncheck()
    assert not table.locator(".whisker").first.is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("checkbox", name="depth").is_visible()


def test_seeds_are_folded_below_their_mean_and_follow_it(open_page: Any) -> None:
    page = open_page(n_systems=3, n_seeds=20)
    assert list_systems(page) == ["BM25", "Dense", "Hybrid"]
    fold = page.get_by_role("button", name="20 seeds")
    fold.focus()
    page.keyboard.press("Enter")
    assert fold.get_attribute("aria-expanded") == "true"
    assert len(list_systems(page)) == 23
    click_heading(page, "nDCG@10")
    systems = list_systems(page)
    assert systems[0] == "Hybrid"
    seeds = make_report(3, 45, n_seeds=20).rows[3:]
    assert systems[1:21] == [row.system for row in sorted(seeds, key=lambda row: -(row.measures["nDCG@10"] or 0))]
    page.get_by_label("Filter systems").fill("BM25")
    assert list_systems(page) == ["BM25"]


def test_a_value_is_explained_where_one_points_and_where_the_focus_is(open_page: Any) -> None:
    page = open_page(n_systems=6)
    value = page.locator("#board-0 tbody tr").nth(5).locator("td.measure a").first
    value.hover()
    card = page.get_by_role("tooltip")
    card.wait_for()
    assert "SPLADE-tiny nDCG@10" in card.inner_text()
    assert "Significantly worse than" in card.inner_text()
    page.keyboard.press("Escape")
    assert not card.is_visible()
    page.locator("#board-0 thead button").nth(1).focus()
    page.keyboard.press("Tab")
    assert card.is_visible() and "Higher is better" in card.inner_text()
    described = page.evaluate("document.activeElement.getAttribute('aria-describedby')")
    assert card.get_attribute("id") == described


@pytest.mark.parametrize("baseline", [False, True])
def test_a_value_leads_to_its_queries_against_the_baseline_or_the_best_other_system(
    open_page: Any, baseline: bool
) -> None:
    page = open_page(n_systems=6, baseline=baseline)
    page.locator("#board-0 tbody tr").nth(1).locator("td.measure a").nth(2).click()
    chosen = [page.locator(f'.chooser [data-field="{field}"]') for field in ("A", "B", "by")]
    texts = [select.evaluate("(select) => select.selectedOptions[0].text") for select in chosen]
    rows = make_report(6, 45, baseline=baseline).rows
    best = max(rows, key=lambda row: row.measures["R@20"] or 0).system
    assert texts == ["Dense", "BM25" if baseline else best, "R@20"]
    assert page.locator("#queries").evaluate("(part) => Math.abs(part.getBoundingClientRect().top) < 200")


def test_the_answer_stands_above_the_tables_and_failures_beside_it(open_page: Any) -> None:
    page = open_page(n_systems=3, n_failed=2, n_seeds=2, n_collections=2)
    assert page.locator(".answer").count() == 3
    assert page.locator(".answer .says").first.inner_text().startswith("Best by nDCG@10: ")
    alarms = page.locator(".alarms").inner_text()
    assert (
        "BM25 failed 0 failed: Dense('no/model'): model 'no/model' cannot be loaded for scifact (scifact/test)"
        in alarms
    )
    assert "Hybrid was trained on test queries (2 tables): its values are no estimate of anything." in alarms
    assert page.get_by_role("heading", level=1).inner_text() == "5 systems on 2 collections"
