"""The report: all that a folder of results says, run files aside; its pages and tables are made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nirank.report.plots import Plots
from nirank.results.query_set import QuerySet
from nirank.results.row import Row


@dataclass(frozen=True)
class Report:
    """What is known of a run, or of several runs together.

    rows         as in leaderboard.json
    measures     names, in the order asked for
    comparisons  every two systems, tested, by collection, split and judgement set
    manifest     with the audit's `findings` by collection, each system's drawing in `drawings`, and the `plan`
    query_sets   the queries one by one
    """

    rows: Sequence[Row]
    measures: Sequence[str]
    comparisons: Sequence[Mapping[str, Any]]
    manifest: Mapping[str, Any]
    query_sets: Sequence[QuerySet] = ()

    @property
    def plot(self) -> Plots:
        """Charts for notebooks and papers."""
        return Plots(self.rows, self.measures, self.manifest, self.query_sets)
