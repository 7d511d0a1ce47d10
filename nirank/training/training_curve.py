"""The curve of a training: its losses and evaluations, read off a trainer's log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

EVALUATION = "eval_value"  # under which a trainer's log has the value of an evaluation


@dataclass(frozen=True)
class TrainingCurve:
    """The course of a training: (step, loss, learning rate) and (step, value), in the order of steps."""

    steps: list[tuple[int, float, float]]
    evaluations: list[tuple[int, float]]

    @classmethod
    def of(cls, log: list[dict[str, Any]]) -> TrainingCurve:
        """Read a trainer's log."""
        steps = [(entry["step"], entry["loss"], entry["learning_rate"]) for entry in log if "loss" in entry]
        return cls(steps, [(entry["step"], entry[EVALUATION]) for entry in log if EVALUATION in entry])

    @property
    def best(self) -> tuple[int, float] | None:
        """Return the best evaluation, the first of equal ones."""
        return max(self.evaluations, key=lambda evaluation: (evaluation[1], -evaluation[0]), default=None)

    @property
    def evaluations_since_best(self) -> int:
        """Return how many evaluations have followed the best."""
        return sum(step > self.best[0] for step, _ in self.evaluations) if self.best else 0
