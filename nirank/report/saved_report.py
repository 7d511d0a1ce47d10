"""A folder of results is read back as a report."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nirank.base.files import expand_path
from nirank.errors import DataError
from nirank.report.detail_files import QUERIES, read_query_set
from nirank.report.folder import MANIFEST
from nirank.report.pair_counts import read_pair_counts
from nirank.report.per_query import encode_name, read_per_query
from nirank.report.plain import to_plain
from nirank.report.report import Report
from nirank.results.leaderboard import read_leaderboard
from nirank.results.query_set import QuerySet, SetKey
from nirank.results.row import Row

log = logging.getLogger("nirank")

PER_QUERY = "per_query.parquet"
PAIR_COUNTS = "pair_counts.parquet"

_ADDED: Mapping[str, type] = {"findings": dict, "drawings": dict, "plan": list}  # by version 2 of the manifest


def read_report(folder: str | Path) -> Report:
    """Read what `write_report` wrote, or an earlier nirank, whose folders have no queries one by one.

    Raises DataError for a folder without a leaderboard, and for files that are no such files.
    """
    place = expand_path(folder)
    leaderboard = read_leaderboard(place / "leaderboard.json")
    manifest = _read_manifest(place / MANIFEST)
    measures = manifest.get("measures") or dict.fromkeys(name for row in leaderboard.rows for name in row.measures)
    return Report(
        rows=list(leaderboard.rows),
        measures=tuple(measures),
        comparisons=to_plain(leaderboard.comparisons),
        manifest={**manifest, **{name: manifest.get(name) or kind() for name, kind in _ADDED.items()}},
        query_sets=_read_query_sets(place, leaderboard.rows),
    )


def _read_manifest(path: Path) -> dict[str, Any]:
    """Return what a manifest says, its list of files aside; nothing where there is none."""
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: is no manifest that can be read ({error})") from None
    if not isinstance(manifest, dict):
        raise DataError(f"{path}: is no manifest; expected a mapping, got {type(manifest).__name__}")
    return {name: value for name, value in manifest.items() if name != "files"}


def _read_query_sets(place: Path, rows: tuple[Row, ...]) -> list[QuerySet]:
    names = {
        encode_name(name): name
        for row in rows
        for name in (row.collection, row.split, row.qrels, row.system, *row.measures)
        if name
    }
    values = read_per_query(place / PER_QUERY, names) if (place / PER_QUERY).exists() else {}
    sets = {key: QuerySet(*key, ids=ids, values=by_system) for key, (ids, by_system) in values.items()}
    for path in sorted(place.glob(f"details/*/{QUERIES}")):
        query_set = read_query_set(path)
        of_values = sets.get(query_set.key, query_set)
        if query_set.ids == of_values.ids:
            sets[query_set.key] = replace(query_set, values={**query_set.values, **of_values.values})
        else:  # a run was killed when it had written one of both
            log.warning("%s: has other queries than %s, and is not read; write the results again", path, PER_QUERY)
    counts = read_pair_counts(place / PAIR_COUNTS, names) if (place / PAIR_COUNTS).exists() else {}
    sets = {key: replace(each, pair_counts=counts.get(key, {})) for key, each in sets.items()}
    order: dict[SetKey, None] = dict.fromkeys((row.collection, row.split, row.qrels) for row in rows)
    return [sets[key] for key in order if key in sets]
