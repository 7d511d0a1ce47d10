"""Take the pictures of docs/gallery.md: pages of real runs, in Chromium, as a reader sees them.

    nirank run experiments/gallery/scifact.yaml --out gallery-results/scifact      (and review, blocking alike)
    nirank run experiments/collections/eu-acts.yaml --out gallery-results/eu-acts
    python experiments/gallery/make_screenshots.py gallery-results docs/images

The page of a review is that of docs/start/screen.md, whose file of records lies in gallery-results too, as search.csv.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Error, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
MOST_BYTES = 150_000
PORT = 40_123


@dataclass(frozen=True)
class Shot:
    """A picture: of which run, how the page is brought there, and the size of the window."""

    name: str
    run: str
    prepare: Callable[[Any], None]
    width: int = 1100
    height: int = 760
    scheme: str = "light"


def stay(page: Any) -> None:
    """Leave the page as it opens."""


def scroll_to(selector: str) -> Callable[[Any], None]:
    """Return what brings a place to the top of the window."""

    def scroll(page: Any) -> None:
        for _ in range(2):  # charts are drawn when they come into sight, and take room then
            page.locator(selector).first.evaluate("place => place.scrollIntoView({block: 'start'})")
            page.wait_for_timeout(2500)

    return scroll


def open_query(page: Any) -> None:
    """Open the query that two systems differ most on, with their lists side by side."""
    page.locator(".queries tbody td.id a").first.click()
    page.locator(".versus .list").first.wait_for()
    page.wait_for_timeout(500)


SHOTS = [
    Shot("gallery-scifact", "scifact", stay),
    Shot("gallery-scifact-cost", "scifact", scroll_to("#figures"), height=660),
    Shot("gallery-scifact-losses", "scifact", scroll_to("#figure-losses-0"), height=700),
    Shot("gallery-scifact-differences", "scifact", scroll_to("#queries"), height=860),
    Shot("gallery-scifact-query", "scifact", open_query, height=900),
    Shot("gallery-review", "review", scroll_to("#figure-depth-0"), height=860),
    Shot("gallery-eu-acts", "eu-acts", stay, height=900),
    Shot("gallery-blocking", "blocking", stay),
    Shot("gallery-phone", "scifact", stay, width=390, height=760, scheme="dark"),
]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for shot in SHOTS:
            context = browser.new_context(
                viewport={"width": shot.width, "height": shot.height}, color_scheme=shot.scheme, reduced_motion="reduce"
            )
            page = context.new_page()
            page.goto((options.runs / shot.run / "report.html").resolve().as_uri())
            shot.prepare(page)
            size = write_picture(page.screenshot(), options.out / f"{shot.name}.png")
            print(f"{shot.name}: {size:,} bytes")
            context.close()
        take_review(browser, options.runs / "search.csv", options.out / "screening-page.png")
        browser.close()


def take_review(browser: Any, records: Path, out: Path) -> None:
    """Start a review's page, take its picture, and end it."""
    with tempfile.TemporaryDirectory() as project:
        question = "vitamin D to prevent fractures"
        command = [sys.executable, "-m", "nirank.cli.main", "screen", str(records), "--question", question, "--serve"]
        command += ["--project", str(Path(project) / "review"), "--port", str(PORT)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                page = browser.new_page(viewport={"width": 1000, "height": 640})
                for _ in range(60):
                    with contextlib.suppress(Error):
                        page.goto(f"http://127.0.0.1:{PORT}/")
                        break
                    page.wait_for_timeout(1000)
                print(f"{out.stem}: {write_picture(page.screenshot(), out):,} bytes")
            finally:
                server.terminate()


def write_picture(png: bytes, path: Path) -> int:
    """Write a picture with as few colours as keep it small, and return its size."""
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    picture.save(path, optimize=True)
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"{path}: {size} bytes; expected at most {MOST_BYTES}")
    return size


if __name__ == "__main__":
    main()
