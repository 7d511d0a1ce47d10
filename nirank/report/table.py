"""Rows as leaderboards: which columns a table has, and what stands in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nirank.report.columns import (
    TWINS,
    find_best,
    format_mark,
    format_spread,
    list_extra_columns,
    list_fact_columns,
    round_as_printed,
    show_value,
    warn_of_test_data,
)
from nirank.report.costs import COSTS
from nirank.report.grid import Cell, Grid, format_markdown_grid
from nirank.report.notes import list_footnotes, list_lacking_values, list_table_notes
from nirank.report.seeds import list_representatives
from nirank.report.text import align_grid, wrap_note
from nirank.report.verdict import judge_table
from nirank.results.groups import group_rows, title_groups
from nirank.results.row import Row

_SHARED = ("queries", "records", "depth")
_DEPTHS = {"all": "lists to their end", "pairs": "candidates without order"}


def make_grids(rows: Sequence[Row], measures: Sequence[str]) -> list[Grid]:
    """Return a table for each collection and judgement set, in the rows' order; single seeds stand behind their mean.

    What is the same for all systems is said above the table; costs but the query's are a table of their own.
    """
    groups = group_rows(list_representatives(rows))
    titles = title_groups(groups)
    return [_make_grid(titles[key], group, measures) for key, group in groups.items()]


def _make_grid(title: str, group: Sequence[Row], measures: Sequence[str]) -> Grid:
    """Return the table of systems; notes are about the first single seed of each too."""
    rows = [row for row in group if row.seed_of is None]
    shown = [measure for measure in measures if any(measure in row.measures for row in rows)]
    best = find_best(rows, shown)
    notes = list_table_notes(group, shown)
    shared, more, facts = _choose_columns(rows, shown)
    body = []
    for row in rows:
        cells = [Cell(row.system + warn_of_test_data(row))]
        for measure in shown:
            value = row.measures.get(measure)
            if value is None:
                cells.append(Cell("-", number=True))
            else:
                top = round_as_printed(row, measure) == best.get((measure, row.zero_shot))
                cells.append(Cell(_format_cell(row, measure, len(rows)), number=True, best=top))
        cells += [Cell(read(row), number=True) for read in more.values()]
        cells += [Cell(read(row) if row.status == "ok" else "-", number=True, fact=True) for read in facts.values()]
        body.append(cells)
    notes += list_lacking_values(rows, shown)
    verdict = judge_table(rows, measures)
    lead = f"{shared[0].upper()}{shared[1:]}. " if shared else ""
    lead += verdict.sentence if verdict else ""
    return Grid(title, ["system", *shown, *more, *facts], body, notes, lead.strip())


def _choose_columns(
    rows: Sequence[Row], shown: Sequence[str]
) -> tuple[str, dict[str, Callable[[Row], str]], dict[str, Callable[[Row], str]]]:
    """Return what all rows have in common, in words, and the columns of results and of facts that a table needs."""
    more = {head: read for head, read in list_extra_columns(rows, shown).items() if not head.endswith(TWINS)}
    measured = [row for row in rows if row.status == "ok"]
    facts, shared = {}, []
    for head, read in list_fact_columns(rows, shown).items():
        if head in _SHARED:
            values = {read(row) for row in measured}
            if len(values) > 1 or len(rows) < 2:
                facts[head] = read
            elif values:
                shared.append(_name_shared(head, *values))
        elif head not in COSTS and any(read(row) != "-" for row in measured):
            facts[head] = read
    return ", ".join(shared), more, facts


def _name_shared(head: str, value: str) -> str:
    """Return in words what stands in all cells of a column."""
    if head == "depth":
        return _DEPTHS.get(value, f"depth {value}")
    return f"{value} {head if value != '1' else {'queries': 'query', 'records': 'record'}[head]}"


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
