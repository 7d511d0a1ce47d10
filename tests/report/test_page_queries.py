"""Queries one by one, in a browser: what two systems make of each, and one query with both lists."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from report_examples import make_report
from report_worlds import list_query_details, make_worlds, write_details

from nirank.report import read_report, write_report
from nirank.report.page import render_page
from nirank.results.query_set import QuerySet

SET = "scifact-test-qrels"


def address(query: str | None = None, **choice: str) -> str:
    place = {"queries": SET} if query is None else {"query": f"{SET}/{query}"}
    return urlencode({**place, **choice})


def get_set(n_systems: int = 4, **options: Any) -> QuerySet:
    return make_report(n_systems, 45, **options).query_sets[0]


def list_shown(page: Any) -> list[str]:
    return page.locator(".queries tbody td.id").all_inner_texts()


def test_wins_losses_and_order_are_those_of_the_values(open_page: Any) -> None:
    page = open_page(at=address(a="Hybrid", b="Dense", measure="RR@10"))
    values = get_set().values
    gains = values["Hybrid"]["RR@10"] - values["Dense"]["RR@10"]
    tally = page.locator(".tally").inner_text()
    assert (
        f"better on {(gains > 0).sum()}, worse on {(gains < 0).sum()} and equal on {(gains == 0).sum()} of 45" in tally
    )
    assert list_shown(page) == [f"q{at}" for at in np.argsort(-gains, kind="stable")]
    page.locator(".queries thead button", has_text="query").click()
    assert list_shown(page) == [f"q{at}" for at in range(45)]
    page.get_by_label("Exchange A and B").click()
    assert f"better on {(gains < 0).sum()}" in page.locator(".tally").inner_text()
    assert "a=Dense" in page.url


def test_queries_are_found_by_words_and_by_what_is_odd_about_them(open_page: Any) -> None:
    page = open_page(at=address(a="Hybrid", b="Dense"))
    queries = get_set()
    page.get_by_label("Search in queries").fill("vitamin q1")
    expected = {id for id, text in zip(queries.ids, queries.texts, strict=True) if "vitamin" in text and "q1" in id}
    assert set(list_shown(page)) == expected and expected
    page.get_by_label("Search in queries").fill("")
    for label, name in (("Lost on the way", "lost"), ("Later than the query", "later")):
        page.get_by_label(label).check()
        signs = [getattr(queries.signs[system], name) for system in ("Hybrid", "Dense")]
        assert set(list_shown(page)) == {f"q{at}" for at in np.flatnonzero(np.max(signs, axis=0))}
        page.get_by_label(label).uncheck()
    page.get_by_label("Search in queries").fill("no such word")
    assert page.get_by_text("No query is like that.").is_visible()


def test_a_query_shows_both_lists_with_judgements_moves_and_ways(open_page: Any) -> None:
    page = open_page()
    page.goto(f"{page.url}#{address('q31', a='Hybrid', b='BM25')}")
    (world,) = make_worlds(4, 45, False, 0, 1)
    query = list_query_details(world)[31]
    page.locator(".versus .list").first.wait_for()
    for side, system in enumerate(("Hybrid", "BM25")):
        ranked, other = query.lists[system], query.lists[("BM25", "Hybrid")[side]]
        items = page.locator(".side").nth(side).locator("ol.list > li").all_inner_texts()
        assert len(items) == 20
        for at, id in enumerate(ranked.documents):
            text = items[at]
            grade = query.judged.get(id)
            assert ("? unjudged" if grade is None else "✓ relevant" if grade > 0 else "✗ not relevant") in text
            assert id in text.split()
            if id in other.documents:
                rank = other.documents.index(id) + 1
                move = "same" if rank == at + 1 else f"{'↑' if rank > at + 1 else '↓'} {abs(rank - at - 1)}"
                assert f"{('BM25', 'Hybrid')[side]} {rank} ({move})" in text
            else:
                assert f"not in the first 20 of {('BM25', 'Hybrid')[side]}" in text
            rank_before = ranked.stages[0].ranks[at]
            assert ("not in it" if rank_before is None else f"rank {rank_before}, ") in text
        missed = page.locator(".side").nth(side).locator(".missed li")
        assert missed.count() == len(ranked.missed)
    assert page.locator("mark").count() > 0
    words = set(query.text.split())
    assert {mark.lower() for mark in page.locator("mark").all_inner_texts()} <= words


def test_a_title_opens_the_text_of_its_document(open_page: Any) -> None:
    page = open_page(at=address("q31", a="Hybrid", b="BM25"))
    title = page.locator("ol.list .document > button").first
    title.click()
    body = page.locator("ol.list .body").first
    body.locator("bdi").wait_for()
    assert len(body.inner_text().split()) >= 60
    assert title.get_attribute("aria-expanded") == "true"
    title.click()
    assert not body.is_visible()


def test_back_closes_a_query_and_escape_too(open_page: Any) -> None:
    page = open_page()
    dialog = page.locator("dialog")
    first = page.locator(".queries tbody td.id a").first
    first.click()
    dialog.wait_for()
    assert "query=" in page.url
    page.go_back()
    dialog.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.closest('.queries') !== null"), "the focus is where it was"
    page.go_forward()
    dialog.wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    assert "query=" not in page.url
    page.locator(".queries tbody tr").nth(3).locator("td").nth(2).click()
    dialog.wait_for()
    shown = page.locator("#query-title").inner_text()
    page.get_by_label("Next query of the list").click()
    assert page.locator("#query-title").inner_text() != shown
    page.get_by_label("Previous query of the list").click()
    assert page.locator("#query-title").inner_text() == shown
    page.get_by_label("Close", exact=True).click()
    dialog.wait_for(state="hidden")


def test_who_closes_a_query_is_where_it_was_opened(open_page: Any) -> None:
    page = open_page(at=address(a="Dense", b="BM25"))
    page.locator(".queries tbody td.id a").nth(40).click()
    page.locator("dialog").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="hidden")
    assert (
        page.locator(".queries tbody tr")
        .nth(40)
        .evaluate("(row) => row.getBoundingClientRect().top > 0 && row.getBoundingClientRect().top < innerHeight")
    )


def test_a_link_opens_a_query_and_leads_to_the_list_when_it_is_closed(open_page: Any) -> None:
    page = open_page(at=address("q7", a="Dense", b="BM25", measure="R@20"))
    assert page.locator("#query-title").inner_text() == "Query q7"
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="hidden")
    assert page.url.endswith(address(a="Dense", b="BM25", measure="R@20"))
    page.goto(f"{page.url.partition('#')[0]}#{address('nobody')}")
    assert page.get_by_text("This leaderboard has no such query.").is_visible()


def test_a_bar_of_the_chart_opens_its_query(open_page: Any) -> None:
    page = open_page(at=address(a="Hybrid", b="BM25"))
    chart = page.locator("#figure-differences svg")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.locator("dialog").wait_for()
    queries = get_set()
    gains = queries.values["Hybrid"]["nDCG@10"] - queries.values["BM25"]["nDCG@10"]
    middle = [queries.ids[at] for at in np.argsort(-gains, kind="stable")[17:28]]
    assert page.locator("#query-title bdi").inner_text() in middle


def test_a_page_without_details_says_where_they_would_be(open_page: Any, make_folder: Any) -> None:
    page = open_page(make_folder(details=False), at=address("q31"), allowed=("ERR_FILE_NOT_FOUND",))
    message = page.locator("dialog .message")
    message.wait_for()
    assert "details/scifact-test-qrels/lists-0001.js" in message.inner_text()
    assert page.locator(".side b").first.inner_text() != "–", "values are in the page"


def test_the_mean_over_seeds_has_no_list_and_its_seeds_have(open_page: Any) -> None:
    page = open_page(n_systems=3, n_seeds=3, at=address("q1", a="Hybrid", b="BM25"))
    side = page.get_by_label("System A: Hybrid")
    side.wait_for()
    assert page.locator("optgroup").first.get_attribute("label") == "Seeds of Hybrid"
    page.get_by_label("System A", exact=True).first.select_option(label="Hybrid, seed 1")
    page.locator(".side").first.locator("ol.list").wait_for()


def test_one_system_and_pairs_of_records_have_pages_too(open_page: Any) -> None:
    page = open_page(n_systems=1)
    assert page.locator(".answer").count() == 0
    assert page.locator("#board-0 tbody tr").count() == 1
    page.locator(".queries tbody td.id a").first.click()
    page.locator("ol.list").first.wait_for()
    page = open_page(n_systems=3, pairs=True, details=False)
    assert "45 records" in page.locator("#board-0 .about").inner_text()
    assert page.locator(".facts").inner_text().startswith("45 records")
    assert "of 45 records against" in page.locator(".tally").inner_text()


def test_an_older_folder_without_queries_has_a_page(open_page: Any, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(render_page(replace(make_report(3, 10), query_sets=())))
    page = open_page(tmp_path, at="leaderboard")
    page.evaluate("location.hash = '#query=x/y'")
    assert page.locator("#queries").count() == 0
    assert page.locator("#board-0 tbody tr").count() == 3


def test_queries_without_judgements_show_their_lists(open_page: Any, tmp_path: Path) -> None:
    report = make_report(3, 45)
    unjudged = replace(report.query_sets[0], values={system: {} for system in ("BM25", "Dense")}, relevant=(), signs={})
    (tmp_path / "report.html").write_text(render_page(replace(report, query_sets=[unjudged])))
    write_details(tmp_path, 3, 45)
    page = open_page(tmp_path)
    assert "no judgements" in page.locator(".tally").inner_text()
    assert list_shown(page) == [f"q{at}" for at in range(45)]
    page.locator(".queries tbody td.id a").nth(2).click()
    page.locator("ol.list").first.wait_for()
    assert page.locator("#query-title").inner_text() == "Query q2"


def test_details_of_some_queries_are_found_by_their_place_among_these(open_page: Any, tmp_path: Path) -> None:
    report = make_report(3, 45)
    some = replace(report.query_sets[0], detailed=tuple(range(5, 45)), per_chunk=20)
    (tmp_path / "report.html").write_text(render_page(replace(report, query_sets=[some])))
    folder = tmp_path / "details" / SET
    folder.mkdir(parents=True)
    empty = '{"queries": [{"id": "q26", "text": "found", "characters": 5, "judged": {}, "lists": {}}], "documents": {}}'
    (folder / "lists-0001.js").write_text(f"nirankDetails('{SET}/lists-0001', '{empty}');")
    page = open_page(tmp_path, at=address("q26"))
    page.locator(".query-text", has_text="found").wait_for()
    page = open_page(tmp_path, at=address("q1"))
    assert page.get_by_text("Details were written for 40 of 45 queries, and not for this one.").is_visible()


def test_candidates_without_order_have_no_ranks_and_do_not_move(open_page: Any, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(render_page(make_report(2, 3, pairs=True)))
    folder = tmp_path / "details" / SET
    folder.mkdir(parents=True)
    lists = {
        "BM25": {"documents": ["d1", "d2"], "scores": [None, None]},
        "Dense": {"documents": ["d2"], "scores": [0.5]},
    }
    query = {"id": "q1", "text": "t", "characters": 1, "judged": {"d2": 1}, "lists": lists}
    content = json.dumps({"queries": [query], "documents": {}})
    (folder / "lists-0000.js").write_text(f"nirankDetails('{SET}/lists-0000', '{content}');")
    page = open_page(tmp_path, at=address("q1", a="BM25", b="Dense"))
    items = page.locator(".side").first.locator("ul.list > li")
    items.first.wait_for()
    assert items.all_inner_texts() == [
        "·\nd1\n? unjudged\nnot in the first 1 of Dense",
        "·\nd2\n✓ relevant\nalso in Dense",
    ]
    assert page.get_by_text("Candidates without order.").count() == 1


def test_what_a_written_folder_holds_is_what_the_page_reads(tmp_path: Path) -> None:
    write_report(tmp_path, make_report(4, 45))
    assert (tmp_path / "report.html").read_text() == render_page(read_report(tmp_path))
