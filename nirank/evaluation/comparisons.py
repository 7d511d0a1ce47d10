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
from nirank.evaluation.measures import is_of_pairs, lower_is_better
from nirank.evaluation.pair_comparisons import PairDifference, PairResults, compare_pairs

_TESTABLE = 2  # queries that a test needs at least

Test = Literal["randomisation", "t"]


@dataclass(frozen=True)
class Significance:
    """How systems are compared.

    test        Fisher's paired randomisation test on the mean, or the paired t test; measures of pairs, which are no
                means, are always tested by randomisation
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
        if not _is_number(self.alpha, float) or not 0 < self.alpha < 1:
            raise ConfigError(f"alpha must lie between 0 and 1, got {self.alpha!r}")
        if not _is_number(self.seed, int) or self.seed < 0:
            raise ConfigError(f"seed must be a whole number, 0 or more, got {self.seed!r}")
        if not _is_number(self.resamples, int) or self.resamples < 100:
            raise ConfigError(f"resamples must be a whole number, 100 or more, got {self.resamples!r}")
        if self.baseline is not None and self.baseline not in systems:
            near = suggest(str(self.baseline), systems)
            raise ConfigError(f"baseline: there is no system '{self.baseline}'{near}")


def _is_number(value: Any, kind: type[int] | type[float]) -> bool:
    """Tell whether a value is a number, numpy's included; yes and no are none."""
    kinds = (int, np.integer) if kind is int else (int, float, np.integer, np.floating)
    return isinstance(value, kinds) and not isinstance(value, (bool, np.bool_))


@dataclass(frozen=True)
class Comparison:
    """System `b` against system `a` on one measure; differences are b - a, paired by query, or for measures of pairs
    by record.

    interval            bootstrap, of the mean difference
    p, p_adjusted       of the test; adjusted over all pairs of systems and all measures of the table
    p_baseline          adjusted over all systems against the baseline, None where neither is the baseline
    effect              Cohen's d of the differences; NaN for measures of pairs
    wins, losses        queries on which b, or a, is better; of pairs see `PairDifference`
    minimum_detectable  mean difference that a t test would find with power 0.8 at this n and spread; NaN for measures
                        of pairs
    no_value            queries that the measure leaves out for a system of the table, and so for this pair
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
    wins: int | None
    ties: int | None
    losses: int | None
    minimum_detectable: float
    no_value: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON: infinite effects as None."""
        values = asdict(self)
        return {
            key: None if isinstance(value, float) and not np.isfinite(value) else value for key, value in values.items()
        }


@dataclass(frozen=True)
class Comparisons:
    """All pairs of systems of one collection and judgement set.

    intervals  {measure: {system: bootstrap interval of its mean}}
    groups     {measure: {system: letters}}; systems that share a letter cannot be told apart
    left_out   queries that not all systems were evaluated on
    """

    pairs: Sequence[Comparison]
    intervals: Mapping[str, Mapping[str, tuple[float, float]]]
    groups: Mapping[str, Mapping[str, str]]
    settings: Significance
    left_out: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON: the settings, the size of the family, the pairs."""
        counts = {"family": len(self.pairs), "queries_left_out": self.left_out}
        return {**asdict(self.settings), **counts, "pairs": [comparison.to_dict() for comparison in self.pairs]}

    def describe_system(self, system: str) -> dict[str, Any]:
        """Return what a system's row says: intervals, letters, and the comparison with the baseline, by measure."""
        return {
            "baseline": self.settings.baseline,
            "alpha": self.settings.alpha,
            "intervals": {
                name: list(by_system[system]) for name, by_system in self.intervals.items() if system in by_system
            },
            "groups": {name: by_system[system] for name, by_system in self.groups.items() if system in by_system},
            "against": {
                comparison.measure: comparison.to_dict()
                for comparison in self.pairs
                if comparison.b == system and comparison.a == self.settings.baseline
            },
        }

    def describe_tests(self) -> str:
        """Say how it was tested, in one sentence."""
        how = self.settings
        most = max((comparison.n for comparison in self.pairs if not is_of_pairs(comparison.measure)), default=0)
        micro = [comparison for comparison in self.pairs if is_of_pairs(comparison.measure)]
        if self.pairs and most < 2 and not micro:
            return "a single query: nothing can be tested"
        randomised = f"randomisation test, {how.resamples:,} resamples"
        test = randomised if how.test == "randomisation" else "paired t test"
        if micro:
            exchanged = "measures of pairs: what two systems found for a record exchanged"
            test = f"{randomised}; {exchanged}" if how.test == "randomisation" else f"{test}; {exchanged}, {randomised}"
        corrected = "uncorrected" if how.correction == "none" else how.correction.capitalize()
        lacking = {comparison.measure: comparison.no_value for comparison in self.pairs if comparison.no_value}
        without = "".join(f", {n:,} queries without a value of {measure}" for measure, n in lacking.items())
        common = f", {self.left_out:,} queries left out that not all have" if self.left_out else ""
        over = f"{self._count_tests():,} comparisons" + (f" with {how.baseline}" if how.baseline else "")
        return f"{test}, {corrected} over {over}, alpha {how.alpha}{common}{without}{self._explain_too_few(most)}"

    def _count_tests(self) -> int:
        """Return how many tests are corrected together: those that the marks of a table stand for."""
        how = self.settings
        return sum(comparison.a == how.baseline for comparison in self.pairs) if how.baseline else len(self.pairs)

    def _explain_too_few(self, n: int) -> str:
        """Say so where even the greatest difference could not be significant: n queries have 2^n signs."""
        how = self.settings
        if any(is_of_pairs(comparison.measure) for comparison in self.pairs):
            return ""
        least = 2.0 ** (1 - n) if 2**n <= how.resamples else 1 / (1 + how.resamples)
        family = self._count_tests()
        p = np.ones(family)
        p[:1] = least
        if how.test != "randomisation" or not family or statistics.adjust(p, how.correction)[0] < how.alpha:
            return ""
        return (
            f"; {n} queries are too few to tell anything apart here: the least p that they can give is {least:.2g},"
            f" {statistics.adjust(p, how.correction)[0]:.2g} after correction"
        )


