"""The call of a node's task: what it is called with, and what is to be said of it beside the files that it wrote."""

from __future__ import annotations

import importlib
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nirank.algebra.context import Context
from nirank.algebra.model import MODEL, locate_models
from nirank.algebra.node import Job, Node
from nirank.flow.ranking import Ranking
from nirank.plan.costs import Cost, describe_cost, measure_seconds

Inputs = Mapping[str, list[Any]]  # by role

_RECORDED = ("nirank", "numpy", "pyarrow", "torch", "transformers", "sentence_transformers")


@dataclass(frozen=True)
class Outcome:
    """What is said of a computation beside the files that it wrote."""

    cost: Cost
    whole: bool
    counts: Mapping[str, int]
    declared: Mapping[str, Any]
    versions: Mapping[str, str]


@dataclass(frozen=True)
class TaskCall:
    """A node's task, with all that it is called with but inputs and folder; it can be pickled.

    stage  the node's, its trained models where they lie
    """

    task: str
    params: Mapping[str, Any]
    stage: Any = None
    depth: int | None = None

    @classmethod
    def of(cls, node: Node, inputs: Inputs) -> TaskCall:
        """Return the call of a node's task on such inputs."""
        models = [below.address for role, below in node.inputs if role == MODEL]
        stage = locate_models(node.stage, dict(zip(models, inputs.get(MODEL, ()), strict=True)))
        return cls(node.task, node.params, stage, node.depth)

    def call(self, inputs: Inputs, folder: Path, context: Context) -> Any:
        """Return what the task gives; None: it is what the task wrote into the folder."""
        module, function = self.task.split(":")
        task = getattr(importlib.import_module(module), function)
        return task(Job(self.params, inputs, folder, context, self.stage, self.depth))

    def run(self, inputs: Inputs, folder: Path, context: Context) -> Outcome:
        """Have the task fill the folder, and return what is to be said of it."""
        cost: Cost = {}
        with measure_seconds(cost):
            value = self.call(inputs, folder, context)
            if value is not None:
                value.save(folder)
        cost |= describe_cost(self.stage, inputs, value, folder, context)
        for name, convention in context.declared.items():  # what a stage put there itself
            context.declare(name, convention)
        return Outcome(
            cost,
            isinstance(value, Ranking) and value.depth is None,
            {name: int(n) for name, n in context.counts.items()},
            context.declared,
            _list_versions(),
        )


def make_context(label: str, inputs: Inputs, base: Context) -> Context:
    """Return the context in which a task runs.

    base  what does not come from the inputs: device, memos, engine …
    """
    return replace(
        base,
        stage=label,
        queries=inputs.get("queries", [None])[0],
        docs=inputs.get("docs", [None])[0],
        inputs=tuple(inputs.get("need", ())),
        qrels=inputs.get("judgements", [None])[0],
        known=inputs.get("known", [None])[0],
    )


def _list_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that are loaded."""
    versions = {"python": platform.python_version()}
    for name in _RECORDED:
        version = getattr(sys.modules.get(name), "__version__", None)
        if version:
            versions[name] = str(version)
    return versions
