"""The page put together: template, style, scripts, data, and a policy that keeps it from the network."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from nirank.report.details import make_detail_grids
from nirank.report.figures import list_figures
from nirank.report.notes import list_footnotes
from nirank.report.page.boards import make_boards
from nirank.report.page.facts import list_alarms, list_downloads, list_facts, make_heading
from nirank.report.page.figure_sections import group_figures
from nirank.report.page.page_data import format_script_data, make_page_data
from nirank.report.page.vega import make_bundle
from nirank.report.plain import to_plain
from nirank.report.report import Report
from nirank.report.written import make_written_sections

_SCRIPTS = (  # in this order
    *("elements", "numbers", "data", "theme", "address", "explanations", "boards", "columns", "details"),
    *(
        "words",
        "documents",
        "query_lists",
        "query_view",
        "differences",
        "figures",
        "figure_choice",
        "printing",
        "start",
    ),
)


def render_page(report: Report) -> str:
    """Return report.html; everything that comes from users or data is escaped.

    It asks no network for anything, and a policy in it forbids that. Details of single queries lie in scripts beside
    it, which it loads when somebody opens a query.
    """
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["plain"] = to_plain
    template = environment.from_string(_read("template.html"))
    boards = make_boards(report.rows, report.measures)
    figures = list_figures(report)
    script, vega = _join_scripts(), make_bundle() if figures else ""
    return template.render(
        policy=_make_policy(script, vega),
        style=_read("style.css"),
        script=script,
        vega=vega,
        data=format_script_data(make_page_data(report, boards, figures)),
        heading=make_heading(boards),
        facts=list_facts(report),
        alarms=list_alarms(report, boards),
        boards=boards,
        has_seeds=any(line.seeds for board in boards for line in board.lines),
        sections=group_figures(figures, boards),
        query_sets=report.query_sets,
        details=make_detail_grids(report.rows, report.measures),
        written=make_written_sections(report.rows),
        footnotes=list_footnotes(report.rows),
        manifest=report.manifest,
        runs=[report.manifest, *(report.manifest.get("merged") or ())],
        rows=report.rows,
        downloads=list_downloads(report),
    )


def _join_scripts() -> str:
    parts = "\n".join(_read(f"scripts/{name}.js") for name in _SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}}})();'


def _make_policy(*scripts: str) -> str:
    """Return a content security policy: the scripts of the page by their digests, and those in files beside it.

    `unsafe-eval` is for Vega, which compiles expressions of charts; texts of users never are expressions.
    """
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    sources = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {sources} 'self' file: 'unsafe-eval'; style-src 'unsafe-inline';"
        " img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _read(name: str) -> str:
    return files("nirank.report.page").joinpath(name).read_text(encoding="utf-8")
