"""Merge: one leaderboard of several folders of results, its systems compared with each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from nirank.base.files import expand_path
from nirank.evaluation.comparisons import Significance
from nirank.evaluation.evaluate import Evaluation
from nirank.evaluation.measures import is_of_pairs
from nirank.evaluation.pair_measures import PairCounts
from nirank.report.files import write_report
from nirank.report.merging.comparability import require_comparable
from nirank.report.merging.merged_details import DetailFolder, join_details, list_detailed
from nirank.report.merging.merged_manifest import merge_manifests
from nirank.report.merging.saved_runs import RunPaths, SavedRun, read_runs
from nirank.report.merging.system_names import find_new_names, fold_rows, rename_row
from nirank.report.plain import to_plain
from nirank.report.report import Report
from nirank.results.groups import JudgedSplit
from nirank.results.query_set import QuerySet, Signs
from nirank.results.row import Row
from nirank.results.row_comparisons import SystemKey, compare_rows
from nirank.results.summaries import summarise_groups

_UNTESTED = "not compared: {} has no values by query, which earlier versions did not write"

_OF_PAIRS = "measures of pairs need the counts of each record, which run files and earlier versions do not give"


@dataclass(frozen=True)
class _Table:
    """The rows of one collection, split and judgement set, and the runs that they are of."""

    rows: Sequence[Row]
    runs: Sequence[SavedRun]


def merge_reports(
    folders: RunPaths,
    out: str | Path | None = None,
    *,
    significance: Mapping[str, Any] | None = None,
    intervals: bool = False,
    command: Sequence[str] | None = None,
) -> Report:
    """Merge folders of results into one report.

    folders       of `nirank run`, `nirank evaluate` and `Result.save`; a mapping names them, else their paths do
    out           a folder to write it into, details of queries and all; run files stay where they are
    significance  how systems are compared, by the names of `Significance`; what is not given is as the runs have it,
                  where they agree
    intervals     in leaderboard.tex, beside the means
    command       for the manifest

    A system that two runs have, with the same address and values, has one row; different systems of one name are told
    apart by their runs' names. Systems of a table with rows of several runs are compared anew, query by query. Raises
    ConfigError, naming two runs and their first difference, for what cannot be compared: other judgements, queries,
    documents, candidates or conventions; DataError for what is no folder of results.
    """
    runs = read_runs(folders)
    require_comparable(runs)
    names = find_new_names(runs)
    by_run = {run.name: new for run, new in zip(runs, names, strict=True)}
    measures = tuple(dict.fromkeys(name for run in runs for name in run.report.measures))
    tables = _merge_tables(runs, names, measures)
    systems = list(dict.fromkeys(row.system for table in tables.values() for row in table.rows if row.seed_of is None))
    settings = _choose_settings(runs, significance or {}, systems)
    query_sets = {key: _merge_query_sets(key, runs, names) for key in tables}
    rows, comparisons = _compare_tables(tables, query_sets, settings, by_run, given=bool(significance))
    groups = {key[:2]: run.groups.get(key.collection) for key in tables for run in runs if key.collection in run.groups}
    rows += summarise_groups([row for row in rows if row.seed_of is None], groups)
    report = Report(
        rows=rows,
        measures=measures,
        comparisons=to_plain(comparisons),
        manifest=merge_manifests(runs, names, rows, measures, command),
        query_sets=[query_set for query_set in query_sets.values() if query_set is not None],
    )
    if out is not None:
        details = {
            query_set.key: join_details(_list_detail_folders(query_set, runs, names), query_set.ids)
            for query_set in report.query_sets
            if _list_detail_folders(query_set, runs, names)
        }
        write_report(expand_path(out), report, details=details, intervals=intervals)
    return report


def _list_detail_folders(
    query_set: QuerySet, runs: Sequence[SavedRun], names: Sequence[Mapping[str, str]]
) -> list[DetailFolder]:
    """Return where details of a table lie."""
    folders = []
    for run, new in zip(runs, names, strict=True):
        own = run.query_sets.get(JudgedSplit(*query_set.key))
        if own is not None and own.folder is not None:
            folders.append(DetailFolder(run.folder, own, _rename_rows(run, JudgedSplit(*own.key), new)))
    return folders


def _rename_rows(run: SavedRun, key: JudgedSplit, names: Mapping[str, str]) -> dict[str, str]:
    """Return the new names of a table's systems, single seeds among them."""
    return {row.system: rename_row(row, names).system for row in run.tables[key]}


def _choose_settings(runs: Sequence[SavedRun], given: Mapping[str, Any], systems: Sequence[str]) -> Significance:
    """Return how systems are compared: as given, else as all runs have it, else as by default."""
    known = {field.name for field in fields(Significance)}
    stated = [each for run in runs for each in run.report.comparisons]
    agreed = {
        name: stated[0][name] for name in known if stated and all(each[name] == stated[0][name] for each in stated)
    }
    if agreed.get("baseline") not in systems:
        agreed.pop("baseline", None)
    settings = Significance(**{**agreed, **given})
    settings.check(systems)
    return settings


def _merge_tables(
    runs: Sequence[SavedRun], names: Sequence[Mapping[str, str]], measures: Sequence[str]
) -> dict[JudgedSplit, _Table]:
    """Return the tables with the rows of all runs, in their order; a system of several runs stands once."""
    tables: dict[JudgedSplit, _Table] = {}
    for key in dict.fromkeys(key for run in runs for key in run.tables):
        having = [(run, new) for run, new in zip(runs, names, strict=True) if key in run.tables]
        rows: dict[str, Row] = {}
        origins: dict[str, list[str]] = {}
        for run, new in having:
            for row in (rename_row(row, new) for row in run.tables[key]):
                rows[row.system] = fold_rows(rows[row.system], row) if row.system in rows else row
                origins.setdefault(row.system, []).append(run.name)
        shown = [name for name in measures if any(name in row.measures for row in rows.values())]
        tables[key] = _Table(
            [_explain_lacking(row, shown, origins[system]) for system, row in rows.items()], [run for run, _ in having]
        )
    return tables