def compare(
    evaluations: Mapping[str, Evaluation], settings: Significance | None = None, *, common_queries: bool = False
) -> Comparisons:
    """Compare every two systems on every measure that both have.

    evaluations     by system, under the same judgements
    common_queries  where the evaluated queries differ, compare on those that all have; the others are counted
    A query that a measure leaves out (NaN) is left out of that measure's tests, and counted in their `no_value`.
    Raises StageError where the evaluated queries differ and that was not asked for: nothing would be paired.
    """
    settings = settings or Significance()
    all_queries = dict.fromkeys(query for evaluation in evaluations.values() for query in evaluation.queries)
    query_sets = [set(evaluation.queries) for evaluation in evaluations.values()]
    shared = [query for query in all_queries if all(query in evaluation for evaluation in query_sets)]
    if len(shared) < len(all_queries) and not common_queries:
        raise StageError(
            f"systems were evaluated on different queries ({len(shared):,} of {len(all_queries):,} are shared by all);"
            " a paired comparison needs the same ones: common_queries compares on those"
        )
    blocks = _make_blocks(evaluations, shared, settings)
    left_out = len(all_queries) - len(shared)
    micro = _compare_pair_measures({} if left_out else evaluations, settings)
    if not blocks and not micro.values:
        return Comparisons([], {}, {}, settings, left_out)
    intervals: dict[str, dict[str, tuple[float, float]]] = {}
    means: dict[str, dict[str, float]] = {}
    drawn: list[Sequence[tuple[float, float]]] = []
    for block in blocks:
        # All at once: the same draws for every mean and every difference.
        bounds = _draw_intervals(np.concatenate((block.values, block.differences), axis=1), settings)
        drawn.append(bounds[len(block.columns) :])
        for at, (measure, name) in enumerate(block.columns):
            intervals.setdefault(measure, {})[name] = bounds[at]
            means.setdefault(measure, {})[name] = float(block.values[:, at].mean())
    intervals |= {measure: dict(by_system) for measure, by_system in micro.intervals.items()}
    means |= {measure: dict(by_system) for measure, by_system in micro.values.items()}
    pairs = _make_comparisons(blocks, drawn, micro.differences, settings)
    groups = {measure: _group_systems(measure, by_system, pairs, settings) for measure, by_system in means.items()}
    return Comparisons(pairs, intervals, groups, settings, left_out)


def _compare_pair_measures(evaluations: Mapping[str, Evaluation], settings: Significance) -> PairResults:
    counts = {system: evaluation.pair_counts for system, evaluation in evaluations.items()}
    return compare_pairs(
        counts,
        alpha=settings.alpha,
        resamples=settings.resamples,
        seed=settings.seed,
        baseline=settings.baseline,
    )


@dataclass(frozen=True)
class _Block:
    """Measures that are defined on the same n queries.

    columns      (measure, system) of each column of `values`, (n, m)
    pairs        (measure, a, b) of each column of `differences`, (n, p)
    no_value     queries that are not among the n
    """

    columns: list[tuple[str, str]]
    values: NDArray[np.float64]
    pairs: list[tuple[str, str, str]]
    differences: NDArray[np.float64]
    no_value: int


def _make_blocks(evaluations: Mapping[str, Evaluation], queries: Sequence[str], settings: Significance) -> list[_Block]:
    blocks: dict[bytes, list[tuple[str, list[str], NDArray[np.float64]]]] = {}
    rows = {name: _find_rows(evaluation.queries, queries) for name, evaluation in evaluations.items()}
    for measure in dict.fromkeys(name for evaluation in evaluations.values() for name in evaluation.per_query):
        names = [name for name, evaluation in evaluations.items() if measure in evaluation.per_query]
        columns = [np.asarray(evaluations[name].per_query[measure], np.float64)[rows[name]] for name in names]
        values = np.stack(columns, axis=1)
        defined = np.isfinite(values).all(axis=1)
        if defined.any():
            blocks.setdefault(defined.tobytes(), []).append((measure, names, values[defined]))
    return [_make_block(measured, settings, len(queries)) for measured in blocks.values()]


