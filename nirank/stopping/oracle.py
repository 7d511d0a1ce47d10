"""The rule that knows the truth: what the best of all rules would save."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nirank.errors import ConfigError
from nirank.stopping.rule import Asks, Evidence, Labels, StoppingRule, mark_end


@dataclass(frozen=True)
class Oracle(StoppingRule):
    """Stop where this recall is reached; 1: at the last relevant document. It must know all labels."""

    recall: float = 1.0

    name: ClassVar = "oracle"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.recall <= 1:
            raise ConfigError(f"stopping rule 'oracle': recall must be above 0 and at most 1; got {self.recall}")

    @property
    def asks(self) -> Asks:
        return "truth"

    def mark_stops(self, labels: Labels, size: int) -> NDArray[np.bool_]:
        if len(labels) < size:
            raise ConfigError("stopping rule 'oracle' must know all labels; no review that goes on does")
        found = np.cumsum(labels, dtype=np.int64)
        return mark_end(found >= np.ceil(self.recall * found[-1] - 1e-9), size) if size else np.zeros(0, np.bool_)

    def _judge(self, labels: Labels, size: int) -> Evidence:
        return Evidence(False, "this rule must know all labels, and so can say nothing of a review that goes on")
