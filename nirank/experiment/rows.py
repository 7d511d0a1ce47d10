"""Rows of system runs: what is known of a system on a collection before it runs, after it ran, and once evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.application import Fold, Rewrite
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.stage import Stage
from nirank.algebra.walk import children
from nirank.collections.collection import Collection
from nirank.collections.twins import find_unequal_groups, share_labels
from nirank.evaluation.evaluate import Evaluation, evaluate
from nirank.evaluation.ledger import Lost, PairLedger, count_losses, find_relevant
from nirank.evaluation.measures import is_of_pairs
from nirank.evaluation.pair_evaluation import COMPLETE, evaluate_pairs
from nirank.experiment.diagnostics import Diagnostician
from nirank.experiment.leaves import is_one_table
from nirank.experiment.stage_lists import list_stage_lists
from nirank.experiment.stopping import end_reviews
from nirank.experiment.supervision import find_seen_queries
from nirank.experiment.survival import trace_survival
from nirank.experiment.system_runs import SystemRun
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.plan.both_sides import UNITE
from nirank.plan.costs import NodeCost, sum_costs, sum_counts
from nirank.plan.execute import Runner
from nirank.results.contamination import ZeroShot, judge_zero_shot
from nirank.results.row import Conventions, NewDocuments, PairFacts, QueryCounts, Row, Source, StagePairs, StageRecall
from nirank.results.row_training import Candidate, Choice
from nirank.results.summaries import add_evaluation
from nirank.results.trainings import describe_trainings
from nirank.results.written import count_written, describe_written
from nirank.stopping.rule import StoppingRule

_VIEWS = ("query_text", "doc_text")


def make_row(run: SystemRun, qrels: Qrels | None, measures: Sequence[str], alpha: float) -> Row:
    """Return the row of a system run before it runs: what it is, what it was trained on, and no numbers."""
    collection = run.collection
    answer = _judge_zero_shot(run)
    row = Row(
        collection=collection.name,
        split=collection.split,
        qrels=None if qrels is None else qrels.name,
        unit=collection.unit,
        system=run.system,
        pipeline=repr(run.pipeline),
        address=run.target.address,
        queries=QueryCounts(declared=collection.n_asking),
        measures=dict.fromkeys(measures),
        alpha=alpha,
        zero_shot=answer.answer,
        conventions=Conventions(
            self_match=collection.self_match,
            time=collection.time,
            zero_shot=answer.why,
            collection=collection.origin.get("conventions", {}),
        ),
    )
    return _add_training(row, run)


def fail_row(row: Row, error: str) -> Row:
    """Return the row of a system run that failed."""
    return replace(row, status="failed", error=error)


def add_outcome(row: Row, run: SystemRun, pairs: Pairs, spent: Sequence[NodeCost], runner: Runner) -> Row:
    """Return a row with what the run gave, whatever the judgements: depth, counts, costs, conventions."""
    collection = run.collection
    counts, declared = sum_counts(spent)
    for node_cost in spent:
        if node_cost.node.task == UNITE:  # the records that no pair holds are those of the united pairs
            counts |= node_cost.stored.meta["counts"]
    if isinstance(pairs, Ranking):
        counts |= _count_later_documents(pairs, collection) | _count_32_bit_ties(pairs)
    written = tuple(describe_written(data, runner) for data in run.written)
    return replace(
        row,
        trained_on=tuple(count_written(queries, written) for queries in row.trained_on),
        written=written,
        depth=pairs.depth if isinstance(pairs, Ranking) else None,
        longest_list=int(pairs.counts.max(initial=0)),
        counts=counts,
        cost=sum_costs(spent, collection.n_asking),
        trainings=describe_trainings(run.target, runner),
        conventions=replace(row.conventions, stages=describe_stage_conventions(run.pipeline, declared, collection)),
    )


def evaluate_row(
    row: Row,
    run: SystemRun,
    pairs: Pairs,
    qrels: Qrels,
    measures: Sequence[str],
    stopping: Sequence[StoppingRule],
    diagnostician: Diagnostician | None,
    runner: Runner,
) -> tuple[Row, Evaluation, list[Lost] | None]:
    """Evaluate the ranking or pairs of a system run, and return its row with what came out.

    Returns the matches that it lacks too, where pairs are counted.
    """
    collection = run.collection
    one_table = is_one_table(collection)
    complete = collection.unit == "pair" and collection.split == COMPLETE
    evaluation = evaluate(
        pairs,
        qrels,
        measures,
        collection.scope,
        one_table=one_table,
        complete=complete,
        both_ask=collection.both_ask,
    )
    ledger = PairLedger(qrels, one_table=one_table) if evaluation.pairs else None
    row = replace(
        add_evaluation(row, evaluation),
        stages=_measure_stages(run, runner, qrels, measures, ledger),
        survival=trace_survival(run, runner, qrels),
        stopping=end_reviews(stopping, pairs, qrels, collection),
        diagnosis=None if diagnostician is None else diagnostician.diagnose(run, pairs, qrels),
        new_documents=_measure_new_documents(run, qrels, evaluation),
        twins=_measure_twins(pairs, qrels, measures, collection) if isinstance(pairs, Ranking) else {},
    )
    return row, evaluation, None if ledger is None else ledger.list_lost(pairs)


def leave_unjudged(row: Row, pairs: Pairs, collection: Collection, measures: Sequence[str]) -> Row:
    """Return the row of a system run without judgements: how many candidates there are, why measures have no value."""
    return replace(
        row,
        queries=replace(row.queries, answered=int((pairs.counts > 0).sum())),
        pairs=None if isinstance(pairs, Ranking) else _count_unjudged_pairs(pairs, collection),
        nulls=dict.fromkeys(measures, "the collection has no judgements"),
    )


def _judge_zero_shot(run: SystemRun) -> ZeroShot:
    trained_here = run.list_training_on_documents()
    if trained_here:
        return ZeroShot("no", f"trained on {', '.join(trained_here)}")
    return judge_zero_shot(run.pipeline, run.collection)


def _add_training(row: Row, run: SystemRun) -> Row:
    """Return a row with the run's seed and folds, and what it was trained and tuned on."""
    trained_on, tuned_on = run.describe_training(), run.describe_tuning()
    return replace(
        row,
        seed=run.seed,
        seed_of=None if run.system == run.of else run.of,
        folds=run.folds,
        trained_on=trained_on,
        trained_on_test=any(queries.leaks for queries in trained_on),
        tuned_on=tuned_on,
        tuned_on_test=any(queries.leaks for queries in tuned_on),
        choices=tuple(_describe_choice(outcome) for _, outcome in run.choices),
    )


