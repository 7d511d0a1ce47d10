"""Folders of results as the runs that a leaderboard is merged from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from nirank.base.files import expand_path
from nirank.errors import ConfigError
from nirank.report.report import Report
from nirank.report.saved_report import read_report
from nirank.results.groups import JudgedSplit, group_rows
from nirank.results.query_set import QuerySet
from nirank.results.row import Row

RunPaths = Sequence[str | Path] | Mapping[str, str | Path]


@dataclass(frozen=True)
class SavedRun:
    """A folder of results, under the name by which a merged leaderboard speaks of it."""

    name: str
    folder: Path
    report: Report

    @cached_property
    def tables(self) -> dict[JudgedSplit, list[Row]]:
        """The rows of each collection, split and judgement set; means over collections aside."""
        return group_rows(row for row in self.report.rows if row.summary_of is None)

    @cached_property
    def query_sets(self) -> dict[JudgedSplit, QuerySet]:
        """The queries one by one, where the folder has them."""
        return {JudgedSplit(*each.key): each for each in self.report.query_sets}

    @cached_property
    def groups(self) -> dict[str, str]:
        """Which group each collection is averaged in."""
        return {name: row.collection for row in self.report.rows for name in row.summary_of or ()}

    def describe_collection(self, key: JudgedSplit) -> Mapping[str, Any]:
        """Return what the manifest says of a collection: its digests, counts, where it came from."""
        for entry in self.report.manifest.get("collections") or ():
            if (entry.get("name"), entry.get("split")) == (key.collection, key.split):
                return dict(entry)
        return {}

    def get_digest(self, key: JudgedSplit, what: str) -> str | None:
        """Return the digest of the documents, queries, candidates or of a judgement set; None where none is known."""
        digests = self.describe_collection(key).get("digests") or {}
        found = digests.get(what)
        return None if found is None else str(found)


def read_runs(folders: RunPaths) -> list[SavedRun]:
    """Read folders of results, named as given, or by as much of their paths as makes them differ."""
    if isinstance(folders, Mapping):
        named = {str(name): expand_path(path) for name, path in folders.items()}
    else:
        named = _name_folders([expand_path(path) for path in folders])
    if not named:
        raise ConfigError("report: no folders of results; expected at least one")
    return _adopt_collections([SavedRun(name, folder, read_report(folder)) for name, folder in named.items()])


def _name_folders(folders: Sequence[Path]) -> dict[str, Path]:
    whole = [folder.absolute() for folder in folders]
    twice = next((folder for at, folder in enumerate(folders) if whole[at] in whole[:at]), None)
    if twice is not None:
        raise ConfigError(f"report: {twice} is given twice; expected every run once")
    depth = max((len(folder.parts) for folder in whole), default=1)
    for parts in range(1, depth + 1):
        names = ["/".join(folder.parts[-parts:]) for folder in whole]
        if len(set(names)) == len(names):
            break
    return dict(zip(names, folders, strict=True)) if folders else {}


def _adopt_collections(runs: Sequence[SavedRun]) -> list[SavedRun]:
    """Let evaluated run files stand in the table of the collection that has their judgements.

    A leaderboard of run files knows judgements and no collection, and is called as their file is. Where the others have
    several tables of these judgements (of other queries, say), it stays a table of its own.
    """
    adopted = []
    for run in runs:
        homes: dict[JudgedSplit, JudgedSplit] = {}
        for key in run.tables:
            judged = run.get_digest(key, str(key.qrels))
            if judged is None or run.get_digest(key, "docs") is not None:
                continue
            found = {
                other
                for each in runs
                for other in each.tables
                if each.get_digest(other, "docs") is not None and each.get_digest(other, str(other.qrels)) == judged
            }
            if len(found) == 1:
                homes[key] = found.pop()
        adopted.append(_move_tables(run, homes) if homes else run)
    return adopted


def _move_tables(run: SavedRun, homes: Mapping[JudgedSplit, JudgedSplit]) -> SavedRun:
    """Return a run some of whose tables have the names of other collections."""
    report = run.report
    rows = []
    for row in report.rows:
        home = homes.get(JudgedSplit(row.collection, row.split, row.qrels))
        rows.append(row if home is None else replace(row, **home._asdict()))
    query_sets = [
        replace(each, **homes[JudgedSplit(*each.key)]._asdict()) if each.key in homes else each
        for each in report.query_sets
    ]
    comparisons = []
    for each in report.comparisons:
        key = JudgedSplit(each["collection"], each["split"], each["qrels"])
        comparisons.append({**each, **homes.get(key, key)._asdict()})
    collections = []
    for entry in report.manifest.get("collections") or ():
        homed = next((home for key, home in homes.items() if key[:2] == (entry.get("name"), entry.get("split"))), None)
        if homed is None:
            collections.append(entry)
            continue
        old = next(key for key, home in homes.items() if home == homed)
        digests = dict(entry.get("digests") or {})
        digests[str(homed.qrels)] = digests.pop(str(old.qrels))
        collections.append({**entry, "name": homed.collection, "split": homed.split, "digests": digests})
    manifest = {**report.manifest, "collections": collections}
    moved = replace(report, rows=rows, query_sets=query_sets, comparisons=comparisons, manifest=manifest)
    return replace(run, report=moved)
