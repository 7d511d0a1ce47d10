"""A notebook as a page: its cells, and what they gave when the notebook was last run, which is in its file."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from typing import Any


def write_notebook_page(text: str) -> str:
    """Return the Markdown of a notebook: nbformat 4, as JSON."""
    return "\n\n".join(part for cell in json.loads(text)["cells"] for part in _write_cell(cell)) + "\n"


def _write_cell(cell: Mapping[str, Any]) -> Iterator[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
        return
    yield f"```python\n{source}\n```"
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            yield _show_text("".join(output["text"]))
        else:
            yield _show_richest({kind: "".join(lines) for kind, lines in output["data"].items()})


def _show_richest(data: Mapping[str, str]) -> str:
    for kind in ("image/svg+xml", "text/html"):
        if kind in data:  # of one block: a blank line would end it
            lines = (line for line in data[kind].splitlines() if line.strip())
            return f'<div class="notebook-output">\n{chr(10).join(lines)}\n</div>'
    return _show_text(data["text/plain"])


def _show_text(text: str) -> str:
    return f'<pre class="notebook-output">{html.escape(text.rstrip()).replace(chr(10), "&#10;")}</pre>'
