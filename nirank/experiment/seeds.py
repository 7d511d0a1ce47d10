"""Rows of several seeds: their mean and spread, and each query's mean, by which systems are compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from nirank.errors import ConfigError
from nirank.evaluation.evaluate import Evaluation
from nirank.evaluation.pair_measures import PairCounts
from nirank.evaluation.recall_curve import average_recall_curves
from nirank.plan.costs import SystemCost
from nirank.results.row import NewDocuments, PairFacts, Row, Spread
from nirank.results.summaries import list_topics
from nirank.stopping.outcomes import pool_outcomes

Key = tuple[str, str | None, str | None, str]


def parse_seeds(seeds: Any) -> tuple[int, ...]:
    """Return the seeds that are asked for; raise ConfigError unless they are a list of different whole numbers."""
    given = [seeds] if isinstance(seeds, (int, np.integer)) else seeds
    several = isinstance(given, Iterable) and not isinstance(given, (str, bytes, Mapping))
    listed = tuple(int(seed) if isinstance(seed, np.integer) else seed for seed in given) if several else ()
    if not listed or not all(isinstance(seed, int) and not isinstance(seed, bool) and seed >= 0 for seed in listed):
        raise ConfigError(f"seeds: expected a list of whole numbers, 0 or more, such as [1, 2, 3], got {seeds!r}")
    if len(set(listed)) < len(listed):
        raise ConfigError(f"seeds: each stands for a row of its own; some are given twice: {list(listed)}")
    return listed


def name_seeded_system(system: str, seed: int) -> str:
    """Return what the row of a system with one of several seeds is called."""
    return f"{system} (seed {seed})"


def average_seeds(rows: Sequence[Row], evaluations: Mapping[Key, Evaluation]) -> list[tuple[Row, Evaluation | None]]:
    """Return a row and an evaluation for each collection, judgement set and system that has several seeds.

    rows         those of single seeds say which system they are a `seed_of`
    evaluations  by collection, split, judgement set and system

    A measure is the mean over the seeds; `spread` has its standard deviation (n - 1), least and greatest value. Per
    query the evaluation has the mean over the seeds.
    """
    members: dict[Key, list[Row]] = {}
    for row in rows:
        if row.seed_of is not None:
            members.setdefault((row.collection, row.split, row.qrels, row.seed_of), []).append(row)
    return [
        (
            replace(_average_rows(key[-1], seeded), topics=() if evaluation is None else list_topics(evaluation)),
            evaluation,
        )
        for key, seeded in members.items()
        for evaluation in [_average_evaluations([evaluations.get((*key[:-1], row.system)) for row in seeded])]
    ]


def order_means_first(rows: Sequence[Row]) -> list[Row]:
    """Return the rows in their order, but those of means in front of those of their single seeds."""
    places: dict[Key, int] = {}
    for at, row in enumerate(rows):
        places.setdefault(_system_key(row), 2 * at)
    return sorted(rows, key=lambda row: places[_system_key(row)] + (0 if row.seeds else 1))


def _system_key(row: Row) -> Key:
    return (row.collection, row.split, row.qrels, row.seed_of or row.system)


def _average_rows(system: str, rows: Sequence[Row]) -> Row:
    """Return the row of a mean, from those of its seeds."""
    first = rows[0]
    measures: dict[str, float | None] = {}
    spread: dict[str, Spread] = {}
    for name in first.measures:
        values = [value for row in rows if (value := row.measures[name]) is not None]
        if len(values) < len(rows):
            measures[name] = None
            continue
        measures[name] = float(np.mean(values))
        spread[name] = Spread(float(np.std(values, ddof=1)), min(values), max(values))
    failed = [row for row in rows if row.status != "ok"]
    seeds = tuple(row.seed for row in rows if row.seed is not None)
    stated = f"mean over seeds {', '.join(map(str, seeds))}"
    return Row(
        collection=first.collection,
        split=first.split,
        qrels=first.qrels,
        unit=first.unit,
        system=system,
        pipeline=first.pipeline,
        status="failed" if failed else "ok",
        error=f"failed with {len(failed)} of {len(rows)} seeds: {failed[0].error}" if failed else None,
        seeds=seeds,
        spread=spread,
        folds=first.folds,
        depth=first.depth,
        longest_list=first.longest_list,
        queries=first.queries,
        measures=measures,
        nulls=dict(first.nulls),
        recall_by_depth=average_recall_curves([row.recall_by_depth for row in rows]),
        effort=_average_efforts([row.effort for row in rows]),
        stopping=pool_outcomes([row.stopping for row in rows], same_topics=True),
        pairs=_average_pairs([row.pairs for row in rows]),
        alpha=first.alpha,
        counts=dict(first.counts),
        cost=_average_costs([row.cost for row in rows]),
        conventions=replace(first.conventions, comparisons=None, seeds=stated),
        zero_shot=first.zero_shot,
        trained_on=first.trained_on,
        trained_on_test=first.trained_on_test,
        tuned_on=first.tuned_on,
        tuned_on_test=first.tuned_on_test,
        new_documents=_average_new_documents([row.new_documents for row in rows]),
    )


def _average_new_documents(seeded: Sequence[NewDocuments | None]) -> NewDocuments | None:
    """Return the mean of what single seeds have for the queries that training knows nothing of."""
    known = [documents for documents in seeded if documents is not None]
    if len(known) < len(seeded):
        return None
    means: dict[str, float | None] = {}
    for name in known[0].measures:
        values = [value for documents in known if (value := documents.measures.get(name)) is not None]
        if len(values) == len(known):
            means[name] = float(np.mean(values))
    return replace(known[0], measures=means)


def _average_pairs(seeded: Sequence[PairFacts | None]) -> PairFacts | None:
    """Return the means of what single seeds count of pairs."""
    known = [facts for facts in seeded if facts is not None]
    if len(known) < len(seeded):
        return None
    names = [field.name for field in fields(PairFacts) if field.name != "ordered"]
    means: dict[str, Any] = {name: _average([getattr(facts, name) for facts in known]) for name in names}
    return replace(known[0], **means)


def _average_efforts(seeded: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """Return the mean of the curves of effort; nothing where a seed has none."""
    if not all(seeded):
        return ()
    return tuple(round(recall, 6) for recall in np.mean(seeded, axis=0).tolist())


def _average_costs(costs: Sequence[SystemCost]) -> SystemCost:
    """Return the means of seconds; what is no such figure is the first seed's. Nothing where a seed failed."""
    if SystemCost() in costs:
        return SystemCost()
    seconds = [field.name for field in fields(SystemCost) if isinstance(getattr(costs[0], field.name), float)]
    means: dict[str, Any] = {name: _average([getattr(cost, name) for cost in costs]) for name in seconds}
    return replace(costs[0], **means)


def _average_evaluations(seeded: Sequence[Evaluation | None]) -> Evaluation | None:
    """Return an evaluation with each query's mean over the seeds; None where a seed has none."""
    known = [evaluation for evaluation in seeded if evaluation is not None]
    if len(known) < len(seeded) or not known:
        return None
    first = known[0]
    per_query = {name: np.mean([each.per_query[name] for each in known], axis=0) for name in first.per_query}
    means = {name: _average([each.means[name] for each in known]) for name in first.means}
    traced = [each.curves for each in known if each.curves is not None]
    curves = np.mean(traced, axis=0) if len(traced) == len(known) else None
    return replace(first, per_query=per_query, means=means, curves=curves, pair_counts=_average_pair_counts(known))


def _average_pair_counts(seeded: Sequence[Evaluation]) -> dict[str, PairCounts]:
    """Return each record's mean counts over the seeds; the measures of pairs that all seeds have."""
    names = [name for name in seeded[0].pair_counts if all(name in each.pair_counts for each in seeded)]
    return {name: PairCounts.average([each.pair_counts[name] for each in seeded]) for name in names}


def _average(values: Sequence[float | None]) -> float | None:
    """Return the mean; None if a value is missing."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None
