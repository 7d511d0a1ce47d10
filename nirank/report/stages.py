"""Tables of recall after each stage: what is left to find in every list on the way to a system's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nirank.report.grid import Cell, Grid, format_value
from nirank.results.groups import JudgedSplit, group_rows
from nirank.results.row import Row, StagePairs, StageRecall


def make_stage_grids(rows: Sequence[Row], measures: Sequence[str]) -> list[Grid]:
    """Return a table for each collection and judgement set; a list that several systems share has one line.

    `best` is the first measure's mean if the list were put into the best order. Where no system has more than one list
    there is nothing to say, unless pairs are counted.
    """
    tables = group_rows(row for row in rows if row.stages)
    return [
        _make_pair_grid(key, table) if any(row.pairs for row in table) else _make_recall_grid(key, table, measures)
        for key, table in tables.items()
        if any(len(row.stages) > 1 or row.pairs for row in table)
    ]


def _make_recall_grid(key: JudgedSplit, rows: Sequence[Row], measures: Sequence[str]) -> Grid:
    measure = next((name for name in measures if name in rows[0].stages[0].best), None)
    body = []
    for stage, systems in _list_stages(rows):
        relevant = f"{stage.relevant:,} of {stage.total:,}"
        cells = [relevant, f"{stage.recall:.4f}", *([format_value(measure, stage.best[measure])] if measure else [])]
        body.append([Cell(stage.stage), Cell(", ".join(systems)), *(Cell(text, number=True) for text in cells)])
    head = ["stage", "systems", "relevant", "recall", *([f"best {measure}"] if measure else [])]
    return Grid(f"Recall after each stage: {key.title}", head, body, ())


def _make_pair_grid(key: JudgedSplit, rows: Sequence[Row]) -> Grid:
    body = []
    for stage, systems in _list_stages(rows):
        pairs = stage.pairs or StagePairs(0, 0.0, 0, 0)
        matches = f"{pairs.kept:,} of {pairs.kept + pairs.lost:,}"
        cells = [matches, f"{pairs.lost:,}", f"{pairs.candidates:,}", f"{pairs.per_record:,.2f}"]
        body.append([Cell(stage.stage), Cell(", ".join(systems)), *(Cell(text, number=True) for text in cells)])
    notes = [
        f"{row.system}: {row.pairs.reached:,} of {row.pairs.with_match:,} records with a match keep one."
        for row in rows
        if row.pairs
    ]
    head = ["stage", "systems", "matches kept", "lost", "candidates", "candidates a record"]
    return Grid(f"Matches after each stage: {key.title}", head, body, notes)


def _list_stages(rows: Sequence[Row]) -> list[tuple[StageRecall, list[str]]]:
    """Return the distinct lists, and the systems on whose way each lies."""
    stages: dict[str, tuple[StageRecall, list[str]]] = {}
    for row in rows:
        for stage in row.stages:
            systems = stages.setdefault(repr(replace(stage, sources=())), (stage, []))[1]
            if row.system not in systems:
                systems.append(row.system)
    return list(stages.values())
