"""Choices: what judged queries decide, the candidate that `tune` takes and the weights that `learned_sum` learns."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from nirank.algebra.learned_sum import LearnedSum
from nirank.algebra.node import Job, Node
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.sides import TrainingSources
from nirank.algebra.tuned import DecidedPipeline, TunedPipeline
from nirank.algebra.walk import transform
from nirank.errors import NirankError
from nirank.evaluation.bounds import Bound
from nirank.evaluation.evaluate import evaluate
from nirank.evaluation.measures import lower_is_better, parse_measure
from nirank.plan.both_sides import compile_system
from nirank.plan.learned_weights import make_weights_node
from nirank.plan.tasks import combine_scopes

Choice = Mapping[str, Any]  # what `choose` and `learn` write
FindChoice = Callable[[Node], Choice | None]  # the outcome of a choice, None while there is none


class Choices(NamedTuple):
    """The choices inside a pipeline.

    pipeline  with what was decided in the place of each; of an open choice what stands in for it
    outcomes  each choice that has one, inner ones first
    open      those that can be made now: no other is open inside
    """

    pipeline: Pipeline
    outcomes: tuple[tuple[Node, Choice], ...]
    open: tuple[Node, ...]


def resolve_choices(pipeline: Pipeline, sources: TrainingSources, find: FindChoice) -> Choices:
    """Put what was decided in the place of every `tune` and `learned_sum`, inner ones first.

    An inner choice decides what an outer one compiles. So an outer one has no node before all inner ones have an
    outcome; with what stands in for them it is compiled all the same, for the mistakes in it.
    """
    outcomes: list[tuple[Node, Choice]] = []
    open_choices: list[Node] = []

    def resolve(value: Any) -> Any:
        if not isinstance(value, DecidedPipeline):
            return value
        inner = [resolve_choices(pipeline, sources, find) for pipeline in value.pipelines]
        decided = value.with_pipelines(tuple(choices.pipeline for choices in inner))
        outcomes.extend(outcome for choices in inner for outcome in choices.outcomes)
        node = _make_node(decided, sources)
        waiting = [open_node for choices in inner for open_node in choices.open]
        outcome = None if waiting else find(node)
        if outcome is None:
            open_choices.extend(waiting or [node])
            return decided.decide(None)
        outcomes.append((node, outcome))
        return decided.decide(outcome)

    resolved: Pipeline = transform(pipeline, resolve, closed=DecidedPipeline)
    return Choices(resolved, tuple(outcomes), tuple(open_choices))


def _make_node(decided: DecidedPipeline, sources: TrainingSources) -> Node:
    """Return the computation that decides."""
    if isinstance(decided, LearnedSum):
        return make_weights_node(decided, sources)
    assert isinstance(decided, TunedPipeline), f"nothing decides a {type(decided).__name__}"
    return make_choice_node(decided, sources)


def make_choice_node(tuned: TunedPipeline, sources: TrainingSources) -> Node:
    """Return the computation that chooses."""
    sides = sources.open_judged(tuned.on, "tuned")
    measures = (parse_measure(tuned.measure), *(() if tuned.bound is None else (tuned.bound.measure,)))
    sides = replace(sides, full_depth=sides.full_depth or any(measure.screening for measure in measures))
    assert sides.judgements is not None, "checked where judged queries are opened"
    lists = [compile_system(candidate, sides) for candidate in tuned.candidates]
    inputs = (
        ("queries", sides.queries),
        ("docs", sides.docs),
        ("judgements", sides.judgements),
        *(("scope", node) for node in sides.scope),
        *(("list", node) for node in lists),
    )
    label = f"choose among {len(lists)} by {tuned.goal} on {sides.queries.label}"
    params = {
        "measure": tuned.measure,
        **({} if tuned.bound is None else {"subject_to": str(tuned.bound)}),
        **({"one_table": True} if sides.one_table else {}),
        **({"both_ask": True} if sides.both_ask else {}),
    }
    return Node(f"{__name__}:choose", 1, params, inputs, offline=True, training=True, stage=tuned, label=label)


def choose(job: Job) -> None:
    """Measure every candidate and keep which is best, in `choice.json`."""
    measure, qrels = job.params["measure"], job.get_input("judgements")
    bound = Bound.parse(job.params["subject_to"]) if "subject_to" in job.params else None
    measures = (measure,) if bound is None else (measure, bound.measure.name)
    scope = combine_scopes(job) if "scope" in job.inputs else None
    asked = {name: job.params.get(name, False) for name in ("one_table", "both_ask")}
    evaluations = [evaluate(ranking, qrels, measures, scope, **asked) for ranking in job.inputs["list"]]
    values, bounded = ([evaluation.means[name] for evaluation in evaluations] for name in (measures[0], measures[-1]))
    if bounded.count(None) == len(bounded):
        values, measure = bounded, measures[-1]
    if None in values:
        why = evaluations[values.index(None)].nulls.get(measure, "it has no value")
        raise NirankError(f"{measure} cannot be computed on the queries that are tuned on: {why}")
    shortfalls = [0.0 if bound is None else bound.measure_shortfall(value) for value in bounded]
    sign = -1 if lower_is_better(measure) else 1
    best = max(range(len(values)), key=lambda number: (-shortfalls[number], sign * (values[number] or 0.0)))
    entries: list[dict[str, Any]] = [
        {"pipeline": repr(candidate), "value": value}
        for candidate, value in zip(job.stage.candidates, values, strict=True)
    ]
    choice = {
        "chosen": best,
        "pipeline": repr(job.stage.candidates[best]),
        "measure": measure,
        "candidates": entries,
        "queries": int((qrels.counts > 0).sum()),
    }
    if bound is not None:
        choice |= {"subject_to": str(bound), "kept": shortfalls[best] == 0}
        for entry, value in zip(entries, bounded, strict=True):
            entry["bounded"] = value
    (job.folder / "choice.json").write_text(json.dumps(choice, indent=1, ensure_ascii=False) + "\n")


def read_choice(folder: Path) -> Choice:
    """Return what `choose` or `learn` found."""
    choice: Choice = json.loads((folder / "choice.json").read_text(encoding="utf-8"))
    return choice