def _describe_choice(outcome: Mapping[str, Any]) -> Choice:
    listed = {name: tuple(value) for name, value in outcome.items() if isinstance(value, (list, tuple))}
    return Choice(**{**outcome, **listed, "candidates": tuple(Candidate(**each) for each in outcome["candidates"])})


def _count_unjudged_pairs(pairs: Pairs, collection: Collection) -> PairFacts:
    """Return how many candidates there are, where nobody has said which of them match."""
    nothing = Qrels.build(pairs.queries, pairs.docs, *(np.empty(0, np.int64) for _ in range(3)))
    one_table = is_one_table(collection)
    evaluation = evaluate_pairs(
        pairs,
        nothing,
        (),
        scope=collection.scope,
        one_table=one_table,
        whole_corpus=True,
        complete=False,
        both_ask=collection.both_ask,
    )
    return PairFacts(**evaluation.facts)


def _measure_twins(
    ranking: Ranking, qrels: Qrels, measures: Sequence[str], collection: Collection
) -> dict[str, float | None]:
    """Return the measures where documents with equal texts share their best label; empty where that changes nothing."""
    groups = collection.twin_groups
    measures = [name for name in measures if not is_of_pairs(name)]
    if not measures or not len(find_unequal_groups(qrels, groups)):
        return {}
    return dict(evaluate(ranking, share_labels(qrels, groups, collection.scope), measures, collection.scope).means)


