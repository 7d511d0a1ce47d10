"""How a tuned pipeline is settled: the candidates are ranked and measured on their own queries, the best one stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from nirank.algebra.node import Job, Node
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.stage import TrainingSources
from nirank.algebra.tuned import Tuned
from nirank.algebra.walk import transform
from nirank.errors import NirankError
from nirank.evaluation.evaluate import evaluate
from nirank.evaluation.measures import lower_is_better, parse
from nirank.plan.tasks import job_scope

Chosen = Callable[[Node], dict[str, Any] | None]  # what choosing found, None while it is to be done


class PendingError(NirankError):
    """A choice has to be made before the rest can be planned."""

    def __init__(self, node: Node) -> None:
        super().__init__(f"{node.label}: to be chosen first")
        self.node = node


def settled(
    pipeline: Pipeline, sources: TrainingSources, chosen: Chosen
) -> tuple[Pipeline, list[tuple[Node, dict[str, Any]]]]:
    """Return the pipeline with its choices made, and what was chosen; raise PendingError for the first that is not."""
    said: list[tuple[Node, dict[str, Any]]] = []

    def change(value: Any) -> Any:
        if not isinstance(value, Tuned):
            return value
        node = choice(value, sources)
        found = chosen(node)
        if found is None:
            raise PendingError(node)
        said.append((node, found))
        return value.candidates[found["chosen"]]

    made: Pipeline = transform(pipeline, change)
    return made, said


def choice(one: Tuned, sources: TrainingSources) -> Node:
    """Return the computation that chooses."""
    own = sources.open_judged(one.on, "tuned")
    own = replace(own, whole=own.whole or parse(one.measure).screening)
    assert own.judgements is not None, "checked where judged queries are opened"
    lists = [sources.compile_pipeline(candidate, own) for candidate in one.candidates]
    inputs = (
        ("queries", own.queries),
        ("docs", own.docs),
        ("judgements", own.judgements),
        *(("scope", node) for node in own.scope),
        *(("list", node) for node in lists),
    )
    label = f"choose among {len(lists)} by {one.measure} on {own.queries.label}"
    params = {"measure": one.measure, **({"one_table": True} if own.one_table else {})}
    return Node(f"{__name__}:choose", 1, params, inputs, offline=True, training=True, stage=one, label=label)


def choose(job: Job) -> None:
    """Measure every candidate and keep which is best, in `choice.json`."""
    measure, qrels = job.params["measure"], job.one("judgements")
    scope = job_scope(job) if "scope" in job.inputs else None
    one_table = job.params.get("one_table", False)
    evaluated = [evaluate(found, qrels, (measure,), scope, one_table=one_table) for found in job.inputs["list"]]
    values = [one.means[measure] for one in evaluated]
    why = next((one.nulls.get(measure, "it has no value") for one in evaluated if one.means[measure] is None), None)
    if why is not None:
        raise NirankError(f"{measure} cannot be computed on the queries that are tuned on: {why}")
    sign = -1 if lower_is_better(measure) else 1
    best = max(range(len(values)), key=lambda at: sign * (values[at] or 0.0))
    said = {
        "chosen": best,
        "pipeline": repr(job.stage.candidates[best]),
        "measure": measure,
        "candidates": [
            {"pipeline": repr(one), "value": value} for one, value in zip(job.stage.candidates, values, strict=True)
        ],
        "queries": len(job.one("queries")),
    }
    (job.folder / "choice.json").write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n")


def read_choice(folder: Path) -> dict[str, Any]:
    """Return what `choose` found."""
    found: dict[str, Any] = json.loads((folder / "choice.json").read_text(encoding="utf-8"))
    return found
