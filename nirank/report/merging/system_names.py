"""Systems of several runs that have one name: the same one has one row, others are told apart by their run's name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from nirank.report.merging.saved_runs import SavedRun
from nirank.results.row import Difference, Row

Names = Mapping[str, str]  # what systems of a run are called in the merged leaderboard, where that is new

_CLOSE = 1e-9  # relative: what machines differ in


def find_new_names(runs: Sequence[SavedRun]) -> list[dict[str, str]]:
    """Return for each run the new names of its systems: those whose name another system has.

    One system in several runs is what has the same address and the same values wherever both are evaluated, and where
    they are not, the same pipeline.
    """
    systems = [_list_systems(run) for run in runs]
    taken = {name for of_run in systems for name in of_run}
    renamed: list[dict[str, str]] = [{} for _ in runs]
    for name in sorted(taken):
        having = [at for at, of_run in enumerate(systems) if name in of_run]
        if all(_is_same(systems[a][name], systems[b][name]) for a, b in combinations(having, 2)):
            continue
        for at in having:
            renamed[at][name] = _find_free_name(f"{name} ({runs[at].name})", taken)
            taken.add(renamed[at][name])
    return renamed


def _find_free_name(name: str, taken: set[str]) -> str:
    number = 2
    free = name
    while free in taken:
        free = f"{name} {number}"
        number += 1
    return free


def _list_systems(run: SavedRun) -> dict[str, list[Row]]:
    """Return the rows of each system, single seeds among them."""
    systems: dict[str, list[Row]] = {}
    for rows in run.tables.values():
        for row in rows:
            systems.setdefault(row.seed_of or row.system, []).append(row)
    return systems


def _is_same(a: Sequence[Row], b: Sequence[Row]) -> bool:
    if {row.pipeline for row in a} != {row.pipeline for row in b}:
        return False
    others = {(row.collection, row.split, row.qrels, row.system): row for row in b}
    common = [(row, others.get((row.collection, row.split, row.qrels, row.system))) for row in a]
    return all(other is None or _has_same_values(row, other) for row, other in common)


def _has_same_values(a: Row, b: Row) -> bool:
    if (a.address, a.status, a.seeds, a.seed) != (b.address, b.status, b.seeds, b.seed):
        return False
    shared = [(a.measures[name], b.measures[name]) for name in a.measures if name in b.measures]
    return all(x == y if x is None or y is None else math.isclose(x, y, rel_tol=_CLOSE) for x, y in shared)


def rename_row(row: Row, names: Names) -> Row:
    """Return a row with the new names of its systems."""
    of = row.seed_of or row.system
    new = names.get(of, of)
    differences = {measure: rename_difference(each, names) for measure, each in row.differences.items()}
    return replace(
        row,
        system=new + row.system.removeprefix(of),
        seed_of=None if row.seed_of is None else new,
        baseline=None if row.baseline is None else names.get(row.baseline, row.baseline),
        differences=differences,
    )


def rename_difference(difference: Difference, names: Names) -> Difference:
    """Return a difference with the new names of its systems."""
    return replace(difference, a=names.get(difference.a, difference.a), b=names.get(difference.b, difference.b))


def fold_rows(first: Row, second: Row) -> Row:
    """Return the row of one system in two runs: what the first has not, such as other measures, is the second's."""
    folded: dict[str, Any] = {
        name: {**getattr(second, name), **getattr(first, name)}
        for name in (
            *("nulls", "answerable_means", "ceilings", "ties", "holes", "judged_at", "unreached_queries", "twins"),
            *("spread", "intervals"),
        )
    }
    measures = {**first.measures, **{name: v for name, v in second.measures.items() if name not in first.measures}}
    return replace(first, measures=measures, **folded)
