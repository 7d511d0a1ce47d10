"""The page: plain, self-contained, set to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from nirank.report.diagnostic_charts import make_bar_charts, make_gap_charts
from nirank.report.effort import make_effort_charts
from nirank.report.grid import Grid
from nirank.report.notes import list_footnotes
from nirank.report.plain import to_plain
from nirank.report.survival import make_survival_charts
from nirank.report.table import make_grids
from nirank.report.topics import make_gain_charts, make_topic_charts
from nirank.report.trainings import draw_curves
from nirank.report.written import make_written_sections
from nirank.results.row import Row


def render_page(
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
    environment.filters["plain"] = to_plain
    template = environment.from_string(files("nirank.report").joinpath("page.html").read_text(encoding="utf-8"))
    return template.render(
        grids=make_grids(rows, measures),
        details=details,
        charts=make_effort_charts(rows),
        topics=make_topic_charts(rows),
        gains=make_gain_charts(rows, measures),
        survival=make_survival_charts(rows),
        bars=make_bar_charts(rows),
        gaps=make_gap_charts(rows),
        curves=draw_curves(rows),
        written=make_written_sections(rows),
        rows=rows,
        footnotes=list_footnotes(rows),
        manifest=manifest,
        findings=findings,
        drawings=drawings,
    )


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
