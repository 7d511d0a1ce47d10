"""Tables of what systems cost: a line a system, a column for whatever was measured."""

from __future__ import annotations

from collections.abc import Sequence

from nirank.plan.costs import SystemCost
from nirank.report.columns import list_fact_columns
from nirank.report.grid import Cell, Grid
from nirank.results.groups import group_rows
from nirank.results.row import Row

COSTS = ("index s", "training s", "parameters", "device s", "device")  # which leaderboards leave to these tables
_OF_QUERIES = ("ms/query", "ms/record")


def make_cost_grids(rows: Sequence[Row]) -> list[Grid]:
    """Return a table for each collection and judgement set; nothing of what has no cost, as means over collections."""
    tables = group_rows(row for row in rows if row.seed_of is None and row.cost != SystemCost())
    grids = []
    for key, table in tables.items():
        columns = {head: read for head, read in list_fact_columns(table, ()).items() if head in (*_OF_QUERIES, *COSTS)}
        body = [
            [Cell(row.system), *(Cell(read(row), number=True, fact=True) for read in columns.values())] for row in table
        ]
        grids.append(Grid(f"Costs: {key.title}", ["system", *columns], body, ()))
    return grids
