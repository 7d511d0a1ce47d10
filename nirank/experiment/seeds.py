"""Rows of several seeds: their mean and spread, and each query's mean, by which systems are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nirank.errors import ConfigError
from nirank.evaluation.evaluate import Evaluation
from nirank.evaluation.pair_measures import PairCounts
from nirank.results.summaries import Row, blank_row

Key = tuple[str, str | None, str | None, str]


def checked_seeds(seeds: Any) -> tuple[int, ...]:
    """Return the seeds that are asked for; raise ConfigError unless they are a list of different whole numbers."""
    given = [seeds] if isinstance(seeds, (int, np.integer)) else seeds
    several = isinstance(given, Iterable) and not isinstance(given, (str, bytes, Mapping))
    listed = tuple(int(one) if isinstance(one, np.integer) else one for one in given) if several else ()
    if not listed or not all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in listed):
        raise ConfigError(f"seeds: expected a list of whole numbers, 0 or more, such as [1, 2, 3], got {seeds!r}")
    if len(set(listed)) < len(listed):
        raise ConfigError(f"seeds: each stands for a row of its own; some are given twice: {list(listed)}")
    return listed


def seeded_name(system: str, seed: int) -> str:
    """Return what the row of a system with one of several seeds is called."""
    return f"{system} (seed {seed})"


def with_means(rows: Sequence[Row], evaluations: Mapping[Key, Evaluation]) -> list[tuple[Row, Evaluation | None]]:
    """Return a row and an evaluation for each collection, judgement set and system that has several seeds.

    rows         those of single seeds say which system they are `of`
    evaluations  by collection, split, judgement set and system

    A measure is the mean over the seeds; `spread` has its standard deviation (n - 1), least and greatest value. Per
    query the evaluation has the mean over the seeds.
    """
    members: dict[Key, list[Row]] = {}
    for row in rows:
        if row["of"] is not None:
            members.setdefault((row["collection"], row["split"], row["qrels"], row["of"]), []).append(row)
    return [
        (_mean(key[-1], of), _evaluation([evaluations.get((*key[:-1], row["system"])) for row in of]))
        for key, of in members.items()
    ]


def place_of(rows: Sequence[Row]) -> Callable[[Row], int]:
    """Return a sort key that puts the rows of means in front of those of their single seeds."""
    first: dict[Key, int] = {}
    for at, row in enumerate(rows):
        first.setdefault((row["collection"], row["split"], row["qrels"], row["of"] or row["system"]), 2 * at)

    def place(row: Row) -> int:
        at = first[row["collection"], row["split"], row["qrels"], row["of"] or row["system"]]
        return at if row["seeds"] else at + 1

    return place


def _mean(system: str, rows: Sequence[Row]) -> Row:
    names = list(rows[0]["measures"])
    measures: dict[str, float | None] = {}
    spread: dict[str, dict[str, float]] = {}
    for name in names:
        values = [row["measures"][name] for row in rows]
        if None in values:
            measures[name] = None
            continue
        measures[name] = float(np.mean(values))
        spread[name] = {"sd": float(np.std(values, ddof=1)), "least": min(values), "greatest": max(values)}
    first = rows[0]
    failed = [row for row in rows if row["status"] != "ok"]
    kept = (
        "collection",
        "split",
        "qrels",
        "zero_shot",
        "depth",
        "longest",
        "folds",
        "queries",
        "alpha",
        "trained_on",
        "tuned_on",
    )
    seeds = [row["seed"] for row in rows]
    rules = {key: said for key, said in first["conventions"].items() if key != "comparisons"}
    return blank_row(
        names,
        **{key: first[key] for key in (*kept, "tuned_on_test", "trained_on_test")},
        system=system,
        seeds=seeds,
        status="failed" if failed else "ok",
        **({"error": f"failed with {len(failed)} of {len(rows)} seeds: {failed[0].get('error')}"} if failed else {}),
        measures=measures,
        spread=spread,
        nulls=dict(first["nulls"]),
        pairs=_pairs([row["pairs"] for row in rows]),
        unseen=_unseen([row["unseen"] for row in rows]),
        cost=_cost([row["cost"] for row in rows]),
        counts=dict(first["counts"]),
        conventions={**rules, "seeds": f"mean over seeds {', '.join(map(str, seeds))}"},
        pipeline=first["pipeline"],
        address="",
    )


def _unseen(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the mean of what single seeds have for the queries that training knows nothing of."""
    if not all(found):
        return {}
    names = [name for name in found[0]["measures"] if all(one["measures"].get(name) is not None for one in found)]
    means = {name: float(np.mean([one["measures"][name] for one in found])) for name in names}
    return {**found[0], "measures": means}


def _pairs(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the means of what single seeds count of pairs."""
    if not all(found):
        return {}
    numbers = {name: [one[name] for one in found] for name, value in found[0].items() if not isinstance(value, bool)}
    return {**found[0], **{name: _mean_of(of) for name, of in numbers.items()}}


def _cost(costs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the means of numbers, and what else the first seed's cost says."""
    if not all(costs):
        return {}
    found = dict(costs[0])
    for name, value in costs[0].items():
        numbers = [one.get(name) for one in costs]
        if isinstance(value, float):
            found[name] = _mean_of(numbers)
    return found


def _evaluation(found: Sequence[Evaluation | None]) -> Evaluation | None:
    there = [one for one in found if one is not None]
    if len(there) < len(found) or not there:
        return None
    first = there[0]
    per_query = {name: np.mean([one.per_query[name] for one in there], axis=0) for name in first.per_query}
    means = {name: _mean_of([one.means[name] for one in there]) for name in first.means}
    return replace(first, per_query=per_query, means=means, pair_counts=_pair_counts(there))


def _pair_counts(found: Sequence[Evaluation]) -> dict[str, PairCounts]:
    """Return each record's mean counts over the seeds; the measures of pairs that all seeds have."""
    names = [name for name in found[0].pair_counts if all(name in one.pair_counts for one in found)]
    return {name: PairCounts.mean([one.pair_counts[name] for one in found]) for name in names}


def _mean_of(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if len(there) == len(values) else None
