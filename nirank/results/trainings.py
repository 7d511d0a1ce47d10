"""Trainings: what the models of a system were trained by, for people: curves, examples, choices."""

from __future__ import annotations

import json
from collections.abc import Sequence

from nirank.algebra.node import Node
from nirank.plan.execute import Runner
from nirank.results.row_training import ModelSoup, Training
from nirank.training.interaction_tasks import TRAIN_TASK as INTERACTION_TASK
from nirank.training.tasks import SOUP_TASK, TRAIN_TASK

POINTS = 200  # of a loss curve that are kept on a row: means over stretches of equal length


def describe_trainings(target: Node, runner: Runner) -> tuple[Training | ModelSoup, ...]:
    """Return what is known of every model that was made for a ranking, in the order in which they were made."""
    nodes = [node for node in target.walk() if node.task in (TRAIN_TASK, INTERACTION_TASK, SOUP_TASK)]
    return tuple(
        _describe_soup(node, runner) if node.task == SOUP_TASK else _describe_training(node, runner) for node in nodes
    )


def _describe_soup(node: Node, runner: Runner) -> ModelSoup:
    stored = runner.run(node)
    assert stored is not None
    soup = json.loads((stored.folder / "soup.json").read_text())
    return ModelSoup(node.label, soup["how"], tuple(soup["ingredients"]), tuple(soup["log"]))


def _describe_training(node: Node, runner: Runner) -> Training:
    stored, examples = runner.run(node), runner.run(node.get_input("examples"))
    assert stored is not None and examples is not None
    curve = json.loads((stored.folder / "curve.json").read_text())
    facts = json.loads((stored.folder / "training.json").read_text())
    return Training(
        **{
            **facts,
            "model": node.label,
            "seconds": stored.meta["declared"]["seconds"],
            "counts": dict(stored.meta["counts"]),
            "examples_by_reason": dict(examples.meta["declared"].get("examples", {})),
            "measure": curve["measure"],
            "loss": thin_curve([(step, loss) for step, loss, _ in curve["steps"]]),
            "evaluations": tuple((step, value) for step, value in curve["evaluations"]),
        }
    )


def thin_curve(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Return at most `POINTS` points: the means over stretches of a curve."""
    stretch = max(-(-len(points) // POINTS), 1)
    parts = [points[at : at + stretch] for at in range(0, len(points), stretch)]
    return tuple((round(part[-1][0], 6), round(sum(value for _, value in part) / len(part), 6)) for part in parts)
