"""The table and files of a protocol, whose measures are those of a published script: measures down, runs across."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nirank.evaluation.clef_tar import TarEvaluation, Year, format_value
from nirank.report.files import format_csv
from nirank.report.folder import format_json, write_folder
from nirank.report.grid import Cell, Grid, format_markdown_grid
from nirank.results.leaderboard import VERSION
from nirank.results.row import Row


def make_protocol_grid(title: str, evaluations: Mapping[str, TarEvaluation], year: Year) -> Grid:
    """Return the ALL lines of runs, by name, as the year's script prints them."""
    counts = {
        "topics": [len(evaluation.per_topic) for evaluation in evaluations.values()],
        "skipped": [len(evaluation.skipped) for evaluation in evaluations.values()],
        "absent": [len(evaluation.absent) for evaluation in evaluations.values()],
    }
    body = [[Cell(name), *(Cell(str(n), number=True) for n in listed)] for name, listed in counts.items()]
    for name in dict.fromkeys(name for evaluation in evaluations.values() for name in evaluation.overall):
        values = [
            format_value(evaluation.overall[name], year, name) if name in evaluation.overall else "-"
            for evaluation in evaluations.values()
        ]
        body.append([Cell(name), *(Cell(text, number=True) for text in values)])
    notes = [
        f"{name}: {what} {', '.join(topics)}."
        for name, evaluation in evaluations.items()
        for what, topics in (
            ("skipped, since they have no relevant record among the labels,", evaluation.skipped),
            ("labelled, and counted nowhere since the run lacks them,", evaluation.absent),
        )
        if topics
    ]
    return Grid(title, ["", *evaluations], body, notes)


def write_protocol(
    folder: Path,
    grid: Grid,
    rows: Sequence[Row],
    evaluations: Mapping[str, TarEvaluation],
    year: Year,
    manifest: Mapping[str, Any],
) -> None:
    """Write leaderboard.json, .md and .csv, topics.csv with the values of each topic, and manifest.json.

    topics.csv  run, topic, measure, value, and the value as the script prints it
    """
    names = list(dict.fromkeys(name for evaluation in evaluations.values() for name in evaluation.overall))
    texts = {
        "leaderboard.json": format_json({"version": VERSION, "rows": rows, "comparisons": []}),
        "leaderboard.md": f"# Leaderboard\n\n{format_markdown_grid(grid)}\n",
        "leaderboard.csv": format_csv(rows, names),
        "topics.csv": _format_topics(evaluations, year),
    }
    write_folder(folder, manifest, texts)


def _format_topics(evaluations: Mapping[str, TarEvaluation], year: Year) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("run", "topic", "measure", "value", "printed"))
    for run, evaluation in evaluations.items():
        for topic, values in evaluation.per_topic.items():
            for name, value in values.items():
                writer.writerow((run, topic, name, value, format_value(value, year, name)))
    return out.getvalue()
