"""Evaluate: what a ranking, or candidate pairs, are worth under judgements, with the conventions that decide it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.errors import ConfigError, StageError
from nirank.evaluation.foreign_values import compute_foreign
from nirank.evaluation.holes import compute_at_most, compute_condensed
from nirank.evaluation.kernels import JudgedResults, Values
from nirank.evaluation.measures import Measure, list_measure_names, parse_measure
from nirank.evaluation.native_values import compute_native, get_threshold
from nirank.evaluation.pair_evaluation import COMPLETE, PairEvaluation, evaluate_pairs
from nirank.evaluation.pair_measures import PairCounts
from nirank.evaluation.pool import Pool, find_reachable
from nirank.evaluation.recall_curve import RecallByDepth, compute_pair_recall_by_depth, compute_recall_by_depth
from nirank.evaluation.screening import compute_effort_curve, compute_topic_curves, find_undecided
from nirank.evaluation.ties import TieBounds, order_ties
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope

TIES = "score descending, then document id descending by bytes (trec_eval's rule)"

_NOTHING = "no evaluated query has a relevant document among those that could be returned"
_UNORDERED = "needs a ranking; these are candidate pairs without order"
_REDUCTION = "; RR is the reciprocal rank, the reduction ratio is called reduction_ratio"
_MOVED = 1e-12  # a value that ties move by less is not moved


@dataclass(frozen=True)
class Evaluation:
    """Values of measures, by the names asked for.

    queries      ids of the evaluated queries: declared and judged
    per_query    {name: (n_evaluated,) float64}, NaN where the measure leaves the query out; a measure
                 that is null has none
    means        {name: mean over the evaluated queries that are not left out, or None}; of a measure of pairs its
                 value, which is no mean over queries, so that it has none in `per_query`
    nulls        {name: why it is None}
    answerable   {name: mean over queries with a relevant document}, only where some have none
    ceilings     {name: the best mean that any ranking could reach}, only where judged documents
                 are not in the corpus, or not in their query's scope
    ties         {name: bounds over the orders of equal scores}, only where they move a query's value
    holes        {name: {'condensed': mean over the lists without unjudged documents, 'at_most': the
                 mean if those were all relevant}}, None where there is no such value, only where
                 unjudged documents were returned
    judged_at    {cut-off asked for: mean share of the results up to it that this query's judgements
                 contain}
    recall_by_depth  (depth, mean recall) of a ranking; where pairs are counted, (depth, PC@depth)
    effort       recall after reading 0 %, 1 %, … 100 % of the pool, where a screening measure is asked for
    curves       (n_evaluated, 101), the same of each query
    unreached    {screening measure: on how many queries the list ends before it is decided, so that what was left
                 out counts as last}, only where there are any
    counts       declared, judged (evaluated), answered (with results), missing (without), unjudged,
                 no_relevant, left_out (by screening measures: nothing relevant in their pool),
                 negative_labels, not_relevant_labels, dangling, unranked (documents of the pool that the ranking leaves
                 out; to screening measures they come last), tied (queries with equal scores on both
                 sides of a cut-off asked for)
    pairs        of candidate pairs, and where a measure of pairs is asked for: candidates, matches, kept, lost, …, see
                 `PairEvaluation.facts`
    pair_counts  {measure of pairs: what each record adds to it}
    conventions  the rules, in words
    """

    queries: Sequence[str]
    per_query: Mapping[str, Values]
    means: Mapping[str, float | None]
    nulls: Mapping[str, str] = field(default_factory=dict)
    answerable: Mapping[str, float] = field(default_factory=dict)
    ceilings: Mapping[str, float] = field(default_factory=dict)
    ties: Mapping[str, TieBounds] = field(default_factory=dict)
    holes: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    judged_at: Mapping[str, float] = field(default_factory=dict)
    recall_by_depth: RecallByDepth = ()
    effort: Sequence[float] = ()
    curves: Values | None = None
    unreached: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    pairs: Mapping[str, Any] = field(default_factory=dict)
    pair_counts: Mapping[str, PairCounts] = field(default_factory=dict)
    conventions: Mapping[str, Any] = field(default_factory=dict)


def evaluate(
    ranking: Pairs,
    qrels: Qrels,
    measures: Sequence[str],
    scope: Scope | None = None,
    *,
    whole_corpus: bool = True,
    one_table: bool = False,
    complete: bool = False,
    both_ask: bool = False,
) -> Evaluation:
    """Evaluate a ranking, or candidate pairs without order.

    scope         what the ranking could contain at best; None: the whole corpus
    whole_corpus  whether the ranking's documents are the corpus; of a run file they are only what it
                  shows, so that without a scope nothing can be said of what it left out
    one_table     whether the queries are records of the corpus; to measures of pairs, a pair counts once then
    complete      whether the judgements list all matches, so that other pairs are none; a set called so does
    both_ask      whether the documents ask too, so that the candidates are those of the records of both sides
    The mean is over queries that are declared and judged: those without results count 0; those
    whose labels are all not relevant count 0 too, as in trec_eval, and are counted. Screening
    measures leave out queries without anything relevant in their pool. Candidate pairs have the measures that read
    no order; the others are null.
    Raises ConfigError for unknown measures, StageError for screening measures of results that are outside the scope.
    """
    if not isinstance(ranking, Pairs):
        raise ConfigError(
            f"evaluate: expected a Ranking or Pairs, got {type(ranking).__name__}; Ranking.from_dict and"
            " Ranking.from_pandas make one"
        )
    if not isinstance(qrels, Qrels):
        raise ConfigError(f"evaluate: expected Qrels, got {type(qrels).__name__}; Qrels.from_dict makes them")
    parsed = [parse_measure(name) for name in dict.fromkeys(list_measure_names(measures))]
    ranked = isinstance(ranking, Ranking)
    bounded = whole_corpus or scope is not None  # whether it is known what could be returned
    pool = Pool.of(qrels, scope) if ranked and bounded and any(measure.screening for measure in parsed) else None
    if pool is not None and scope is not None:
        _refuse_outside(ranking, scope)
    data = JudgedResults.join(ranking, qrels, pool)
    rows = np.flatnonzero(qrels.counts > 0)
    nulls = dict(_explain_nulls(parsed, ranking, pool, len(rows)))
    valued = [measure for measure in parsed if measure.name not in nulls]
    pair_evaluation = PairEvaluation()
    if not ranked or any(measure.of_pairs for measure in parsed):
        pair_measures = [measure for measure in parsed if measure.of_pairs]
        pair_evaluation = evaluate_pairs(
            ranking,
            qrels,
            pair_measures,
            nulls,
            scope=scope,
            one_table=one_table,
            whole_corpus=whole_corpus,
            complete=complete or qrels.name == COMPLETE,
            both_ask=both_ask,
        )
    values = {
        measure.name: compute_native(measure, data)[rows]
        for measure in valued
        if measure.foreign is None and not measure.of_pairs
    }
    foreign = [measure for measure in valued if measure.foreign is not None]
    if foreign:
        computed, failed = compute_foreign(
            ranking if isinstance(ranking, Ranking) else _rank_arbitrarily(ranking), qrels, foreign
        )
        values |= {name: column[rows] for name, column in computed.items()}
        nulls |= failed
    nulls |= pair_evaluation.nulls
    nulls |= {name: _NOTHING for name, column in values.items() if np.isnan(column).all()}
    present = [measure for measure in parsed if measure.name not in nulls]
    of_queries = [measure for measure in present if not measure.of_pairs]
    native = [measure for measure in of_queries if measure.foreign is None]
    per_query = {measure.name: values[measure.name] for measure in of_queries}
    means = {**{name: _average(column) for name, column in per_query.items()}, **pair_evaluation.values}
    reached = find_reachable(qrels, scope)
    return Evaluation(
        queries=qrels.queries.take(rows),
        per_query=per_query,
        means={measure.name: means.get(measure.name) for measure in parsed},
        nulls=nulls,
        answerable=_average_answerable(qrels, of_queries, per_query, rows),
        ceilings={}
        if not bounded or reached[qrels.grades > 0].all()
        else _compute_ceilings(qrels, native, reached, rows),
        ties=_bound_ties(ranking, data, native, rows) if isinstance(ranking, Ranking) else {},
        holes=_bound_holes(data, native, rows),
        judged_at={
            str(k): _average(compute_native(Measure("", "Judged", k), data)[rows]) for k in _list_cutoffs(native)
        },
        recall_by_depth=_trace_recall(ranking, data, rows, one_table if pair_evaluation.facts else None),
        effort=() if pool is None else tuple(compute_effort_curve(data, qrels.min_rel).tolist()),
        curves=None if pool is None else compute_topic_curves(data, qrels.min_rel)[rows],
        unreached=_count_unreached(data, present, rows),
        counts=_count_queries(ranking, data, rows, present, per_query, whole_corpus)
        | ({"declared": len(qrels.queries) + len(qrels.docs)} if both_ask else {}),
        pairs=pair_evaluation.facts,
        pair_counts=pair_evaluation.counts,
        conventions=_describe_conventions(qrels, present)
        | ({"pairs": pair_evaluation.convention} if pair_evaluation.convention else {}),
    )


def _trace_recall(
    ranking: Pairs, data: JudgedResults, rows: NDArray[np.int64], one_table: bool | None
) -> RecallByDepth:
    """Return recall by depth: of pairs where `one_table` says whether their records are of one; None: of documents."""
    if not isinstance(ranking, Ranking):
        return ()
    if one_table is None:
        return compute_recall_by_depth(data, rows, _find_end(ranking))
    return compute_pair_recall_by_depth(ranking, data.qrels, _find_end(ranking), one_table=one_table)


def _find_end(ranking: Ranking) -> int:
    """Return how far the lists go, or how deep they are certain."""
    longest = int(ranking.counts.max(initial=0))
    return longest if ranking.depth is None else min(longest, ranking.depth)


def _rank_arbitrarily(pairs: Pairs) -> Ranking:
    """Return pairs as a ranking for measures that read no order."""
    return Ranking.build(
        pairs.queries, pairs.docs, pairs.query_rows, pairs.rows, np.zeros(len(pairs), np.float32), source="pairs"
    )


def _refuse_outside(ranking: Pairs, scope: Scope) -> None:
    outside = np.flatnonzero(~scope.allows(ranking.query_rows, ranking.rows))
    if len(outside):
        query, doc = ranking.queries[ranking.query_rows[outside[0]]], ranking.docs[ranking.rows[outside[0]]]
        raise StageError(
            f"query '{query}' has document '{doc}', which its scope does not allow ({len(outside):,} such results);"
            " screening measures count what could be returned"
        )


def _average(values: Values) -> float:
    """Return the mean of what is not left out."""
    return float(values[~np.isnan(values)].mean())


def _explain_nulls(
    measures: Sequence[Measure], ranking: Pairs, pool: Pool | None, n_judged: int
) -> Iterator[tuple[str, str]]:
    """Yield the measures that have no value here, and why."""
    for measure in measures:
        if not n_judged:
            yield measure.name, "no declared query is judged"
        elif not isinstance(ranking, Ranking):
            if not measure.unordered:
                yield (
                    measure.name,
                    _UNORDERED
                    + ("; RR is the reciprocal rank, the other is reduction_ratio" if measure.family == "RR" else ""),
                )
        elif measure.screening and pool is None:
            yield measure.name, f"{measure.name} counts the documents that could be returned; expected the candidates"
        elif ranking.depth is not None and measure.cutoff is not None and measure.cutoff > ranking.depth:
            deeper = int(ranking.counts.max(initial=0)) > ranking.depth
            where = f"which is certain to {ranking.depth:,} only" if deeper else f"which was cut at {ranking.depth:,}"
            yield measure.name, f"{measure.name} reaches deeper than the ranking, {where}"


def _average_answerable(
    qrels: Qrels, measures: Sequence[Measure], per_query: Mapping[str, Values], judged_rows: NDArray[np.int64]
) -> dict[str, float]:
    means: dict[str, float] = {}
    for measure in measures:
        answerable = qrels.count_relevant(measure.rel)[judged_rows] > 0
        if not measure.screening and answerable.any() and not answerable.all():
            means[measure.name] = _average(per_query[measure.name][answerable])
    return means


def _list_cutoffs(measures: Sequence[Measure]) -> list[int]:
    return sorted({measure.cutoff for measure in measures if measure.cutoff is not None})


def _compute_ceilings(
    qrels: Qrels, measures: Sequence[Measure], reached: NDArray[np.bool_], judged_rows: NDArray[np.int64]
) -> dict[str, float]:
    best = JudgedResults.build_ideal(qrels, reached)
    return {
        measure.name: _average(compute_native(measure, best)[judged_rows])
        for measure in measures
        if not measure.screening
    }


def _bound_ties(
    ranking: Ranking, data: JudgedResults, measures: Sequence[Measure], judged_rows: NDArray[np.int64]
) -> dict[str, TieBounds]:
    orders = order_ties(ranking, data)
    bounds: dict[str, TieBounds] = {}
    for measure in measures if orders else ():
        if measure.family == "Judged":
            continue
        worst, best = (compute_native(measure, order)[judged_rows] for order in orders or ())
        moved = int((np.abs(best - worst) > _MOVED).sum())
        if moved:
            bounds[measure.name] = TieBounds(_average(worst), _average(best), moved)
    return bounds


def _bound_holes(
    data: JudgedResults, measures: Sequence[Measure], judged_rows: NDArray[np.int64]
) -> dict[str, dict[str, float | None]]:
    bounds: dict[str, dict[str, float | None]] = {}
    for measure in measures:
        unjudged = data.count_returned(measure.cutoff) - data.sum_by_query(data.mask_within(measure.cutoff))
        if not unjudged[judged_rows].any():
            continue
        columns = {"condensed": compute_condensed(measure, data), "at_most": compute_at_most(measure, data)}
        means = {name: None if column is None else _average(column[judged_rows]) for name, column in columns.items()}
        if any(mean is not None for mean in means.values()):
            bounds[measure.name] = means
    return bounds


def _count_unreached(
    data: JudgedResults, measures: Sequence[Measure], judged_rows: NDArray[np.int64]
) -> dict[str, int]:
    counts = {
        measure.name: int(
            find_undecided(data, measure.family, measure.level, get_threshold(measure, data))[judged_rows].sum()
        )
        for measure in measures
        if measure.screening
    }
    return {name: n for name, n in counts.items() if n}


def _count_queries(
    ranking: Pairs,
    data: JudgedResults,
    judged_rows: NDArray[np.int64],
    measures: Sequence[Measure],
    per_query: Mapping[str, Values],
    whole_corpus: bool,
) -> dict[str, int]:
    qrels, answered = data.qrels, int((ranking.counts[judged_rows] > 0).sum())
    counts = {
        "declared": len(qrels.queries),
        "judged": len(judged_rows),
        "answered": answered,
        "missing": len(judged_rows) - answered,
        "unjudged": len(qrels.queries) - len(judged_rows),
        "no_relevant": int((qrels.count_relevant()[judged_rows] == 0).sum()),
        "left_out": max((int(np.isnan(values).sum()) for values in per_query.values()), default=0),
        "negative_labels": int((qrels.grades < 0).sum()),
        "not_relevant_labels": int((qrels.grades < qrels.min_rel).sum()),
        "tied": len(_find_tied_queries(ranking, _list_cutoffs(measures))) if isinstance(ranking, Ranking) else 0,
    }
    if whole_corpus:
        counts["dangling"] = int((qrels.rows < 0).sum())
    if data.pool is not None:
        counts["unranked"] = int((data.pool.sizes - ranking.counts)[judged_rows].sum())
    return counts


def _find_tied_queries(ranking: Ranking, cutoffs: Sequence[int]) -> set[int]:
    """Return the queries whose documents at a cut-off and just below it have equal scores."""
    tied: set[int] = set()
    for cutoff in cutoffs:
        queries = np.flatnonzero(ranking.counts > cutoff)
        last = ranking.offsets[queries] + cutoff - 1
        tied.update(queries[ranking.scores[last] == ranking.scores[last + 1]].tolist())
    return tied


def _describe_conventions(qrels: Qrels, measures: Sequence[Measure]) -> dict[str, Any]:
    exponential = [measure.name for measure in measures if measure.family == "nDCG_exp"]
    screening = [measure.name for measure in measures if measure.screening]
    conventions: dict[str, Any] = {
        "ties": TIES,
        "mean": "over declared and judged queries; unanswered ones count 0",
        "gain": "linear (grade), negative grades 0",
        "min_rel": qrels.min_rel,
    }
    if exponential:
        conventions["gain"] += f"; {', '.join(exponential)}: 2^grade - 1"
    if screening:
        conventions["mean"] += f"; {', '.join(screening)}: queries with nothing relevant in their pool are left out"
    return conventions
