"""All tables that stand behind a leaderboard: on the page, in Markdown, and in a terminal where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

from nirank.report.differences import difference_grids
from nirank.report.grid import Grid
from nirank.report.sensitivity import sensitivity_grids
from nirank.report.stages import stage_grids
from nirank.report.trainings import training_grids
from nirank.results.row import Row


def detail_grids(rows: Sequence[Row], measures: Sequence[str]) -> list[Grid]:
    """Return recall after each stage, intervals and differences, ties and unjudged documents, training and tuning."""
    return [
        *stage_grids(rows, measures),
        *difference_grids(rows, measures),
        *sensitivity_grids(rows, measures),
        *training_grids(rows),
    ]
