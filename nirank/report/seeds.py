"""Tables of single seeds, which leaderboards leave behind their mean."""

from __future__ import annotations

from collections.abc import Sequence

from nirank.report.columns import list_extra_columns, list_fact_columns, show_value
from nirank.report.grid import Cell, Grid
from nirank.results.groups import group_rows
from nirank.results.row import Row


def list_representatives(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of all systems, of each that has several seeds the mean and the first single one."""
    seen: set[tuple[str, str | None, str | None, str]] = set()
    kept = []
    for row in rows:
        if row.seed_of is not None:
            key = (row.collection, row.split, row.qrels, row.seed_of)
            if key in seen:
                continue
            seen.add(key)
        kept.append(row)
    return kept


def make_seed_grids(rows: Sequence[Row], measures: Sequence[str]) -> list[Grid]:
    """Return a table for each collection and judgement set: the values of every seed, and what it cost."""
    tables = group_rows(row for row in rows if row.seed_of is not None)
    grids = []
    for key, table in tables.items():
        shown = [measure for measure in measures if any(measure in row.measures for row in table)]
        columns = {**list_extra_columns(table, shown), **list_fact_columns(table, shown)}
        body = [
            [
                Cell(row.system),
                *(Cell(show_value(measure, row.measures.get(measure)), number=True) for measure in shown),
                *(Cell(read(row) if row.status == "ok" else "-", number=True) for read in columns.values()),
            ]
            for row in table
        ]
        notes = [f"{row.system} failed: {row.error}" for row in table if row.status != "ok"]
        grids.append(Grid(f"Single seeds: {key.title}", ["system", *shown, *columns], body, notes))
    return grids
