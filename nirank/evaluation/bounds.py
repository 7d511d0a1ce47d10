"""Bounds on measures: what must be reached, or not be passed, such as 'PC >= 0.95'."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from nirank.errors import ConfigError
from nirank.evaluation.measures import Measure, parse_measure

_BOUND = re.compile(r"^\s*(?P<measure>\S.*?)\s*(?P<sign>>=|<=)\s*(?P<limit>[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?)\s*$")


@dataclass(frozen=True)
class Bound:
    """A value that a measure must reach ('>=') or not pass ('<=')."""

    measure: Measure
    sign: str
    limit: float

    @classmethod
    def parse(cls, text: str) -> Bound:
        """Read 'MEASURE >= NUMBER' or 'MEASURE <= NUMBER'; raise ConfigError for anything else."""
        match = _BOUND.match(text)
        if not match:
            raise ConfigError(f"expected a measure and its bound, such as 'PC >= 0.95', got {text!r}")
        return cls(parse_measure(match["measure"]), match["sign"], float(match["limit"]))

    def measure_shortfall(self, value: float | None) -> float:
        """Return by how much a value lies outside the bound; 0 where it is kept, infinity where there is no value."""
        if value is None:
            return math.inf
        return max(self.limit - value if self.sign == ">=" else value - self.limit, 0.0)

    def __str__(self) -> str:
        return f"{self.measure} {self.sign} {self.limit:g}"
