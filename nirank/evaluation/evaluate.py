"""Evaluate: what a ranking is worth under judgements, with the conventions that decide it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.errors import StageError
from nirank.evaluation.delegate import delegate
from nirank.evaluation.kernels import Judged, Values, compute
from nirank.evaluation.measures import Measure, parse
from nirank.pairs import Pairs
from nirank.qrels import Qrels
from nirank.ranking import Ranking
from nirank.scope import Scope

TIES = "score descending, then document id descending by bytes (trec_eval's rule)"


@dataclass(frozen=True)
class Evaluation:
    """Values of measures, by the names asked for.

    queries      ids of the evaluated queries: declared and judged
    per_query    {name: (n_evaluated,) float64}; a measure that is null has none
    means        {name: mean over the evaluated queries, or None}
    nulls        {name: why it is None}
    answerable   {name: mean over queries with a relevant document}, only where some have none
    ceilings     {name: the best mean that any ranking could reach}, only where judged documents
                 are not in the corpus, or not in their query's scope
    judged_at    {cut-off asked for: mean share of the results up to it that this query's judgements
                 contain}
    counts       declared, judged (evaluated), answered (with results), missing (without), unjudged,
                 no_relevant, negative_labels, dangling, tied (queries with equal scores on both
                 sides of a cut-off asked for)
    conventions  the rules, in words
    """

    queries: Sequence[str]
    per_query: Mapping[str, Values]
    means: Mapping[str, float | None]
    nulls: Mapping[str, str] = field(default_factory=dict)
    answerable: Mapping[str, float] = field(default_factory=dict)
    ceilings: Mapping[str, float] = field(default_factory=dict)
    judged_at: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    conventions: Mapping[str, Any] = field(default_factory=dict)


def evaluate(ranking: Pairs, qrels: Qrels, measures: Sequence[str], scope: Scope | None = None) -> Evaluation:
    """Evaluate a ranking.

    scope  what the ranking could contain at best; None: the whole corpus
    The mean is over queries that are declared and judged: those without results count 0; those
    whose labels are all not relevant count 0 too, as in trec_eval, and are counted.
    Raises ConfigError for unknown measures, StageError where a ranking is needed and pairs are given.
    """
    if not isinstance(ranking, Ranking):
        raise StageError("these measures need a ranking, got unranked pairs")
    data = Judged.join(ranking, qrels)
    parsed = [parse(name) for name in dict.fromkeys(measures)]
    judged_rows = np.flatnonzero(qrels.counts > 0)
    nulls = _nulls(parsed, ranking, len(judged_rows))
    wanted = [one for one in parsed if one.name not in nulls]
    values = {one.name: _native(one, data) for one in wanted if one.foreign is None}
    foreign = [one for one in wanted if one.foreign is not None]
    if foreign:
        values |= delegate(ranking, qrels, foreign)
    per_query = {one.name: values[one.name][judged_rows] for one in wanted}
    means: dict[str, float | None] = {one.name: None for one in parsed}
    means |= {name: float(value.mean()) for name, value in per_query.items()}
    hopeful = qrels.relevant()[judged_rows] > 0
    answerable = {}
    if hopeful.any() and not hopeful.all():
        answerable = {name: float(value[hopeful].mean()) for name, value in per_query.items()}
    return Evaluation(
        queries=qrels.queries.take(judged_rows),
        per_query=per_query,
        means=means,
        nulls=nulls,
        answerable=answerable,
        ceilings=_ceilings(qrels, wanted, judged_rows, scope),
        judged_at=_judged_at(wanted, data, judged_rows),
        counts=_counts(ranking, qrels, judged_rows, hopeful, wanted),
        conventions=_conventions(qrels),
    )


def _native(measure: Measure, data: Judged) -> Values:
    rel = data.qrels.min_rel if measure.rel is None else measure.rel
    return compute(measure.family, data, measure.cutoff, rel)


def _nulls(measures: Sequence[Measure], ranking: Ranking, n_judged: int) -> dict[str, str]:
    if not n_judged:
        return {one.name: "no declared query is judged" for one in measures}
    if ranking.depth is None:
        return {}
    return {
        one.name: f"{one.name} reaches deeper than the ranking, which was cut at {ranking.depth}"
        for one in measures
        if one.cutoff is not None and one.cutoff > ranking.depth
    }


def _judged_at(measures: Sequence[Measure], data: Judged, judged_rows: NDArray[np.int64]) -> dict[str, float]:
    cutoffs = sorted({one.cutoff for one in measures if one.cutoff is not None and one.foreign is None})
    return {str(k): float(compute("Judged", data, k, 1)[judged_rows].mean()) for k in cutoffs}


def _ceilings(
    qrels: Qrels, measures: Sequence[Measure], judged_rows: NDArray[np.int64], scope: Scope | None
) -> dict[str, float]:
    here = qrels.rows >= 0
    if scope is not None:
        here[here] = scope.allows(qrels.query_rows[here], qrels.rows[here])
    if here[qrels.grades > 0].all():
        return {}
    best = Judged.ideal(qrels, here)
    return {one.name: float(_native(one, best)[judged_rows].mean()) for one in measures if one.foreign is None}


def _counts(
    ranking: Ranking,
    qrels: Qrels,
    judged_rows: NDArray[np.int64],
    hopeful: NDArray[np.bool_],
    measures: Sequence[Measure],
) -> dict[str, int]:
    answered = int((ranking.counts[judged_rows] > 0).sum())
    return {
        "declared": len(qrels.queries),
        "judged": len(judged_rows),
        "answered": answered,
        "missing": len(judged_rows) - answered,
        "unjudged": len(qrels.queries) - len(judged_rows),
        "no_relevant": int((~hopeful).sum()),
        "negative_labels": int((qrels.grades < 0).sum()),
        "dangling": int((qrels.rows < 0).sum()),
        "tied": len(_tied(ranking, {one.cutoff for one in measures if one.cutoff is not None})),
    }


def _tied(ranking: Ranking, cutoffs: set[int]) -> set[int]:
    """Return the queries whose documents at a cut-off and just below it have equal scores."""
    found: set[int] = set()
    for cutoff in cutoffs:
        queries = np.flatnonzero(ranking.counts > cutoff)
        last = ranking.offsets[queries] + cutoff - 1
        found.update(queries[ranking.scores[last] == ranking.scores[last + 1]].tolist())
    return found


def _conventions(qrels: Qrels) -> dict[str, Any]:
    return {
        "ties": TIES,
        "mean": "over declared and judged queries; unanswered ones count 0",
        "gain": "linear (grade), negative grades 0",
        "min_rel": qrels.min_rel,
    }
