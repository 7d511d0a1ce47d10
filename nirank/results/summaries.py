"""What evaluations and comparisons add to rows, and rows that summarise others: means over a group's collections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from nirank.evaluation.comparisons import Comparisons
from nirank.evaluation.evaluate import Evaluation
from nirank.evaluation.measures import is_of_pairs, lower_is_better, parse_measure
from nirank.evaluation.recall_curve import average_recall_curves
from nirank.results.row import Difference, Holes, PairFacts, QueryCounts, Row, TopicValues
from nirank.stopping.outcomes import pool_outcomes

_TOPICS = 100  # whose values are kept one by one, at most
_SAME = 12  # decimals: means that differ by less share a rank


def add_evaluation(row: Row, evaluation: Evaluation) -> Row:
    """Return a row with the values of an evaluation."""
    return replace(
        row,
        queries=replace(row.queries, **evaluation.counts),
        measures=dict(evaluation.means),
        nulls=dict(evaluation.nulls),
        answerable_means=dict(evaluation.answerable),
        ceilings=dict(evaluation.ceilings),
        ties=dict(evaluation.ties),
        holes={measure: Holes(**means) for measure, means in evaluation.holes.items()},
        judged_at=dict(evaluation.judged_at),
        pairs=PairFacts(**evaluation.pairs) if evaluation.pairs else None,
        unreached_queries=dict(evaluation.unreached),
        recall_by_depth=evaluation.recall_by_depth,
        effort=tuple(round(recall, 6) for recall in evaluation.effort),
        topics=() if row.seed_of is not None else list_topics(evaluation),  # the mean of the seeds has them
        conventions=replace(row.conventions, **evaluation.conventions),
    )


def list_topics(evaluation: Evaluation) -> tuple[TopicValues, ...]:
    """Return the values of single topics of a screening evaluation; nothing where there are too many to look at."""
    curves = evaluation.curves
    if curves is None or len(curves) > _TOPICS:
        return ()
    return tuple(
        TopicValues(
            topic,
            {name: _to_float(column[at]) for name, column in evaluation.per_query.items()},
            tuple(round(recall, 4) for recall in curves[at].tolist()),
        )
        for at, topic in enumerate(evaluation.queries)
        if curves[at, -1] > 0
    )


def _to_float(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def add_comparisons(row: Row, comparisons: Comparisons, failed_baseline: str | None = None) -> Row:
    """Return a row with what comparing its system with the others of the table gave.

    failed_baseline  the system that was asked for as the baseline, where it has no values
    """
    compared = comparisons.describe_system(row.system)
    differences = {measure: Difference(**values) for measure, values in compared.pop("against").items()}
    intervals = {measure: (low, high) for measure, (low, high) in compared.pop("intervals").items()}
    words = comparisons.describe_tests()
    if failed_baseline is not None:
        words += f"; the baseline {failed_baseline} has no values here"
    conventions = replace(row.conventions, comparisons=words)
    return replace(row, intervals=intervals, differences=differences, conventions=conventions, **compared)


def summarise_groups(rows: Sequence[Row], groups: Mapping[tuple[str, str | None], str | None]) -> list[Row]:
    """Return one row a group of collections, judgement set and system.

    The value is the macro mean: every collection counts once, however many queries it has (as
    CQADupStack's twelve forums are averaged); `pooled_means` has the mean over all queries (measures of pairs have
    none), `zero_shot_means` the means over the collections with the same answer where answers differ.
    `average_rank` is the mean of the system's ranks (from 1, ties averaged) among the systems that have
    the measure on all collections. A measure that one collection lacks is null, says how many
    there are, and has no rank. Where each collection has one judgement set, these are taken together,
    whatever they are called; of several, those of one name.

    groups  {(collection, split): group or None}
    """
    sets: dict[tuple[str, str | None], set[str | None]] = {}
    for row in rows:
        sets.setdefault((row.collection, row.split), set()).add(row.qrels)
    members: dict[tuple[str, str | None], dict[str, list[Row]]] = {}
    for row in rows:
        group = groups.get((row.collection, row.split))
        if group is not None:
            alone = all(len(sets.get(key, ())) < 2 for key, name in groups.items() if name == group)
            members.setdefault((group, None if alone else row.qrels), {}).setdefault(row.system, []).append(row)
    declared = Counter(groups.values())
    summaries = []
    for (group, _), systems in members.items():
        ranks = _average_ranks(systems, declared[group])
        summaries += [_summarise(group, of, ranks.get(system, {}), declared[group]) for system, of in systems.items()]
    return summaries


def _average_ranks(systems: Mapping[str, Sequence[Row]], declared: int) -> dict[str, dict[str, float]]:
    """Return {system: {measure: mean rank over the collections}} of the systems that have the measure on all."""
    from scipy.stats import rankdata

    names = dict.fromkeys(name for rows in systems.values() for row in rows for name in row.measures)
    average: dict[str, dict[str, float]] = {}
    for name in names:
        values = {system: [row.measures.get(name) for row in rows] for system, rows in systems.items()}
        complete = {system: of for system, of in values.items() if len(of) == declared and None not in of}
        if len(complete) < 2:
            continue
        better = 1 if lower_is_better(name) else -1
        ranks = rankdata(better * np.array(list(complete.values()), np.float64).round(_SAME), axis=0).mean(axis=1)
        for system, rank in zip(complete, ranks.tolist(), strict=True):
            average.setdefault(system, {})[name] = rank
    return average


def _summarise(group: str, rows: Sequence[Row], ranks: Mapping[str, float], declared: int) -> Row:
    """Return the row of a system on a group, from its rows on the group's collections."""
    names = dict.fromkeys(name for row in rows for name in row.measures)
    measures, pooled, nulls = _average_measures(rows, names, declared)
    first = rows[0]
    failed = sum(row.status != "ok" for row in rows)
    answers = dict.fromkeys(row.zero_shot for row in rows)
    depths = {row.depth for row in rows}
    conventions = replace(
        first.conventions,
        stages={},
        comparisons=None,
        mean=f"over {len(rows)} collections, each counting once",
        zero_shot="; ".join(f"{row.collection}: {row.zero_shot}" for row in rows),
    )
    return Row(
        collection=group,
        qrels=first.qrels if len({row.qrels for row in rows}) == 1 else None,
        system=first.system,
        unit=first.unit,
        status="failed" if failed else "ok",
        error=f"failed on {failed} of {len(rows)} collections" if failed else None,
        summary_of=tuple(row.collection for row in rows),
        depth=first.depth if len(depths) == 1 else None,
        longest_list=max((row.longest_list for row in rows if row.longest_list is not None), default=None),
        queries=_sum_queries(rows),
        measures=measures,
        pooled_means=pooled,
        stopping=pool_outcomes([row.stopping for row in rows], same_topics=False),
        recall_by_depth=average_recall_curves([row.recall_by_depth for row in rows]),
        **_join_topics(rows),
        average_rank=dict(ranks),
        zero_shot=next(iter(answers)) if len(answers) == 1 else "mixed",
        zero_shot_means=_average_by_answer(rows, names) if len(answers) > 1 else {},
        nulls=nulls,
        seeds=first.seeds if all(row.seeds == first.seeds for row in rows) else (),
        trained_on_test=any(row.trained_on_test for row in rows),
        tuned_on_test=any(row.tuned_on_test for row in rows),
        conventions=conventions,
        pipeline=first.pipeline,
    )