def _make_block(
    measured: Sequence[tuple[str, list[str], NDArray[np.float64]]], settings: Significance, n_queries: int
) -> _Block:
    columns, pairs, differences = [], [], []
    for measure, names, values in measured:
        columns += [(measure, name) for name in names]
        for a, b in combinations(range(len(names)), 2):
            if names[b] == settings.baseline:
                a, b = b, a
            pairs.append((measure, names[a], names[b]))
            differences.append(values[:, b] - values[:, a])
    values = np.concatenate([part[2] for part in measured], axis=1)
    stacked = np.stack(differences, axis=1) if differences else np.empty((len(values), 0))
    return _Block(columns, values, pairs, stacked, n_queries - len(values))


def _find_rows(queries: Sequence[str], wanted: Sequence[str]) -> NDArray[np.int64]:
    row_of = {query: row for row, query in enumerate(queries)}
    return np.array([row_of[query] for query in wanted], np.int64)


def _make_comparisons(
    blocks: Sequence[_Block],
    intervals: Sequence[Sequence[tuple[float, float]]],
    micro: Sequence[PairDifference],
    settings: Significance,
) -> list[Comparison]:
    """Return the pairs of all blocks and those compared on measures of pairs, which are one family."""
    p = np.concatenate(
        [*(_compute_p_values(block.differences, settings) for block in blocks), [pair.p for pair in micro]]
    )
    adjusted = statistics.adjust(p, settings.correction)
    named = [pair for block in blocks for pair in block.pairs] + [(pair.measure, pair.a, pair.b) for pair in micro]
    with_baseline = np.array([a == settings.baseline for _, a, _ in named], np.bool_)
    against = np.full(len(p), np.nan)
    against[with_baseline] = statistics.adjust(p[with_baseline], settings.correction)
    comparisons: list[Comparison] = []
    for block, bounds in zip(blocks, intervals, strict=True):
        columns = block.differences
        effects = statistics.effect_size(columns)
        least = statistics.minimum_detectable(columns, settings.alpha)
        better = np.array([-1.0 if lower_is_better(measure) else 1.0 for measure, _, _ in block.pairs])
        counts = statistics.count_outcomes(columns * better).tolist()
        for at, (measure, a, b) in enumerate(block.pairs):
            place = len(comparisons)
            comparisons.append(
                Comparison(
                    measure=measure,
                    a=a,
                    b=b,
                    n=len(columns),
                    difference=float(columns[:, at].mean()),
                    interval=bounds[at],
                    p=float(p[place]),
                    p_adjusted=float(adjusted[place]),
                    p_baseline=float(against[place]) if with_baseline[place] else None,
                    effect=float(effects[at]),
                    wins=counts[at][0],
                    ties=counts[at][1],
                    losses=counts[at][2],
                    minimum_detectable=float(least[at]),
                    no_value=block.no_value,
                )
            )
    for pair in micro:
        place = len(comparisons)
        comparisons.append(
            Comparison(
                measure=pair.measure,
                a=pair.a,
                b=pair.b,
                n=pair.n,
                difference=pair.difference,
                interval=pair.interval,
                p=pair.p,
                p_adjusted=float(adjusted[place]),
                p_baseline=float(against[place]) if with_baseline[place] else None,
                effect=np.nan,
                wins=pair.wins,
                ties=pair.ties,
                losses=pair.losses,
                minimum_detectable=np.nan,
            )
        )
    return comparisons


def _compute_p_values(differences: NDArray[np.float64], settings: Significance) -> NDArray[np.float64]:
    if not differences.shape[1]:
        return np.empty(0)
    if settings.test == "t":
        return statistics.t_test(differences)
    return statistics.randomisation_test(differences, settings.resamples, settings.seed)


def _draw_intervals(values: NDArray[np.float64], settings: Significance) -> list[tuple[float, float]]:
    bounds = statistics.bootstrap_intervals(values, 1 - settings.alpha, settings.resamples, settings.seed)
    return [(float(low), float(high)) for low, high in bounds]


def _group_systems(
    measure: str, means: Mapping[str, float], pairs: Sequence[Comparison], settings: Significance
) -> dict[str, str]:
    place_of = {name: place for place, name in enumerate(means)}
    different = np.zeros((len(means), len(means)), np.bool_)
    for pair in pairs:
        if pair.measure == measure and pair.p_adjusted < settings.alpha:
            different[place_of[pair.a], place_of[pair.b]] = different[place_of[pair.b], place_of[pair.a]] = True
    if all(pair.n < _TESTABLE for pair in pairs if pair.measure == measure):
        return dict.fromkeys(means, "")
    better = -1 if lower_is_better(measure) else 1
    ordered = [better * mean for mean in means.values()]
    return dict(zip(means, statistics.assign_letters(ordered, different), strict=True))
