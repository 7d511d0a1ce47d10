"""Which differences between systems can be told from chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from nirank.errors import ConfigError, StageError, suggest
from nirank.evaluation import statistics
from nirank.evaluation.evaluate import Evaluation

Test = Literal["randomisation", "t"]


@dataclass(frozen=True)
class Significance:
    """How systems are compared.

    test        Fisher's paired randomisation test on the mean, or the paired t test
    correction  for the whole family of tests that a table shows; 'holm', 'none', or another of statsmodels' names
    alpha       level of the tests; intervals have level 1 - alpha
    resamples   of the test and of the bootstrap
    baseline    a system that all others are compared with: a family of its own
    """

    test: Test = "randomisation"
    correction: str = "holm"
    alpha: float = 0.05
    resamples: int = 10_000
    seed: int = 0
    baseline: str | None = None

    def check(self, systems: Sequence[str]) -> None:
        """Raise ConfigError for what cannot be meant."""
        if self.test not in get_args(Test):
            raise ConfigError(f"test '{self.test}': expected {' or '.join(get_args(Test))}")
        statistics.check_correction(self.correction)
        if not 0 < self.alpha < 1:
            raise ConfigError(f"alpha must lie between 0 and 1, got {self.alpha}")
        if self.resamples < 100:
            raise ConfigError(f"resamples must be 100 or more, got {self.resamples}")
        if self.baseline is not None and self.baseline not in systems:
            raise ConfigError(f"baseline: there is no system '{self.baseline}'{suggest(self.baseline, systems)}")


@dataclass(frozen=True)
class Comparison:
    """System `b` against system `a` on one measure; differences are b - a, paired by query.

    interval            bootstrap, of the mean difference
    p, p_adjusted       of the test; adjusted over all pairs of systems and all measures of the table
    p_baseline          adjusted over all systems against the baseline, None where neither is the baseline
    effect              Cohen's d of the differences
    minimum_detectable  mean difference that a t test would find with power 0.8 at this n and spread
    """

    measure: str
    a: str
    b: str
    n: int
    difference: float
    interval: tuple[float, float]
    p: float
    p_adjusted: float
    p_baseline: float | None
    effect: float
    wins: int
    ties: int
    losses: int
    minimum_detectable: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON: infinite effects as None."""
        found = asdict(self)
        return {key: None if isinstance(one, float) and not np.isfinite(one) else one for key, one in found.items()}


@dataclass(frozen=True)
class Comparisons:
    """All pairs of systems of one collection and judgement set.

    intervals  {measure: {system: bootstrap interval of its mean}}
    groups     {measure: {system: letters}}; systems that share a letter cannot be told apart
    """

    pairs: Sequence[Comparison]
    intervals: Mapping[str, Mapping[str, tuple[float, float]]]
    groups: Mapping[str, Mapping[str, str]]
    settings: Significance

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON: the settings, the size of the family, the pairs."""
        return {**asdict(self.settings), "family": len(self.pairs), "pairs": [one.as_dict() for one in self.pairs]}

    def of(self, system: str) -> dict[str, Any]:
        """Return what a system's row says: intervals, letters, and the comparison with the baseline, by measure."""
        return {
            "baseline": self.settings.baseline,
            "alpha": self.settings.alpha,
            "intervals": {name: list(found[system]) for name, found in self.intervals.items() if system in found},
            "groups": {name: found[system] for name, found in self.groups.items() if system in found},
            "against": {
                one.measure: one.as_dict() for one in self.pairs if one.b == system and one.a == self.settings.baseline
            },
        }

    def words(self) -> str:
        """Say how it was tested, in one sentence."""
        how = self.settings
        test = f"randomisation test, {how.resamples:,} resamples" if how.test == "randomisation" else "paired t test"
        corrected = "uncorrected" if how.correction == "none" else how.correction.capitalize()
        return f"{test}, {corrected} over {len(self.pairs)} comparisons, alpha {how.alpha}"


