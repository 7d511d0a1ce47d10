"""Recall by depth: what share of the relevant documents stands among the first of a list."""

from __future__ import annotations

from collections.abc import Sequence

from nirank.report.charts.lines import draw_lines
from nirank.report.charts.theme import Spec, SystemStyles
from nirank.results.row import Row


def draw_depth(rows: Sequence[Row], styles: SystemStyles) -> Spec | None:
    """Return the chart of the systems of one table; None where no list has two depths."""
    shown = [row for row in rows if row.seed_of is None and len(row.recall_by_depth) > 1]
    if not shown:
        return None
    values = [
        {"system": row.system, "depth": depth, "recall": round(recall, 4)}
        for row in shown
        for depth, recall in row.recall_by_depth
    ]
    return draw_lines(
        values,
        [row.system for row in shown],
        styles,
        {
            "field": "depth",
            "type": "quantitative",
            "scale": {"type": "log", "nice": False},
            "axis": {"title": "documents read of each list (log scale)", "format": "~g", "tickCount": 6, "grid": False},
        },
        {
            "field": "recall",
            "type": "quantitative",
            "scale": {"domainMin": 0, "nice": True},
            "axis": {"title": "recall", "format": ".0%", "tickCount": 5},
        },
    )