def _explain_lacking(row: Row, shown: Sequence[str], runs: Sequence[str]) -> Row:
    """Return a row that has all measures of its table; what its runs did not compute is null and says so."""
    lacking = [name for name in shown if name not in row.measures]
    reason = f"not asked for in {' and '.join(runs)}"
    measures = {name: row.measures.get(name) for name in shown}
    return replace(row, measures=measures, nulls={**row.nulls, **dict.fromkeys(lacking, reason)})


def _merge_query_sets(
    key: JudgedSplit, runs: Sequence[SavedRun], names: Sequence[Mapping[str, str]]
) -> QuerySet | None:
    """Return the queries of a table with the values of all systems; None where no run has them one by one."""
    having = [(run.query_sets[key], run, new) for run, new in zip(runs, names, strict=True) if key in run.query_sets]
    if not having:
        return None
    first = having[0][0]
    merged = next((each for each, *_ in having if each.texts), first)
    values: dict[str, dict[str, Any]] = {}
    signs: dict[str, Signs] = {}
    pair_counts: dict[str, dict[str, PairCounts]] = {}
    for query_set, run, new in having:
        called = _rename_rows(run, key, new)
        place = {id: at for at, id in enumerate(query_set.ids)}
        order = np.array([place[id] for id in merged.ids], np.int64)
        for system, columns in query_set.values.items():
            of_system = values.setdefault(called.get(system, system), {})
            of_system |= {measure: column[order] for measure, column in columns.items() if measure not in of_system}
        for system, each in query_set.signs.items():
            later = None if each.later is None else each.later[order]
            signs.setdefault(called.get(system, system), Signs(each.unjudged[order], each.lost[order], later))
        if len(having) == 1 or run.get_digest(key, "docs") is not None:  # records in one order, which run files lack
            for system, counted in query_set.pair_counts.items():
                pair_counts.setdefault(called.get(system, system), {}).update(counted)
    detailed = list_detailed(_list_detail_folders(merged, runs, names), merged.ids)
    return replace(merged, values=values, signs=signs, pair_counts=pair_counts, folder=None, detailed=detailed)


def _compare_tables(
    tables: Mapping[JudgedSplit, _Table],
    query_sets: Mapping[JudgedSplit, QuerySet | None],
    settings: Significance,
    names: Mapping[str, Mapping[str, str]],
    *,
    given: bool,
) -> tuple[list[Row], list[dict[str, Any]]]:
    """Return the rows of all tables with what comparing their systems gives, and the comparisons.

    names  by run
    A table of one run stays as it is, unless other settings are given.
    """
    rows: list[Row] = []
    comparisons: list[dict[str, Any]] = []
    for key, table in tables.items():
        if len(table.runs) == 1 and not given:
            rows += table.rows
            comparisons += _list_comparisons(table.runs[0], key, names[table.runs[0].name])
            continue
        query_set = query_sets[key]
        silent = next((run.name for run in table.runs if key not in run.query_sets), None)
        cleared = [_clear_comparisons(row) for row in table.rows]
        if silent is not None or query_set is None:
            words = _UNTESTED.format(silent)
            rows += [replace(row, conventions=replace(row.conventions, comparisons=words)) for row in cleared]
            continue
        compared, found = compare_rows(cleared, _make_evaluations(key, query_set, cleared), settings)
        rows += [_keep_pair_intervals(row, before) for row, before in zip(compared, cleared, strict=True)]
        comparisons += [{**key._asdict(), **each.to_dict()} for each in found.values() if each.pairs]
    return rows, comparisons


def _list_comparisons(run: SavedRun, key: JudgedSplit, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what a run found when it compared the systems of a table, under their names of now."""
    found = [each for each in run.report.comparisons if (each["collection"], each["split"], each["qrels"]) == key]
    return [
        {
            **each,
            "baseline": names.get(each["baseline"], each["baseline"]),
            "pairs": [_rename_pair(pair, names) for pair in each["pairs"]],
        }
        for each in found
    ]


def _rename_pair(pair: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {**pair, "a": names.get(pair["a"], pair["a"]), "b": names.get(pair["b"], pair["b"])}


def _clear_comparisons(row: Row) -> Row:
    """Return a row without what was said of other systems; intervals are its own."""
    conventions = replace(row.conventions, comparisons=None)
    return replace(row, groups={}, differences={}, baseline=None, conventions=conventions)


def _keep_pair_intervals(row: Row, before: Row) -> Row:
    """Return a compared row with its intervals of those measures of pairs that were not compared, and say so."""
    kept = {
        name: bounds for name, bounds in before.intervals.items() if is_of_pairs(name) and name not in row.intervals
    }
    if not kept:
        return row
    words = f"{row.conventions.comparisons}; {_OF_PAIRS}" if row.intervals else f"not compared: {_OF_PAIRS}"
    conventions = replace(row.conventions, comparisons=words)
    return replace(row, intervals={**kept, **row.intervals}, conventions=conventions)


def _make_evaluations(key: JudgedSplit, query_set: QuerySet, rows: Sequence[Row]) -> dict[SystemKey, Evaluation]:
    """Return each system's evaluation as far as a comparison reads it."""
    return {
        (*key, row.system): Evaluation(
            queries=query_set.ids,
            per_query=query_set.values[row.system],
            means=dict(row.measures),
            pair_counts=query_set.pair_counts.get(row.system, {}),
        )
        for row in rows
        if row.system in query_set.values
    }
