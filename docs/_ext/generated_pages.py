"""Pages whose text comes from elsewhere, and links out of the site.

`<!-- generated: stages -->` in a page is replaced by what the name stands for; `<!-- page: ../README.md -->` by that
file. The site stands alone: a link to a file that is a page of it leads there, and of one to any other file
of the checkout its name is left. A link to what does not exist stays as it is, and Sphinx refuses it. A notebook is a
page of its cells and what they gave.
"""

from __future__ import annotations

import os.path
import re
from pathlib import Path
from typing import Any

from configuration_keys import write_configuration
from notebook_pages import write_notebook_page
from public_names import resolve_internal, rewrite_docstring, rewrite_signature, write_python_page
from reference_tables import write_commands, write_measures, write_stages

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
_GENERATED = {
    "commands": write_commands,
    "configuration": write_configuration,
    "measures": write_measures,
    "python": write_python_page,
    "stages": write_stages,
}
_MARK = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)
_PAGE = re.compile(r"^<!-- page: (\S+) -->$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]\n]*)\]\((?P<target>[^)#\s]*)(?P<anchor>#[^)\s]*)?\)")
_FENCE = re.compile(r"(^(?P<fence>`{3,}).*?^(?P=fence)[ ]*$)", re.MULTILINE | re.DOTALL)


def setup(app: Any) -> dict[str, Any]:
    """Let Sphinx call what is here."""
    app.connect("source-read", _complete_source)
    app.connect("autodoc-process-docstring", rewrite_docstring)
    app.connect("autodoc-process-signature", rewrite_signature)
    app.connect("missing-reference", resolve_internal)
    return {"version": "1", "parallel_read_safe": True}


def _complete_source(app: Any, page: str, source: list[str]) -> None:
    file, notebook = DOCS / f"{page}.md", DOCS / f"{page}.ipynb"
    if notebook.is_file():
        file, source[0] = notebook, write_notebook_page(source[0])
    source[0] = complete_page(file, source[0])


def complete_page(file: Path, text: str) -> str:
    """Return a page with what it includes, and its links as they are in the site."""
    included = _PAGE.search(text)
    if included:
        origin = (file.parent / included[1]).resolve()
        body = redirect_links(origin, file, origin.read_text(encoding="utf-8"))
        return text.replace(included[0], body)
    text = redirect_links(file, file, text)
    return _MARK.sub(lambda mark: _GENERATED[mark[1]](), text)


def redirect_links(origin: Path, page: Path, text: str) -> str:
    """Return Markdown that was written in a file with its links as they are for a page."""
    pages = _find_included_pages()

    def redirect(link: re.Match[str]) -> str:
        if not link["target"] or re.match(r"[a-z]+:", link["target"]):
            return link[0]
        target = (origin.parent / link["target"]).resolve()
        target = pages.get(target, target)
        if target.suffix in (".md", ".ipynb") and target.is_relative_to(DOCS) and target.is_file():
            return f"[{link['text']}]({os.path.relpath(target, page.parent)}{link['anchor'] or ''})"
        if target.is_relative_to(ROOT) and target.exists():
            name = str(target.relative_to(ROOT))
            return f"`{name}`" if link["text"].strip("`") in name else f"{link['text']} (`{name}`)"
        return link[0]

    parts = _FENCE.split(text)
    # re.split gives text, fence, its first signs, text, …
    return "".join(
        _LINK.sub(redirect, part) if place % 3 == 0 else part for place, part in enumerate(parts) if place % 3 != 2
    )


def _find_included_pages() -> dict[Path, Path]:
    """Return the page of the site for every file outside that is one."""
    marks = {page: _PAGE.search(page.read_text(encoding="utf-8")) for page in DOCS.glob("**/*.md")}
    return {(page.parent / mark[1]).resolve(): page for page, mark in marks.items() if mark}
