"""Hashing stages: those whose theory says how likely a pair becomes a candidate, by how alike its records are."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context

Rows = NDArray[np.integer]
Values = NDArray[np.float64]


@runtime_checkable
class HashingStage(Protocol):
    """A stage that pairs what collides under random functions, which like some pairs better than others."""

    @property
    def likeness(self) -> str:
        """On what the probability depends, and its unit: 'angle in degrees', 'Jaccard similarity'."""
        ...

    def measure_likeness(self, query_rows: Rows, doc_rows: Rows, ctx: Context) -> Values:
        """Return that of some pairs, (n,); the context is that of the stage's search."""
        ...

    def find_survival(self, likeness: Values) -> Values | None:
        """Return the probability that pairs become candidates, (n,); None where theory gives none."""
        ...
