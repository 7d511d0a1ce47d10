"""From a system run to its rows: computed, evaluated under every judgement set, and compared with the others."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nirank.errors import DataError
from nirank.evaluation.comparisons import Significance, compare
from nirank.evaluation.evaluate import Evaluation
from nirank.experiment.result import Result
from nirank.experiment.rows import begun, collapsed, later, measured, stage_conventions, unjudged_facts
from nirank.experiment.system_runs import SystemRun
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.plan.costs import Spent, costs, counted
from nirank.plan.execute import FailedNode, Runner
from nirank.results.evidence import folded
from nirank.results.summaries import add_comparisons
from nirank.results.trainings import trainings

log = logging.getLogger("nirank")


def read_given_files(runs: Sequence[SystemRun], runner: Runner, *, leaves_only: bool = False) -> None:
    """Read the users' files before anything else is computed; raise DataError with the mistakes of all.

    leaves_only  but no files about texts that have to be made first
    """
    mistakes: list[str] = []
    for node in dict.fromkeys(node for run in runs for node in run.target.walk() if node.given):
        if leaves_only and not all(below.is_leaf for _, below in node.inputs):
            continue
        try:
            runner.run(node)
        except FailedNode as failure:
            if isinstance(failure.__cause__, DataError):
                mistakes += failure.__cause__.messages
    if mistakes:
        raise DataError(*mistakes)


def evaluate_system_run(
    run: SystemRun, runner: Runner, measures: Sequence[str], significance: Significance, result: Result
) -> None:
    """Add the rows of a system run to a result, one for each judgement set; those of one that fails say why."""
    qrels_sets: list[Qrels | None] = [*run.collection.qrels.values()] or [None]

    def make_row(qrels: Qrels | None) -> dict[str, Any]:
        return begun(run, qrels, measures, significance.alpha)

    try:
        pairs: Pairs = runner.value(run.target)
    except FailedNode as failure:
        runner.reporter.say(f"{run.collection.name}: {run.system} failed: {failure}")
        for qrels in qrels_sets:
            result.add(make_row(qrels) | {"status": "failed", "error": str(failure)})
        return
    spent = _list_costs(run, runner)
    counts, declared = counted(spent)
    ranking = pairs if isinstance(pairs, Ranking) else None
    if ranking is not None:
        counts |= later(ranking, run.collection) | collapsed(ranking)
    cost = costs(spent, len(run.collection.queries))
    models = trainings(run.target, runner)
    key = (run.collection.name, run.collection.split, run.system)
    result.rankings[key], result.folds[key] = pairs, folded(run.target, runner)
    for qrels in qrels_sets:
        row = make_row(qrels) | {
            "depth": None if ranking is None else ranking.depth,
            "longest": int(pairs.counts.max(initial=0)),
            "counts": counts,
            "cost": cost,
            "trainings": models,
        }
        row["conventions"] |= {"stages": stage_conventions(run.pipeline, declared, run.collection)}
        evaluation, lost = None, None
        if qrels is not None:
            try:
                evaluation, lost = measured(row, run, pairs, qrels, measures, runner)
            except Exception as error:  # of a library that computes a measure
                log.debug("traceback of evaluating %s", run.system, exc_info=True)
                row |= {"status": "failed", "error": f"cannot be evaluated: {error or type(error).__name__}"}
        else:
            row["queries"]["answered"] = int((pairs.counts > 0).sum())
            row["pairs"] = {} if ranking is not None else unjudged_facts(pairs, run.collection)
            row["nulls"] = dict.fromkeys(measures, "the collection has no judgements")
        result.add(row, evaluation, lost)


def compare_systems(result: Result, significance: Significance) -> None:
    """Compare the systems of every collection and judgement set, and let their rows say what came out."""
    of_seeds = {row["system"] for row in result.rows if row["of"] is not None}
    row_of = {(row["collection"], row["split"], row["qrels"], row["system"]): row for row in result.rows}
    tables: dict[tuple[str, str | None, str | None], dict[str, Evaluation]] = {}
    for (collection, split, qrels, system), evaluation in result.evaluations.items():
        table = tables.setdefault((collection, split, qrels), {})
        if system not in of_seeds:
            table[system] = evaluation
    for key, evaluations in tables.items():
        # A baseline that failed is none.
        asked = significance if significance.baseline in evaluations else replace(significance, baseline=None)
        comparisons = compare(evaluations, asked)
        result.comparisons[key] = comparisons
        rows = [row_of[*key, system] for system in evaluations]
        add_comparisons(rows, comparisons)
        if asked.baseline != significance.baseline:
            for row in rows:
                row["conventions"]["comparisons"] += f"; the baseline {significance.baseline} has no values here"


def _list_costs(run: SystemRun, runner: Runner) -> list[Spent]:
    """Return what each computation of a system cost; what only its choices needed counts as training."""
    spent = {each.node.address: each for each in runner.spent(run.target)}
    for choice, _ in run.choices:
        for each in runner.spent(choice):
            spent.setdefault(each.node.address, replace(each, training=True))
    return list(spent.values())