def _measure_new_documents(run: SystemRun, qrels: Qrels, evaluation: Evaluation) -> NewDocuments | None:
    """Return the means over the queries whose relevant documents' texts were relevant in no training pair."""
    known = find_seen_queries(run.supervision, run.collection, qrels)
    if known is None:
        return None
    rows = qrels.queries.find_rows(list(evaluation.queries))
    new = ~known[rows]
    means = {name: _average(values[new]) for name, values in evaluation.per_query.items()}
    return NewDocuments(int(new.sum()), len(new), means)


def _average(values: NDArray[np.float64]) -> float | None:
    """Return the mean of what is not left out; None where that is nothing."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def _measure_stages(
    run: SystemRun, runner: Runner, qrels: Qrels, measures: Sequence[str], ledger: PairLedger | None
) -> tuple[StageRecall, ...]:
    """Return what is left after every stage on the way to the system's list, and in what each scorer reads."""
    lists = list_stage_lists(run.target, runner)
    relevant: list[NDArray[np.bool_]] = []
    stages = []
    for stage_list in lists:
        pairs = stage_list.read(runner)
        counts = None if ledger is None else StagePairs(**ledger.count(stage_list.label, pairs))
        values = count_losses(stage_list.label, pairs, qrels, measures)
        relevant.append(find_relevant(pairs, qrels))
        sources = tuple(Source(at, int((relevant[at] & relevant[-1]).sum())) for at in stage_list.sources)
        values["total"] = values.pop("of")
        stages.append(StageRecall(**values, pairs=counts, sources=sources))
    return tuple(stages)


def _count_later_documents(ranking: Ranking, collection: Collection) -> dict[str, int]:
    """Count documents from after the query among each list's first ten, where no rule takes them out."""
    docs, queries = collection.doc_dates, collection.query_dates
    if docs is None or queries is None or collection.time == "as_of_query":
        return {}
    head = ranking.cut(10)
    dated = ~docs.undated[head.rows] & ~queries.undated[head.query_rows]
    later = dated & (docs.first[head.rows] > queries.last[head.query_rows])
    return {"later_in_top10": int(later.sum())} if later.any() else {}


def _count_32_bit_ties(ranking: Ranking) -> dict[str, int]:
    """Count neighbours that a tool with 32-bit floats takes for tied when it reads the run file."""
    n = ranking.count_float32_ties()
    return {"tied_in_32_bits": n} if n else {}


def describe_stage_conventions(
    pipeline: Pipeline, declared: Mapping[str, Any], collection: Collection
) -> dict[str, Mapping[str, Any]]:
    """Return what each stage of a pipeline states about itself, and what it declared while running."""
    stated: dict[str, Mapping[str, Any]] = {}

    def visit(part: Any, reads_declared: bool) -> None:
        if isinstance(part, Stage):
            views = _describe_views(part, collection) if reads_declared else {}
            stated[part.title] = {**part.describe_conventions(), **views, **declared.get(part.title, {})}
            return
        for child in children(part):
            visit(child, reads_declared and not isinstance(part, (Fold, Rewrite)))

    visit(pipeline, True)
    return stated | {label: values for label, values in declared.items() if label not in stated}


def _describe_views(stage: Stage, collection: Collection) -> dict[str, str]:
    """Return the text views by which a stage reads whole documents and declared queries, as they come out there."""
    sides = {"queries": collection.queries, "docs": collection.docs}
    views = [(option, view, sides[side]) for option, side, view in stage.list_text_views() if option in _VIEWS]
    stated = {option: (str(view), texts.text_fields.describe_view(view)) for option, view, texts in views}
    conventions = stage.describe_conventions()
    return {option: read for option, (name, read) in stated.items() if option in conventions or read != name}
