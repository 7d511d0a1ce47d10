"""A browser that opens pages as files, and fails a test whose page complains or asks the network for something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from report_examples import make_report
from report_worlds import write_details

from nirank.report.page import render_page

CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
_made: dict[str, Path] = {}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; of a module and not of the session, since its event loop would be in the way of other tests' loops."""
    if not CHROMIUM.exists():
        pytest.skip(f"needs Chromium as {CHROMIUM}: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(_FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return the folder of a report of random numbers, with its page and, unless told not to, its details."""

    def make(
        n_systems: int = 4, n_queries: int = 45, hostile: bool = False, details: bool = True, **options: Any
    ) -> Path:
        name = repr((n_systems, n_queries, hostile, details, sorted(options.items())))
        if name not in _made:
            folder = tmp_path_factory.mktemp("report")
            page = render_page(make_report(n_systems, n_queries, hostile, **options))
            (folder / "report.html").write_text(page, encoding="utf-8")
            if details:
                kept = {key: value for key, value in options.items() if key in ("n_seeds", "n_collections")}
                write_details(folder, n_systems, n_queries, hostile, **kept)
            _made[name] = folder
        return _made[name]

    return make


@pytest.fixture
def open_page(browser: Any, make_folder: Callable[..., Path]) -> Iterator[Callable[..., Any]]:
    """Return what opens the page of a folder (made of the options where none is given).

    at       the address behind `#`
    allowed  words of complaints that the test expects
    """
    contexts: list[Any] = []
    complaints: list[str] = []
    expected: list[str] = []

    def open_(
        folder: Path | None = None,
        *,
        at: str = "",
        width: int = 1280,
        dark: bool = False,
        allowed: tuple[str, ...] = (),
        **options: Any,
    ) -> Any:
        expected.extend(allowed)
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            accept_downloads=True,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if not _is_local(request.url) else None)
        page.goto(f"{(folder or make_folder(**options)).as_uri()}/report.html{'#' if at else ''}{at}")
        return page

    yield open_
    for context in contexts:
        context.close()
    unexpected = [text for text in complaints if not any(words in text for words in expected)]
    assert not unexpected, unexpected


def _is_local(url: str) -> bool:
    return url.startswith(("file:", "data:", "blob:"))
