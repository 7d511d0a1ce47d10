"""The table and files of a protocol, whose measures are those of a published script: measures down, runs across."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nirank.evaluation.clef_tar import TarEvaluation, Year, format_value
from nirank.report.files import as_csv
from nirank.report.folder import as_json, write_folder
from nirank.report.grid import Cell, Grid, marked_down
from nirank.results.leaderboard import VERSION
from nirank.results.row import Row


def protocol_grid(title: str, found: Mapping[str, TarEvaluation], year: Year) -> Grid:
    """Return the ALL lines of runs, by name, as the year's script prints them."""
    counts = {
        "topics": [len(one.per_topic) for one in found.values()],
        "skipped": [len(one.skipped) for one in found.values()],
        "absent": [len(one.absent) for one in found.values()],
    }
    body = [[Cell(name), *(Cell(str(n), number=True) for n in listed)] for name, listed in counts.items()]
    for name in dict.fromkeys(name for one in found.values() for name in one.overall):
        told = [format_value(one.overall[name], year, name) if name in one.overall else "-" for one in found.values()]
        body.append([Cell(name), *(Cell(text, number=True) for text in told)])
    notes = [
        f"{name}: {what} {', '.join(topics)}."
        for name, one in found.items()
        for what, topics in (
            ("skipped, since they have no relevant record among the labels,", one.skipped),
            ("labelled, and counted nowhere since the run lacks them,", one.absent),
        )
        if topics
    ]
    return Grid(title, ["", *found], body, notes)


def write_protocol(
    folder: Path,
    grid: Grid,
    rows: Sequence[Row],
    found: Mapping[str, TarEvaluation],
    year: Year,
    manifest: Mapping[str, Any],
) -> None:
    """Write leaderboard.json, .md and .csv, topics.csv with the values of each topic, and manifest.json.

    topics.csv  run, topic, measure, value, and the value as the script prints it
    """
    names = list(dict.fromkeys(name for one in found.values() for name in one.overall))
    texts = {
        "leaderboard.json": as_json({"version": VERSION, "rows": rows, "comparisons": []}),
        "leaderboard.md": f"# Leaderboard\n\n{marked_down(grid)}\n",
        "leaderboard.csv": as_csv(rows, names),
        "topics.csv": _topics(found, year),
    }
    write_folder(folder, manifest, texts)


def _topics(found: Mapping[str, TarEvaluation], year: Year) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("run", "topic", "measure", "value", "printed"))
    for run, one in found.items():
        for topic, values in one.per_topic.items():
            for name, value in values.items():
                writer.writerow((run, topic, name, value, format_value(value, year, name)))
    return out.getvalue()
