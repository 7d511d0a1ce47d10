"""The files of a run's folder; their names are stable."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from nirank.base.secrets import mask_secrets
from nirank.report.detail_files import write_details
from nirank.report.details import make_detail_grids
from nirank.report.folder import Large, format_json, rewrite_texts, write_folder
from nirank.report.latex import format_latex
from nirank.report.names import name_query_sets
from nirank.report.page import render_page
from nirank.report.pair_counts import digest_pair_counts, write_pair_counts
from nirank.report.per_query import digest_values, write_per_query
from nirank.report.plain import to_plain
from nirank.report.report import Report
from nirank.report.table import format_markdown
from nirank.results.leaderboard import VERSION
from nirank.results.query_detail import DetailSource
from nirank.results.query_set import SetKey
from nirank.results.row import Row

_NAMES = ("collection", "split", "qrels", "system", "seed_of", "measures", "nulls", "twins")  # of a row; these stay
_MASKED = ("config", "systems", "command")  # of a manifest
_PAIRS = ("candidates", "per_record", "matches", "kept")
_COSTS = ("ms_per_query", "loading_s", "index_s", "training_s", "parameters", "device_s")


def write_report(
    folder: Path,
    report: Report,
    *,
    run_files: Mapping[str, Large] | None = None,
    details: Mapping[SetKey, DetailSource] | None = None,
    intervals: bool = False,
) -> None:
    """Write leaderboard.json, .md, .csv and .tex, report.html, manifest.json, and the queries one by one.

    run_files  more files, by name; see `list_run_files`
    details    of queries, by collection, split and judgement set
    intervals  in leaderboard.tex, beside the means

    Where there are query sets, per_query.parquet has their values and details/SET/queries.json the rest of each, with
    scripts beside it that have the details; where pairs are counted, pair_counts.parquet has what each record adds to
    their measures. What else is in the folder: see `write_folder`.
    """
    names, sources = name_query_sets(report.query_sets), details or {}
    report = replace(
        mask_report(report),
        query_sets=[
            replace(each, folder=names[each.key] if each.key in sources else None) for each in report.query_sets
        ],
    )
    contents = {"version": VERSION, "rows": report.rows, "comparisons": report.comparisons}
    texts = {"leaderboard.json": format_json(contents), **_format_pages(report, intervals=intervals)}
    large = dict(run_files or {})
    if report.query_sets:
        large["per_query.parquet"] = Large(
            digest_values(report.query_sets), partial(write_per_query, report.query_sets)
        )
    if any(each.pair_counts for each in report.query_sets):
        large["pair_counts.parquet"] = Large(
            digest_pair_counts(report.query_sets), partial(write_pair_counts, report.query_sets)
        )
    folders = {
        f"details/{names[each.key]}": partial(write_details, each, sources.get(each.key)) for each in report.query_sets
    }
    write_folder(folder, dict(report.manifest), texts, large, folders)


def rewrite_pages(folder: Path, report: Report, *, intervals: bool = False) -> None:
    """Write leaderboard.md, .csv and .tex and report.html of a saved report into its folder again, and nothing else."""
    rewrite_texts(folder, _format_pages(mask_report(report), intervals=intervals))


def _format_pages(report: Report, *, intervals: bool) -> dict[str, str]:
    """Return the files that people look at, by name."""
    grids = make_detail_grids(report.rows, report.measures)
    return {
        "leaderboard.md": format_markdown(report.rows, report.measures, grids),
        "leaderboard.csv": format_csv(report.rows, report.measures),
        "leaderboard.tex": format_latex(report.rows, report.measures, intervals=intervals),
        "report.html": render_page(report),
    }


def mask_report(report: Report) -> Report:
    """Return a report without values from the environment; names of collections and systems stay."""
    manifest: dict[str, Any] = to_plain(report.manifest)
    manifest |= {name: mask_secrets(manifest[name]) for name in _MASKED if name in manifest}
    for name in ("findings", "drawings"):
        if name in manifest:
            manifest[name] = {key: mask_secrets(value) for key, value in manifest[name].items()}
    if "plan" in manifest:
        manifest["plan"] = [{**node, "label": mask_secrets(node["label"])} for node in manifest["plan"]]
    return replace(report, rows=[_mask_row(row) for row in report.rows], manifest=manifest)


def _mask_row(row: Row) -> Row:
    names = [field.name for field in fields(row) if field.name not in _NAMES]
    return replace(row, **{name: mask_secrets(getattr(row, name)) for name in names})


def format_csv(rows: Sequence[Row], measures: Sequence[str]) -> str:
    """Return rows as the text of a CSV file, a column for each measure; what has no value is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    facts = ("collection", "split", "qrels", "system", "status", "depth")
    counts = ("declared", "judged", "answered")
    twins = [name for name in measures if any(name in row.twins for row in rows)]
    pairs = _PAIRS if any(row.pairs for row in rows) else ()
    shared = [f"{name} (equal texts share labels)" for name in twins]
    of_pairs = [f"pairs: {name.replace('_', ' ')}" for name in pairs]
    writer.writerow([*facts, *counts, *measures, *shared, *of_pairs, *_COSTS, "devices", "pipeline"])
    for row in rows:
        values: list[Any] = [getattr(row, name) for name in facts]
        values += [getattr(row.queries, name) for name in counts]
        values += [row.measures.get(name) for name in measures]
        values += [row.twins.get(name) for name in twins]
        values += [None if row.pairs is None else getattr(row.pairs, name) for name in pairs]
        values += [getattr(row.cost, name) for name in _COSTS]
        writer.writerow([*values, ", ".join(row.cost.devices), row.pipeline])
    return out.getvalue()
