"""Batches: how many documents are judged before a model is fitted again."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from nirank.base.values import fit_fields
from nirank.errors import ConfigError


@dataclass(frozen=True)
class Batches:
    """Sizes of batches: B, then B + ⌈growth × B⌉, and so on. 1 with growth 0.1 is AutoTAR's.

    Cormack and Gordon, arXiv 1504.06868.
    """

    size: int = 1
    growth: float = 0.0

    def __post_init__(self) -> None:
        fit_fields(self, "batches")
        if self.size < 1:
            raise ConfigError(f"batch must be 1 or more, got {self.size}")
        if self.growth < 0:
            raise ConfigError(f"growth must be 0 or more, got {self.growth}")

    def locate(self, judged: int) -> tuple[int, int, int]:
        """Return the batch that the next document is in, from 0, and how many are judged before it and at its end.

        judged  how many documents were judged, priors left out
        """
        if not self.growth:
            number = judged // self.size
            return number, number * self.size, (number + 1) * self.size
        number, start, size = 0, 0, self.size
        while start + size <= judged:
            start += size
            size += self._find_growth(size)
            number += 1
        return number, start, start + size

    def find_size(self, number: int) -> int:
        """Return the size of a batch, by its number from 0."""
        size = self.size
        for _ in range(number if self.growth else 0):
            size += self._find_growth(size)
        return size

    def _find_growth(self, size: int) -> int:
        return ceil(size * self.growth - 1e-9)  # a tenth of 10 is no more than 1, whatever the rounding
