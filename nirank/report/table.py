"""Rows as leaderboards: which columns a table has, and what stands in them."""

from __future__ import annotations

from collections.abc import Sequence

from nirank.report.columns import (
    find_best,
    format_mark,
    format_spread,
    list_extra_columns,
    list_fact_columns,
    round_as_printed,
    show_value,
    warn_of_test_data,
)
from nirank.report.grid import Cell, Grid, format_markdown_grid
from nirank.report.notes import list_footnotes, list_lacking_values, list_table_notes
from nirank.report.text import align_grid, wrap_note
from nirank.results.groups import group_rows, title_groups
from nirank.results.row import Row


def make_grids(rows: Sequence[Row], measures: Sequence[str]) -> list[Grid]:
    """Return a table for each collection and judgement set, in the rows' order."""
    groups = group_rows(rows)
    titles = title_groups(groups)
    return [_make_grid(titles[key], group, measures) for key, group in groups.items()]


def _make_grid(title: str, rows: Sequence[Row], measures: Sequence[str]) -> Grid:
    shown = [measure for measure in measures if any(measure in row.measures for row in rows)]
    best = find_best([row for row in rows if row.seed_of is None], shown)
    notes = list_table_notes(rows, shown)
    more, facts = list_extra_columns(rows, shown), list_fact_columns(rows, shown)
    body = []
    for row in rows:
        cells = [Cell(row.system + warn_of_test_data(row))]
        for measure in shown:
            value = row.measures.get(measure)
            if value is None:
                cells.append(Cell("-", number=True))
            else:
                top = row.seed_of is None and round_as_printed(row, measure) == best.get((measure, row.zero_shot))
                cells.append(
                    Cell(
                        _format_cell(row, measure, len(rows)),
                        number=True,
                        best=top,
                    )
                )
        cells += [Cell(read(row), number=True) for read in more.values()]
        cells += [Cell(read(row) if row.status == "ok" else "-", number=True, fact=True) for read in facts.values()]
        body.append(cells)
    return Grid(title, ["system", *shown, *more, *facts], body, [*notes, *list_lacking_values(rows, shown)])


def _format_cell(row: Row, measure: str, n_rows: int) -> str:
    """Return a value as a cell has it: over seeds with its spread, and with what tests say of it."""
    return (
        f"{show_value(measure, row.measures[measure])}{format_spread(row, measure)}{format_mark(row, measure, n_rows)}"
    )


def format_text(rows: Sequence[Row], measures: Sequence[str], details: Sequence[Grid] = ()) -> str:
    """Return the leaderboard as aligned text, with more tables behind it."""
    tables = map(align_grid, (*make_grids(rows, measures), *details))
    return "\n\n".join([*tables, "\n".join(map(wrap_note, list_footnotes(rows)))])


def format_markdown(rows: Sequence[Row], measures: Sequence[str], details: Sequence[Grid] = ()) -> str:
    """Return the leaderboard as Markdown, with more tables behind it."""
    tables = map(format_markdown_grid, (*make_grids(rows, measures), *details))
    return "\n\n".join(["# Leaderboard", *tables, "\n".join(f"- {note}" for note in list_footnotes(rows))]) + "\n"
