"""Notebooks run, give what their files say that they give, and are pages of the site."""

from __future__ import annotations

import json
import re
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from notebook_cells import run_notebook

DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOKS = sorted(DOCS.glob("notebooks/*.ipynb"))
SCORE = re.compile(r"\b[01]\.\d{4}\b")  # a measure; times have fewer digits


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_gives_what_its_file_says_without_a_network(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("asked the network"))
    kept = [cell["outputs"] for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    given = run_notebook(path)
    assert len(kept) > 4
    for expected, found in zip(kept, given, strict=True):
        assert [describe_output(each) for each in found] == [describe_output(each) for each in expected]
    pictures = ["".join(data["image/svg+xml"]) for data in list_data(given) if "image/svg+xml" in data]
    assert len(pictures) == 3
    for svg in pictures:
        assert svg.startswith("<svg") and "<text" in svg and "<script" not in svg


def list_data(cells: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [output["data"] for outputs in cells for output in outputs if "data" in output]


def describe_output(output: dict[str, Any]) -> Any:
    """Return what does not depend on the machine: the kinds of output, and scores."""
    if output["output_type"] == "stream":
        return output["text"]
    data = {kind: "".join(lines) for kind, lines in output["data"].items()}
    return {kind: SCORE.findall(text) if kind != "image/svg+xml" else "svg" for kind, text in data.items()}


def test_a_page_shows_cells_and_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    sys.modules.pop("notebook_pages", None)
    from notebook_pages import write_notebook_page

    outputs = [
        {"output_type": "stream", "text": ["a < b\n", "\n", "c\n"]},
        {"output_type": "execute_result", "data": {"text/plain": ["plain"], "text/html": ["<p>\n", "\n", "</p>"]}},
        {"output_type": "execute_result", "data": {"text/html": ["no"], "image/svg+xml": ["<svg/>"]}},
        {"output_type": "execute_result", "data": {"text/plain": ["12"]}},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "words"]},
        {"cell_type": "code", "source": ["1 + 1"], "outputs": outputs},
    ]
    assert write_notebook_page(json.dumps({"cells": cells})).split("\n\n") == [
        "# Title\nwords",
        "```python\n1 + 1\n```",
        '<pre class="notebook-output">a &lt; b&#10;&#10;c</pre>',
        '<div class="notebook-output">\n<p>\n</p>\n</div>',
        '<div class="notebook-output">\n<svg/>\n</div>',
        '<pre class="notebook-output">12</pre>\n',
    ]
