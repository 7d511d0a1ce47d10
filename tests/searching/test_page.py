"""The page in a browser: two lists side by side, the keyboard, hostile texts, no request to anywhere else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import searched_folder

CHROMIUM = shutil.which("chromium")
OPTIONS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
HOSTILE = "<img src=x onerror=\"document.title='taken'\"> __proto__ w1"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if CHROMIUM is None:
        pytest.skip("needs chromium, a Debian package")
    folder = tmp_path_factory.mktemp("page")
    searched_folder.write_collection(folder / "tiny")
    with (folder / "tiny" / "corpus.jsonl").open("a") as file:
        file.write(json.dumps({"_id": "<b>/?#%2F", "title": HOSTILE, "text": "w1 w1 w1 " * 400 + "the end"}) + "\n")
    systems = "  BM25: bm25\n  <i>RM3</i>: [BM25, rm3]\n  File: {run: run.txt}"
    (folder / "run.txt").write_text("q1 Q0 d1 1 1.0 x\n")
    config = searched_folder.write_config(folder, systems)
    command = [sys.executable, "-m", "nirank.cli.main", "serve", str(config), "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield opened
        opened.close()


@pytest.fixture
def page(url: str, browser: Any) -> Iterator[Any]:
    """A page that may ask nobody but the server, and in which nothing fails."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened, asked, faults = context.new_page(), [], []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.goto(url)
    opened.wait_for_selector("#system-a option", state="attached")
    yield opened
    assert faults == []
    assert [address for address in asked if not address.startswith((url, "data:"))] == []
    context.close()


def search(page: Any, query: str) -> None:
    page.fill("#query", query)
    page.press("#query", "Enter")
    page.wait_for_selector("ol > li")


def test_two_systems_stand_side_by_side(page: Any) -> None:
    page.select_option("#system-b", "<i>RM3</i>")
    search(page, "w1 w2")
    assert page.locator("section").count() == 2
    assert page.locator("section h2").all_inner_texts() == ["A: BM25", "B: <i>RM3</i>"]
    assert page.locator("ol > li").count() == 20
    facts = page.locator("section:nth-child(2) .facts").first.inner_text()
    assert "bm25" in facts and "→ 1" in facts and "A: " in facts
    page.locator("summary").last.click()
    assert page.locator("section:nth-child(2) tbody tr td:first-child").all_inner_texts() == ["bm25", "rm3"]
    assert page.locator("option[value=File]").first.is_disabled()


def test_texts_are_texts_and_come_whole(page: Any) -> None:
    search(page, "w1")
    title = page.locator("button.title", has_text="onerror")
    assert title.inner_text() == HOSTILE
    title.click()
    page.locator(".text", has_text="the end").wait_for()
    assert page.title() == "nirank: search"
    assert page.locator("#lists img, #lists b, #lists i").count() == 0
    title.click()
    assert page.locator(".text").count() == 0


def test_the_keyboard_is_enough(page: Any) -> None:
    search(page, "w1 w2")
    page.keyboard.press("Escape")
    for key in ("j", "j", "k", "Enter"):
        page.keyboard.press(key)
    page.wait_for_selector("ol > li:nth-child(1) .text")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "query"
    assert page.input_value("#query") == "w1 w2"


def test_an_address_holds_its_query(page: Any, url: str) -> None:
    page.select_option("#system-a", "<i>RM3</i>")
    search(page, "w5 w6")
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector("ol > li")
    assert page.input_value("#query") == "w5 w6"
    assert page.locator("h2").inner_text() == "<i>RM3</i>"


def test_a_mistake_is_said(url: str, browser: Any) -> None:
    page = browser.new_page()
    page.goto(url)
    page.wait_for_selector("#system-a option", state="attached")
    page.route("**/api/search", lambda route: route.abort())
    page.fill("#query", "w1")
    page.press("#query", "Enter")
    page.wait_for_selector("#status.error")
    assert "was it stopped" in page.inner_text("#status")
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_read_it(url: str, browser: Any, scheme: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(viewport={"width": 390, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector("#system-a option", state="attached")
    page.select_option("#system-b", "<i>RM3</i>")
    search(page, "w1 w2")
    page.locator("button.title").first.click()
    page.locator("summary").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    violations = [
        (violation["id"], [node["target"] for node in violation["nodes"]])
        for violation in Axe().run(page).response["violations"]
    ]
    assert violations == []
    context.close()
