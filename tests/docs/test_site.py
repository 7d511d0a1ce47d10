"""The site is built without a warning, stands alone, and can be read from disk in a browser."""

from __future__ import annotations

import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")


class Page(HTMLParser):
    """The links of a page, what it loads, and the places in it that links can lead to."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and "href" in values:
            self.loaded.append(values["href"])
        elif tag in ("script", "img", "iframe", "source") and "src" in values:
            self.loaded.append(values["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for module in ("furo", "myst_parser", "sphinx_copybutton"):
        pytest.importorskip(module, reason="needs what builds the site: pip install 'nirank[docs]'")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-n", "-b", "html"]
    command += ["-d", str(out / "doctrees"), str(ROOT / "docs"), str(out / "html")]
    built = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert built.returncode == 0, built.stderr
    return out / "html"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {file: Page(file) for file in sorted(site.glob("**/*.html"))}


def test_all_pages_are_there(site: Path) -> None:
    files = [*(ROOT / "docs").glob("**/*.md"), *(ROOT / "docs").glob("**/*.ipynb")]
    sources = [file.relative_to(ROOT / "docs") for file in files]
    assert len(sources) > 30
    assert [source for source in sources if not (site / source.with_suffix(".html")).is_file()] == []
    assert (site / "notebooks/compare.html").read_text(encoding="utf-8").count('<div class="notebook-output">') == 5


def test_every_page_of_experiments_is_a_page_of_the_site() -> None:
    marks = [file.read_text(encoding="utf-8") for file in (ROOT / "docs/experiments").glob("*.md")]
    readmes = sorted(ROOT.glob("experiments/*/README.md"))
    assert len(readmes) > 10
    assert [
        path.parent.name for path in readmes if f"<!-- page: ../../{path.relative_to(ROOT)} -->\n" not in marks
    ] == []


def test_pictures_are_small_and_shown() -> None:
    pages = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "docs").glob("**/*.md"))
    pictures = list((ROOT / "docs/images").iterdir())
    assert len(pictures) > 5
    assert [
        file.name for file in pictures if file.stat().st_size > 150_000 or f"images/{file.name})" not in pages
    ] == []


def test_every_link_within_the_site_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    broken, n_links = [], 0
    for file, page in pages.items():
        for link in page.links + page.loaded:
            parts = urlsplit(link)
            if parts.scheme or link.startswith("#top"):
                continue
            n_links += 1
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            anchors = pages[target].anchors if target in pages else set()
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in anchors | {""}):
                broken.append((str(file.relative_to(site)), link))
    assert n_links > 3000
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    assert [(file, link) for file, page in pages.items() for link in page.loaded if urlsplit(link).netloc] == []
    styles = [*site.glob("**/*.css"), *site.glob("**/*.js")]
    assert len(styles) > 5
    imports = ("@import", 'url("http', "url(http", "url(//", "import(")
    assert [(file, word) for file in styles for word in imports if word in file.read_text(encoding="utf-8")] == []


def test_links_of_pages_lead_out_of_the_site_by_name_alone(pages: dict[Path, Page]) -> None:
    outside = [
        (file.name, link) for file, page in pages.items() for link in page.links if link.startswith(("../../", "file:"))
    ]
    assert outside == []


@pytest.mark.skipif(CHROMIUM is None, reason="needs the browser chromium")
def test_a_browser_reads_it_from_disk(site: Path) -> None:
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
            page = context.new_page()
            faults = gather_faults(page)
            for name in ("index", "blocking", "reference/stages", "reference/configuration", "reference/python"):
                page.goto((site / f"{name}.html").as_uri())
                assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
            dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
            assert dark == (scheme == "dark")
            page.goto((site / "search.html").as_uri() + "?q=randomisation")
            page.wait_for_selector("#search-results li a", timeout=10_000)
            assert page.locator("#search-results li").count() >= 2
            assert faults == []
        browser.close()


def gather_faults(page: Any) -> list[str]:
    """Return a list that gets what goes wrong on a page, and what it asks the network for."""
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request", lambda request: None if request.url.startswith(("file:", "data:")) else faults.append(request.url)
    )
    return faults
