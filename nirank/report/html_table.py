"""The leaderboard as a fragment of HTML, for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from nirank.report.grid import Grid
from nirank.report.notes import list_footnotes
from nirank.report.table import make_grids
from nirank.results.row import Row


def render_html_table(rows: Sequence[Row], measures: Sequence[str]) -> str:
    """Return the leaderboard as an HTML fragment, for notebooks."""
    tables = "".join(_render_table(grid) for grid in make_grids(rows, measures))
    notes = "".join(f"<p><small>{escape(note)}</small></p>" for note in list_footnotes(rows))
    return f"<div>{tables}{notes}</div>"


def _render_table(grid: Grid) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in grid.head)
    body = "".join(
        "<tr>" + "".join(f"<td>{f'<b>{escape(c.text)}</b>' if c.best else escape(c.text)}</td>" for c in line) + "</tr>"
        for line in grid.body
    )
    notes = "".join(f"<p><small>{escape(note)}</small></p>" for note in grid.notes)
    title = f"<caption>{escape(grid.title)}</caption>"
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"
