"""Trainings: what the models of a system were trained by, for people: curves, examples, choices."""

from __future__ import annotations

import json
from typing import Any

from nirank.algebra.node import Node
from nirank.plan.execute import Runner
from nirank.training.tasks import SOUP_TASK, TRAIN_TASK

POINTS = 200  # of a loss curve that are kept on a row: means over stretches of equal length


def trainings(node: Node, runner: Runner) -> list[dict[str, Any]]:
    """Return what is known of every model that was made for a ranking, in the order in which they were made."""
    found = []
    for one in node.walk():
        if one.task not in (TRAIN_TASK, SOUP_TASK):
            continue
        stored = runner.run(one)
        assert stored is not None
        if one.task == SOUP_TASK:
            found.append({"model": one.label, **json.loads((stored.folder / "soup.json").read_text())})
            continue
        curve = json.loads((stored.folder / "curve.json").read_text())
        said = json.loads((stored.folder / "training.json").read_text())
        made = runner.run(one.input("examples"))
        assert made is not None
        found.append(
            {
                "model": one.label,
                **said,
                "seconds": stored.meta["declared"]["seconds"],
                "counts": dict(stored.meta["counts"]),
                "examples_by_reason": dict(made.meta["declared"].get("examples", {})),
                "measure": curve["measure"],
                "loss": thinned([(step, loss) for step, loss, _ in curve["steps"]]),
                "evaluations": curve["evaluations"],
            }
        )
    return found


def thinned(points: list[tuple[float, float]]) -> list[list[float]]:
    """Return at most `POINTS` points: the means over stretches of a curve."""
    stretch = max(-(-len(points) // POINTS), 1)
    parts = [points[at : at + stretch] for at in range(0, len(points), stretch)]
    return [[round(part[-1][0], 6), round(sum(value for _, value in part) / len(part), 6)] for part in parts]