def _join_topics(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the topics of all collections, and the mean of their curves; nothing where one has none."""
    topics = tuple(topic for row in rows for topic in row.topics)
    if not all(row.topics for row in rows) or len(topics) > _TOPICS:
        return {}
    mean = np.mean([topic.effort for topic in topics], axis=0)
    return {"topics": topics, "effort": tuple(round(recall, 6) for recall in mean.tolist())}


def _average_measures(
    rows: Sequence[Row], names: Iterable[str], declared: int
) -> tuple[dict[str, float | None], dict[str, float], dict[str, str]]:
    """Return the means over collections, those over all queries together, and why a mean is null."""
    measures: dict[str, float | None] = {}
    pooled: dict[str, float] = {}
    nulls: dict[str, str] = {}
    for name in names:
        values = [value for row in rows if (value := row.measures.get(name)) is not None]
        if len(values) < declared:
            measures[name], nulls[name] = None, f"only {len(values)}/{declared} collections of the group have it"
            continue
        measures[name] = sum(values) / len(values)
        if is_of_pairs(name):
            continue
        screening = parse_measure(name).screening
        weights = [row.queries.judged - ((screening and row.queries.left_out) or 0) for row in rows]
        pooled[name] = sum(v * w for v, w in zip(values, weights, strict=True)) / max(sum(weights), 1)
    return measures, pooled, nulls


def _sum_queries(rows: Sequence[Row]) -> QueryCounts:
    """Return how many queries the rows are about together; what none counted stays None."""
    sums = {}
    for field in fields(QueryCounts):
        counts = [n for row in rows if (n := getattr(row.queries, field.name)) is not None]
        if counts:
            sums[field.name] = sum(counts)
    return QueryCounts(**sums)


def _average_by_answer(rows: Sequence[Row], names: Iterable[str]) -> dict[str, dict[str, float]]:
    """Return {answer: {measure: mean over the collections that have this answer}}."""
    means: dict[str, dict[str, float]] = {}
    for answer in dict.fromkeys(row.zero_shot for row in rows):
        for name in names:
            values = [row.measures.get(name) for row in rows if row.zero_shot == answer]
            if None not in values:
                means.setdefault(str(answer), {})[name] = float(np.mean(np.array(values, np.float64)))
    return means
