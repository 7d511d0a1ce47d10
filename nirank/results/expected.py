"""Expected scores: what a leaderboard is known to say, and how far off it may be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from nirank.errors import ConfigError

TOLERANCE = 0.0005  # half a unit of the third decimal: more than models differ by from one processor to another


@dataclass(frozen=True)
class ExpectedScores:
    """The scores that an experiment is known for.

    scores      {collection: {system: {measure: value}}}, collections as `title_groups` names them; of a system
                over seeds the means
    tolerance   how far off a value may be, on either side; {measure: tolerance} where measures differ, the others have
                0.0005
    tolerances  {system: tolerance, of either form}, which comes before the one of all systems
    limit_queries  the scores are of samples of so many queries a collection; None: of all
    """

    scores: Mapping[str, Mapping[str, Mapping[str, float]]]
    tolerance: float | Mapping[str, float] = TOLERANCE
    tolerances: Mapping[str, float | Mapping[str, float]] = field(default_factory=dict)
    limit_queries: int | None = None

    def __post_init__(self) -> None:
        if not any(True for _ in self.list_scores()):
            raise ConfigError("expected: scores: expected {collection: {system: {measure: value}}}, got none")
        if self.limit_queries is not None and self.limit_queries < 1:
            raise ConfigError(f"expected: limit_queries: expected 1 or more, got {self.limit_queries}")
        stated = [self.tolerance, *self.tolerances.values()]
        values = [value for entry in stated for value in (entry.values() if isinstance(entry, Mapping) else [entry])]
        if wrong := [value for value in values if not (math.isfinite(value) and value >= 0)]:
            raise ConfigError(f"expected: a tolerance is 0 or more, got {wrong[0]}")
        if not all(math.isfinite(value) for *_, value in self.list_scores()):
            raise ConfigError("expected: scores: a value is a finite number; leave out what has none")

    def list_scores(self) -> Iterator[tuple[str, str, str, float]]:
        """Yield collection, system, measure and value of each."""
        for collection, systems in self.scores.items():
            for system, values in systems.items():
                for measure, value in values.items():
                    yield collection, system, measure, value

    def get_tolerance(self, system: str, measure: str) -> float:
        """Return how far off a value may be."""
        for stated in (self.tolerances.get(system), self.tolerance):
            if isinstance(stated, Mapping):
                if measure in stated:
                    return stated[measure]
            elif stated is not None:
                return stated
        return TOLERANCE