def compare(evaluations: Mapping[str, Evaluation], settings: Significance | None = None) -> Comparisons:
    """Compare every two systems on every measure that both have.

    evaluations  by system, on the same queries and judgements
    Raises StageError where the evaluated queries differ: nothing would be paired.
    """
    settings = settings or Significance()
    queries = {tuple(one.queries) for one in evaluations.values()}
    if len(queries) > 1:
        raise StageError("systems were evaluated on different queries; a paired comparison needs the same ones")
    found: list[tuple[str, str, str, NDArray[np.float64]]] = []
    columns: list[tuple[str, str, NDArray[np.float64]]] = []
    for measure in dict.fromkeys(name for one in evaluations.values() for name in one.per_query):
        names = [name for name, one in evaluations.items() if measure in one.per_query]
        values = np.stack([np.asarray(evaluations[name].per_query[measure], np.float64) for name in names], axis=1)
        columns += [(measure, name, values[:, at]) for at, name in enumerate(names)]
        for a, b in combinations(range(len(names)), 2):
            if names[b] == settings.baseline:
                a, b = b, a
            found.append((measure, names[a], names[b], values[:, b] - values[:, a]))
    intervals: dict[str, dict[str, tuple[float, float]]] = {}
    if not columns or not len(columns[0][2]):
        return Comparisons([], {}, {}, settings)
    # All at once: the same draws for every mean and every difference.
    bounds = _intervals(np.stack([one[-1] for one in (*columns, *found)], axis=1), settings)
    for (measure, name, _), bound in zip(columns, bounds, strict=False):
        intervals.setdefault(measure, {})[name] = bound
    pairs = _compared(found, bounds[len(columns) :], settings) if found else []
    groups = {measure: _groups(measure, list(of), evaluations, pairs, settings) for measure, of in intervals.items()}
    return Comparisons(pairs, intervals, groups, settings)


def _compared(
    found: Sequence[tuple[str, str, str, NDArray[np.float64]]],
    intervals: Sequence[tuple[float, float]],
    settings: Significance,
) -> list[Comparison]:
    differences = np.stack([one[3] for one in found], axis=1)
    if settings.test == "t":
        p = statistics.t_test(differences)
    else:
        p = statistics.randomisation_test(differences, settings.resamples, settings.seed)
    adjusted = statistics.adjust(p, settings.correction)
    with_baseline = np.array([one[1] == settings.baseline for one in found])
    against = np.full(len(p), np.nan)
    against[with_baseline] = statistics.adjust(p[with_baseline], settings.correction)
    effects, least = statistics.effect_size(differences), statistics.minimum_detectable(differences, settings.alpha)
    counts = statistics.outcomes(differences).tolist()
    return [
        Comparison(
            measure=measure,
            a=a,
            b=b,
            n=len(column),
            difference=float(column.mean()),
            interval=intervals[at],
            p=float(p[at]),
            p_adjusted=float(adjusted[at]),
            p_baseline=float(against[at]) if with_baseline[at] else None,
            effect=float(effects[at]),
            wins=counts[at][0],
            ties=counts[at][1],
            losses=counts[at][2],
            minimum_detectable=float(least[at]),
        )
        for at, (measure, a, b, column) in enumerate(found)
    ]


def _intervals(values: NDArray[np.float64], settings: Significance) -> list[tuple[float, float]]:
    bounds = statistics.bootstrap_intervals(values, 1 - settings.alpha, settings.resamples, settings.seed)
    return [(float(low), float(high)) for low, high in bounds]


def _groups(
    measure: str,
    names: Sequence[str],
    evaluations: Mapping[str, Evaluation],
    pairs: Sequence[Comparison],
    settings: Significance,
) -> dict[str, str]:
    at = {name: place for place, name in enumerate(names)}
    different = np.zeros((len(names), len(names)), np.bool_)
    for one in pairs:
        if one.measure == measure and one.p_adjusted < settings.alpha:
            different[at[one.a], at[one.b]] = different[at[one.b], at[one.a]] = True
    means = [float(evaluations[name].means[measure] or 0) for name in names]
    return dict(zip(names, statistics.letters(means, different), strict=True))
