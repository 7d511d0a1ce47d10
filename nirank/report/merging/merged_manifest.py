"""The manifest of a merged leaderboard: what all runs say, and each run on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nirank.report.manifest import make_manifest
from nirank.report.merging.saved_runs import SavedRun
from nirank.results.row import Row

_OF_RUN = ("began", "ended", "seconds", "command", "config_file", "config", "versions", "machine")


def merge_manifests(
    runs: Sequence[SavedRun],
    names: Sequence[Mapping[str, str]],
    rows: Sequence[Row],
    measures: Sequence[str],
    command: Sequence[str] | None,
) -> dict[str, Any]:
    """Return a manifest of the merge; `merged` has what is each run's: its name, folder, times, versions, machine."""
    systems: dict[str, str] = {}
    drawings: dict[str, str] = {}
    findings: dict[str, list[Any]] = {}
    collections: dict[tuple[str, str | None], Mapping[str, Any]] = {}
    plan: dict[str, dict[str, Any]] = {}
    for run, new in zip(runs, names, strict=True):
        manifest = run.report.manifest
        for of_all, own in ((systems, "systems"), (drawings, "drawings")):
            for name, text in (manifest.get(own) or {}).items():
                of_all.setdefault(new.get(name, name), text)
        for name, found in (manifest.get("findings") or {}).items():
            known = findings.setdefault(name, [])
            known += [each for each in found if each not in known]
        for entry in manifest.get("collections") or ():
            collections.setdefault((str(entry.get("name")), entry.get("split")), entry)
        for node in manifest.get("plan") or ():
            of_node = [new.get(name, name) for name in node.get("systems") or ()]
            earlier = plan.setdefault(str(node.get("id")), {**node, "systems": []})
            earlier["systems"] = list(dict.fromkeys([*earlier["systems"], *of_node]))
    merged = make_manifest(
        rows=rows,
        systems=systems,
        collections=list(collections.values()),
        measures=measures,
        began=None,
        seconds=sum(run.report.manifest.get("seconds") or 0.0 for run in runs),
        computed=(),
        findings=findings,
        drawings=drawings,
        plan=list(plan.values()),
        command=command,
    )
    return {**merged, "merged": [_describe_run(run, new) for run, new in zip(runs, names, strict=True)]}


def _describe_run(run: SavedRun, names: Mapping[str, str]) -> dict[str, Any]:
    """Return what is a run's own: which systems are its, as they are called now."""
    manifest = run.report.manifest
    systems = [names.get(name, name) for name in manifest.get("systems") or ()]
    return {
        "name": run.name,
        "folder": str(run.folder),
        "systems": systems,
        "collections": list(dict.fromkeys(key.collection for key in run.tables)),
        **{name: manifest.get(name) for name in _OF_RUN},
    }
