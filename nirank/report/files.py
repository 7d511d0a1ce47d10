"""The files of a run's folder; their names are stable."""

from __future__ import annotations

import csv
import gzip
import io
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nirank.errors import ConfigError, StageError
from nirank.identity import Digester
from nirank.ranking import Ranking
from nirank.report.differences import difference_grids
from nirank.report.grid import Row
from nirank.report.page import page
from nirank.report.plain import plain
from nirank.report.sensitivity import sensitivity_grids
from nirank.report.table import markdown
from nirank.report.trainings import training_grids
from nirank.trec import write_run

log = logging.getLogger("nirank")

_COSTS = ("ms_per_query", "index_s", "training_s", "parameters", "device_s")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
Key = tuple[str, str | None, str]


def run_paths(keys: Sequence[Key]) -> dict[Key, str]:
    """Return `runs/<collection>/<system>.run.gz` for each (collection, split, system).

    Characters outside A–Z a–z 0–9 . _ - become `_`; a second split of a collection adds `-<split>`.
    Raises ConfigError where two systems would share a file.
    """
    first_split: dict[str, str | None] = {}
    paths: dict[Key, str] = {}
    taken: dict[str, Key] = {}
    for collection, split, system in keys:
        more = "" if first_split.setdefault(collection, split) == split else f"-{split}"
        path = f"runs/{_safe(collection + more)}/{_safe(system)}.run.gz"
        key = (collection, split, system)
        if path.lower() in taken and taken[path.lower()] != key:
            one, other = (" / ".join(filter(None, each)) for each in (taken[path.lower()], key))
            raise ConfigError(f"'{one}' and '{other}' would share the file {path}; rename one")
        taken[path.lower()], paths[key] = key, path
    return paths


def _safe(name: str) -> str:
    safe = _UNSAFE.sub("_", name)
    return safe if safe.strip(".") else "_" * len(safe)


def check_names(collections: Sequence[tuple[str, str | None]], systems: Sequence[str]) -> None:
    """Raise ConfigError if the run files of an experiment would clash."""
    run_paths([(name, split, system) for name, split in collections for system in systems])


def write(
    folder: Path,
    rows: Sequence[Row],
    *,
    measures: Sequence[str],
    manifest: Mapping[str, Any],
    findings: Mapping[str, Sequence[Any]],
    comparisons: Sequence[Mapping[str, Any]],
    runs: Mapping[Key, Ranking],
    evidence: Mapping[Key, Callable[[], Iterable[Row]]],
    drawings: Mapping[str, str],
) -> None:
    """Write leaderboard.json, .md and .csv, report.html, manifest.json, the run files and evidence files.

    Each file is written aside and renamed. Files that an earlier run wrote here and this one does
    not are removed; nothing else in the folder is touched. A ranking whose ids a TREC
    file cannot hold is written as Parquet, and that is said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows, manifest = plain(rows), plain(manifest)
    before = _manifest_before(folder)
    addresses = {(row["collection"], row["split"], row["system"]): row["address"] for row in rows}
    written: dict[str, dict[str, Any]] = {}
    for key, path in run_paths(list(runs)).items():
        content = _content(addresses.get(key, ""), runs[key])
        fills: dict[str, Callable[[Path], Any]] = {path: partial(write_run, runs[key], tag=_safe(key[2]))}
        if key in evidence:
            fills[path.replace("runs/", "evidence/", 1).replace(".run.gz", ".tsv.gz")] = partial(_table, evidence[key])
        for name, fill in fills.items():
            there = before.get(name, {})
            if there.get("content") == content and there.get("bytes") == _size(folder / name):
                written[name] = there  # a big file that says the same already
                continue
            try:
                _aside(folder / name, fill)
                written[name] = {"content": content, "bytes": _size(folder / name)}
            except StageError as error:
                table = name.replace(".run.gz", ".run.parquet")
                _aside(folder / table, partial(write_run, runs[key]))
                written[table] = {"content": content, "bytes": _size(folder / table)}
                log.warning("no TREC run file: %s; written to %s instead", error, table)
    details = (*difference_grids(rows, measures), *sensitivity_grids(rows, measures), *training_grids(rows))
    texts = {
        "leaderboard.json": as_json({"version": 1, "rows": rows, "comparisons": comparisons}),
        "leaderboard.md": markdown(rows, measures, details),
        "leaderboard.csv": as_csv(rows, measures),
        "report.html": page(rows, measures, manifest, findings, drawings, details),
    }
    write_texts(folder, texts, manifest, written)


def write_texts(
    folder: Path,
    texts: Mapping[str, str],
    manifest: Mapping[str, Any],
    written: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Write texts by name, and manifest.json that lists them beside the files that are `written` already.

    Each file is written aside and renamed. Files that an earlier manifest lists and this one does not are removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before, there = _manifest_before(folder), written or {}
    files = {**there, **{name: {} for name in (*texts, "manifest.json")}}
    every = {**texts, "manifest.json": as_json({**manifest, "files": dict(sorted(files.items()))})}
    for name, text in every.items():
        _aside(folder / name, lambda beside, text=text: beside.write_text(text, encoding="utf-8"))  # type: ignore[misc]
    for name in before.keys() - files.keys():
        (folder / name).unlink(missing_ok=True)


def _manifest_before(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the files that the manifest of an earlier run lists, those inside the folder only."""
    try:
        listed = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["files"]
        inside = {name: told for name, told in listed.items() if not Path(name).is_absolute() and ".." not in name}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {name: told if isinstance(told, dict) else {} for name, told in inside.items()}


def _content(address: str, ranking: Ranking) -> str:
    """Return a digest of what a run file says: the recipe and its collection, and the arrays."""
    digest = Digester()
    digest.add(address)
    for array in (ranking.offsets, ranking.rows, ranking.scores):
        digest.add_bytes(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _table(rows: Callable[[], Iterable[Row]], path: Path) -> None:
    """Write rows as tab-separated values; what holds a tab, a line break or a quote stands in quotes."""
    with gzip.GzipFile(path, "wb", mtime=0) as packed, io.TextIOWrapper(packed, encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        for number, row in enumerate(rows()):
            if not number:
                writer.writerow(row)
            writer.writerow(row.values())


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _aside(path: Path, fill: Callable[[Path], Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".unfinished-{path.name}")
    try:
        fill(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def as_json(value: Any) -> str:
    """Return a value as the text of a JSON file."""
    return json.dumps(plain(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(rows: Sequence[Row], measures: Sequence[str]) -> str:
    """Return rows as the text of a CSV file, a column for each measure; what has no value is empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    facts = ("collection", "split", "qrels", "system", "status", "depth")
    counts = ("declared", "judged", "answered")
    twins = [name for name in measures if any(name in row.get("twins", {}) for row in rows)]
    shared = [f"{name} (twins share labels)" for name in twins]
    writer.writerow([*facts, *counts, *measures, *shared, *_COSTS, "devices", "pipeline"])
    for row in rows:
        values = [row["measures"].get(name) for name in measures]
        values += [row.get("twins", {}).get(name) for name in twins]
        costs = [row["cost"].get(name) for name in _COSTS] + [", ".join(row["cost"].get("devices", ()))]
        writer.writerow(
            [*(row[f] for f in facts), *(row["queries"][c] for c in counts), *values, *costs, row["pipeline"]]
        )
    return out.getvalue()
