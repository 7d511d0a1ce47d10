"""The files of a run's folder; their names are stable."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nirank.base.identity import Digester, digest
from nirank.base.secrets import mask_secrets
from nirank.flow.pair_files import write_pairs
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.flow.trec import write_run
from nirank.report.details import make_detail_grids
from nirank.report.folder import Large, format_json, write_folder
from nirank.report.names import Key, name_run_files
from nirank.report.page import render_page
from nirank.report.plain import to_plain
from nirank.report.table import format_markdown
from nirank.report.written import list_written_sets, name_written_file
from nirank.results.leaderboard import VERSION
from nirank.results.row import Row

_NAMES = ("collection", "split", "qrels", "system", "seed_of", "measures", "nulls", "twins")  # of a row; these stay
LOST_COLUMNS = ("qrels", "query_id", "document_id", "last_in")
_PAIRS = ("candidates", "per_record", "matches", "kept")
_COSTS = ("ms_per_query", "loading_s", "index_s", "training_s", "parameters", "device_s")
_Line = Mapping[str, Any]


def write_results(
    folder: Path,
    rows: Sequence[Row],
    *,
    measures: Sequence[str],
    manifest: Mapping[str, Any],
    findings: Mapping[str, Sequence[Any]],
    comparisons: Sequence[Mapping[str, Any]],
    runs: Mapping[Key, Pairs],
    lost: Mapping[Key, Sequence[Sequence[str | None]]] | None = None,
    evidence: Mapping[Key, Callable[[], Iterable[_Line]]],
    drawings: Mapping[str, str],
    written: Mapping[str, Callable[[], Iterable[_Line]]] | None = None,
) -> None:
    """Write leaderboard.json, .md and .csv, report.html, manifest.json, the run files, lost matches and evidence files.

    written  the tables of written queries, by address

    A ranking whose ids a TREC file cannot hold is written as Parquet, and that is said. Candidates without order are
    always Parquet, `.pairs.parquet`, of query and document. What else is in the folder: see `write_folder`.
    """
    rows, manifest = [_mask_row(row) for row in rows], to_plain(manifest)
    masked = {name: mask_secrets(manifest[name]) for name in ("config", "systems", "command") if name in manifest}
    manifest = {**manifest, **masked}
    drawings = {name: mask_secrets(drawing) for name, drawing in drawings.items()}
    addresses = {(row.collection, row.split, row.system): row.address for row in rows}
    large: dict[str, Large] = {}
    lost_matches = lost or {}
    for key, path in name_run_files(list(runs)).items():
        pairs, stem = runs[key], path.removesuffix(".run.gz")
        content = _digest_content(addresses.get(key, ""), pairs)
        if isinstance(pairs, Ranking):
            table = f"{stem}.run.parquet", partial(write_run, pairs)
            large[path] = Large(content, partial(write_run, pairs, tag=stem.rpartition("/")[2]), table)
        else:
            large[f"{stem}.pairs.parquet"] = Large(content, partial(write_pairs, pairs))
        if key in lost_matches:
            large[f"{stem}.lost.csv"] = Large(
                digest([list(row) for row in lost_matches[key]]), partial(_write_lost, lost_matches[key])
            )
        if key in evidence:
            large[f"{stem.replace('runs/', 'evidence/', 1)}.tsv.gz"] = Large(
                content, partial(_write_table, evidence[key])
            )
    for queries in list_written_sets(rows):
        if written and queries.address in written:
            fill = partial(_write_table, written[queries.address])
            large[name_written_file(queries)] = Large(queries.address, fill)
    details = make_detail_grids(rows, measures)
    texts = {
        "leaderboard.json": format_json({"version": VERSION, "rows": rows, "comparisons": comparisons}),
        "leaderboard.md": format_markdown(rows, measures, details),
        "leaderboard.csv": format_csv(rows, measures),
        "report.html": render_page(rows, measures, manifest, findings, drawings, details),
    }
    write_folder(folder, manifest, texts, large)


def _mask_row(row: Row) -> Row:
    """Return a row without values from the environment; names of collections and systems stay."""
    names = [field.name for field in fields(row) if field.name not in _NAMES]
    return replace(row, **{name: mask_secrets(getattr(row, name)) for name in names})


def _digest_content(address: str, pairs: Pairs) -> str:
    """Return a digest of what a run file says: the recipe and its collection, and the arrays."""
    digester = Digester()
    digester.add(address)
    for array in (pairs.offsets, pairs.rows, *((pairs.scores,) if isinstance(pairs, Ranking) else ())):
        digester.add_bytes(np.ascontiguousarray(array).tobytes())
    return digester.hexdigest()


def _write_lost(rows: Sequence[Sequence[str | None]], path: Path) -> None:
    """Write the matches that a system lacks as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(LOST_COLUMNS)
        writer.writerows(rows)


def _write_table(rows: Callable[[], Iterable[_Line]], path: Path) -> None:
    """Write rows as tab-separated values; what holds a tab, a line break or a quote stands in quotes."""
    with gzip.GzipFile(path, "wb", mtime=0) as packed, io.TextIOWrapper(packed, encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        for number, row in enumerate(rows()):
            if not number:
                writer.writerow(row)
            writer.writerow(row.values())


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
