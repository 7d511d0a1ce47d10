"""The page: plain, self-contained, set to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from nirank.report.effort import effort_charts
from nirank.report.grid import Grid
from nirank.report.notes import footnotes
from nirank.report.plain import plain
from nirank.report.table import grids
from nirank.report.trainings import curves
from nirank.results.row import Row


def page(
    rows: Sequence[Row],
    measures: Sequence[str],
    manifest: Mapping[str, Any],
    findings: Mapping[str, Sequence[Any]],
    drawings: Mapping[str, str],
    details: Sequence[Grid] = (),
) -> str:
    """Return report.html; everything that comes from users or data is escaped."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["plain"] = plain
    template = environment.from_string(files("nirank.report").joinpath("page.html").read_text(encoding="utf-8"))
    return template.render(
        grids=grids(rows, measures),
        details=details,
        charts=effort_charts(rows),
        curves=curves(rows),
        rows=rows,
        footnotes=footnotes(rows),
        manifest=manifest,
        findings=findings,
        drawings=drawings,
    )


def html_table(rows: Sequence[Row], measures: Sequence[str]) -> str:
    """Return the leaderboard as an HTML fragment, for notebooks."""
    tables = "".join(_table(grid) for grid in grids(rows, measures))
    notes = "".join(f"<p><small>{escape(note)}</small></p>" for note in footnotes(rows))
    return f"<div>{tables}{notes}</div>"


def _table(grid: Grid) -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in grid.head)
    body = "".join(
        "<tr>" + "".join(f"<td>{f'<b>{escape(c.text)}</b>' if c.best else escape(c.text)}</td>" for c in line) + "</tr>"
        for line in grid.body
    )
    notes = "".join(f"<p><small>{escape(note)}</small></p>" for note in grid.notes)
    title = f"<caption>{escape(grid.title)}</caption>"
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"
