"""From a system run to its rows: computed, evaluated under every judgement set, and compared with the others."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from nirank.errors import DataError
from nirank.evaluation.comparisons import Significance
from nirank.experiment.diagnostics import Diagnostician
from nirank.experiment.result import Result
from nirank.experiment.rows import add_outcome, evaluate_row, fail_row, leave_unjudged, make_row
from nirank.experiment.system_lists import list_system_lists, make_judged_lists
from nirank.experiment.system_runs import SystemRun
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.plan.costs import NodeCost
from nirank.plan.execute import FailedNode, Runner
from nirank.results.evidence import find_folds
from nirank.results.row_comparisons import compare_rows
from nirank.results.written import list_written
from nirank.stopping.rule import StoppingRule

log = logging.getLogger("nirank")


def read_given_files(runs: Sequence[SystemRun], runner: Runner, *, leaves_only: bool = False) -> None:
    """Read the users' files before anything else is computed; raise DataError with the mistakes of all.

    leaves_only  but no files about texts that have to be made first
    """
    mistakes: list[str] = []
    for node in dict.fromkeys(node for run in runs for node in run.target.walk() if node.from_user):
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
    run: SystemRun,
    runner: Runner,
    measures: Sequence[str],
    significance: Significance,
    stopping: Sequence[StoppingRule],
    diagnostician: Diagnostician | None,
    result: Result,
) -> None:
    """Add the rows of a system run to a result, one for each judgement set; those of one that fails say why."""
    collection = run.collection
    qrels_sets: list[Qrels | None] = [*collection.qrels.values()] or [None]
    rows = [make_row(run, qrels, measures, significance.alpha) for qrels in qrels_sets]
    try:
        pairs: Pairs = runner.get_value(run.target)
    except FailedNode as failure:
        runner.reporter.say(f"{collection.name}: {run.system} failed: {failure}")
        for row in rows:
            result.add(fail_row(row, str(failure)))
        return
    node_costs = _list_costs(run, runner)
    key = (collection.name, collection.split, run.system)
    result.rankings[key], result.folds[key] = pairs, find_folds(run.target, runner)
    system_lists = list_system_lists(run, pairs, runner)
    for qrels in qrels_sets:
        set_key = (collection.name, collection.split, None if qrels is None else qrels.name)
        if set_key not in result.lists:
            result.lists[set_key] = make_judged_lists(collection, qrels)
        result.lists[set_key].systems[run.system] = system_lists
    for data in run.written:
        result.written[data.table.address] = partial(list_written, data, runner)
    for row, qrels in zip(rows, qrels_sets, strict=True):
        row = add_outcome(row, run, pairs, node_costs, runner)
        if qrels is None:
            result.add(leave_unjudged(row, pairs, collection, measures))
            continue
        try:
            result.add(*evaluate_row(row, run, pairs, qrels, measures, stopping, diagnostician, runner))
        except Exception as error:  # of a library that computes a measure
            log.debug("traceback of evaluating %s", run.system, exc_info=True)
            result.add(fail_row(row, f"cannot be evaluated: {error or type(error).__name__}"))


def compare_systems(result: Result, significance: Significance) -> None:
    """Compare the systems of every collection and judgement set, and let their rows say what came out."""
    rows, comparisons = compare_rows(result.rows, result.evaluations, significance)
    result.rows[:] = rows
    result.comparisons |= comparisons


def _list_costs(run: SystemRun, runner: Runner) -> list[NodeCost]:
    """Return what each computation of a system cost; what only its choices needed counts as training."""
    node_costs = {node_cost.node.address: node_cost for node_cost in runner.list_costs(run.target)}
    for choice, _ in run.choices:
        for node_cost in runner.list_costs(choice):
            node_costs.setdefault(node_cost.node.address, replace(node_cost, training=True))
    return list(node_costs.values())
