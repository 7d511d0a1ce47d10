"""Rows of single cases: what is said of a system on a collection, before and after it is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.application import Fold, Rewrite
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.stage import Scorer, Stage
from nirank.algebra.walk import children
from nirank.collections.collection import Collection
from nirank.collections.twins import share_labels, unequal_groups
from nirank.evaluation.evaluate import Evaluation, evaluate
from nirank.evaluation.ledger import Lost, PairLedger, entry
from nirank.evaluation.measures import is_of_pairs
from nirank.evaluation.pair_evaluation import COMPLETE, evaluate_pairs
from nirank.experiment.leaves import is_one_table
from nirank.experiment.supervision import find_seen_queries
from nirank.experiment.system_runs import SystemRun
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.plan.execute import Runner
from nirank.results.contamination import ZeroShot, zero_shot
from nirank.results.summaries import Row, add_evaluation, blank_row

_VIEWS = ("query_text", "doc_text")


def begun(case: SystemRun, qrels: Qrels | None, measures: Sequence[str], alpha: float) -> Row:
    """Return a row before anything is known of its numbers."""
    collection, own = case.collection, case.list_training_on_documents()
    known = ZeroShot("no", f"trained on {', '.join(own)}") if own else zero_shot(case.pipeline, collection)
    return blank_row(
        measures,
        zero_shot=known.answer,
        collection=collection.name,
        split=collection.split,
        unit=collection.unit,
        qrels=None if qrels is None else qrels.name,
        system=case.system,
        queries={"declared": len(collection.queries), "judged": 0, "answered": 0},
        alpha=alpha,
        conventions={
            "self_match": collection.self_match,
            "time": collection.time,
            "zero_shot": known.why,
            **collection.origin.get("conventions", {}),
        },
        pipeline=repr(case.pipeline),
        address=case.target.address,
        **case.describe_training(),
    )


def measured(
    row: Row, case: SystemRun, found: Pairs, qrels: Qrels, measures: Sequence[str], runner: Runner
) -> tuple[Evaluation, list[Lost] | None]:
    """Evaluate a ranking or pairs, and let its row say what came out.

    Returns the matches that it lacks too, where pairs are counted.
    """
    collection = case.collection
    one_table = is_one_table(collection)
    complete = collection.unit == "pair" and collection.split == COMPLETE
    evaluation = evaluate(found, qrels, measures, collection.scope, one_table=one_table, complete=complete)
    add_evaluation(row, evaluation)
    counted = PairLedger(qrels, one_table=one_table) if evaluation.pairs else None
    row["ledger"] = _ledger(case, runner, qrels, measures, counted)
    row["unseen"] = _unseen(case, qrels, evaluation)
    if isinstance(found, Ranking):
        row["twins"] = _with_shared_labels(found, qrels, measures, collection)
    return evaluation, None if counted is None else counted.list_lost(found)


def unjudged_facts(found: Pairs, collection: Collection) -> dict[str, Any]:
    """Return how many candidates there are, where nobody has said which of them match."""
    nothing = Qrels.build(found.queries, found.docs, *(np.empty(0, np.int64) for _ in range(3)))
    one_table = is_one_table(collection)
    return dict(evaluate_pairs(found, nothing, (), one_table=one_table, whole_corpus=True, complete=False).facts)


def _with_shared_labels(
    ranking: Ranking, qrels: Qrels, measures: Sequence[str], collection: Collection
) -> dict[str, float | None]:
    """Return the measures where documents with equal texts share their best label; empty where that changes nothing."""
    groups = collection.twin_groups
    measures = [name for name in measures if not is_of_pairs(name)]
    if not measures or not len(unequal_groups(qrels, groups)):
        return {}
    return dict(evaluate(ranking, share_labels(qrels, groups, collection.scope), measures, collection.scope).means)


def _unseen(case: SystemRun, qrels: Qrels, evaluation: Evaluation) -> dict[str, Any]:
    """Return the means over the queries whose relevant documents' texts were relevant in no training pair."""
    known = find_seen_queries(case.supervision, case.collection, qrels)
    if known is None:
        return {}
    rows = qrels.queries.find_rows(list(evaluation.queries))
    left = ~known[rows]
    means = {name: _mean(values[left]) for name, values in evaluation.per_query.items()}
    return {"queries": int(left.sum()), "of": len(left), "measures": means}


def _mean(values: NDArray[np.float64]) -> float | None:
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else None


def _ledger(
    case: SystemRun, runner: Runner, qrels: Qrels, measures: Sequence[str], counted: PairLedger | None
) -> list[dict[str, Any]]:
    """Return an entry for every list on the way to the system's own, and for the head that each scorer reads."""
    entries = []

    def add(stage: str, found: Pairs) -> None:
        pairs = {} if counted is None else {"pairs": counted.count(stage, found)}
        entries.append(entry(stage, found, qrels, measures) | pairs)

    both = {(role, case.target.input(role)) for role in ("queries", "docs")}
    for node in case.target.walk(lambda one: not one.training):  # what training ranks is no list of the system
        whole = both <= set(node.inputs)  # lists of passages, or of a fold's queries, are not counted
        if node.is_leaf or node.kind not in ("ranking", "pairs") or not whole:
            continue
        if isinstance(node.stage, Scorer):
            found = runner.value(node.input("list"))
            if isinstance(found, Ranking):
                add(f"first {node.stage.depth} for {node.label}", found.cut(node.stage.depth))
        add(node.label, runner.value(node))
    return entries


def later(ranking: Ranking, collection: Collection) -> dict[str, int]:
    """Count documents from after the query among each list's first ten, where no rule takes them out."""
    docs, queries = collection.doc_dates, collection.query_dates
    if docs is None or queries is None or collection.time == "as_of_query":
        return {}
    head = ranking.cut(10)
    both = ~docs.undated[head.rows] & ~queries.undated[head.query_rows]
    later = both & (docs.first[head.rows] > queries.last[head.query_rows])
    return {"later_in_top10": int(later.sum())} if later.any() else {}


def collapsed(ranking: Ranking) -> dict[str, int]:
    """Count neighbours that a tool with 32-bit floats takes for tied when it reads the run file."""
    n = ranking.count_float32_ties()
    return {"tied_in_32_bits": n} if n else {}


def stage_conventions(pipeline: Pipeline, declared: Mapping[str, Any], collection: Collection) -> dict[str, Any]:
    """Return what each stage of a pipeline states about itself, and what it declared while running."""
    found: dict[str, Any] = {}

    def visit(part: Any, whole: bool) -> None:
        if isinstance(part, Stage):
            read = _views_read(part, collection) if whole else {}
            found[part.title] = {**part.describe_conventions(), **read, **declared.get(part.title, {})}
            return
        for below in children(part):
            visit(below, whole and not isinstance(part, (Fold, Rewrite)))

    visit(pipeline, True)
    return found | {label: said for label, said in declared.items() if label not in found}


def _views_read(one: Stage, collection: Collection) -> dict[str, str]:
    """Return the text views by which a stage reads whole documents and declared queries, as they come out there."""
    sides = {"queries": collection.queries, "docs": collection.docs}
    views = [(option, view, sides[side]) for option, side, view in one.list_text_views() if option in _VIEWS]
    stated = {option: (str(view), texts.readable.said(view)) for option, view, texts in views}
    return {
        option: said for option, (name, said) in stated.items() if option in one.describe_conventions() or said != name
    }
