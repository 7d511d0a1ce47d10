"""All tables that stand behind a leaderboard: on the page, in Markdown, and in a terminal where they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

from nirank.report.costs import make_cost_grids
from nirank.report.counts import make_count_grids
from nirank.report.diagnostics import make_diagnostic_grids
from nirank.report.differences import make_difference_grids
from nirank.report.grid import Grid
from nirank.report.seeds import list_representatives, make_seed_grids
from nirank.report.sensitivity import make_sensitivity_grids
from nirank.report.stages import make_stage_grids
from nirank.report.stopping import make_stopping_grids
from nirank.report.survival import make_survival_grids
from nirank.report.topics import make_topic_grids
from nirank.report.trainings import make_training_grids
from nirank.report.written import make_written_grids
from nirank.results.row import Row

_FEW = 16  # lines that a reader takes in beside the leaderboard


def make_brief_grids(rows: Sequence[Row], measures: Sequence[str]) -> list[Grid]:
    """Return the tables that a terminal shows unasked: what each stage lost, where these are few lines."""
    grids = make_stage_grids(list_representatives(rows), measures)
    return grids if sum(len(grid.body) for grid in grids) <= _FEW else []


def make_detail_grids(rows: Sequence[Row], measures: Sequence[str]) -> list[Grid]:
    """Return all tables, in the order in which they are read: first what was found, last what made it."""
    return [
        *make_stage_grids(list_representatives(rows), measures),
        *make_survival_grids(rows),
        *make_stopping_grids(rows),
        *make_diagnostic_grids(rows),
        *make_difference_grids(rows, measures),
        *make_seed_grids(rows, measures),
        *make_topic_grids(rows, measures),
        *make_sensitivity_grids(list_representatives(rows), measures),
        *make_cost_grids(rows),
        *make_count_grids(rows),
        *make_training_grids(rows),
        *make_written_grids(rows),
    ]
