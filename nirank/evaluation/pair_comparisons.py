"""Systems compared on measures of pairs, which are functions of sums over records and no means of queries' values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nirank.evaluation.measures import parse_measure
from nirank.evaluation.pair_measures import PairCounts, compute_measures, mask_sums
from nirank.evaluation.resampling import draw_sums, run_swap_test

_OF_CANDIDATES = ("CSSR", "candidates", "reduction_ratio")


@dataclass(frozen=True)
class PairDifference:
    """System `b` against system `a` on one measure of pairs: b - a.

    wins, losses  records on which b, or a, has more hits (of CSSR, candidates and reduction_ratio: fewer candidates);
                  None for PQ and F1, which have no value of a record
    """

    measure: str
    a: str
    b: str
    n: int
    difference: float
    interval: tuple[float, float]
    p: float
    wins: int | None
    ties: int | None
    losses: int | None


@dataclass(frozen=True)
class PairResults:
    """Intervals {measure: {system: bounds}} of values, values, and every two systems compared."""

    intervals: Mapping[str, Mapping[str, tuple[float, float]]]
    values: Mapping[str, Mapping[str, float]]
    differences: tuple[PairDifference, ...]


def compare_pairs(
    counts: Mapping[str, Mapping[str, PairCounts]], *, alpha: float, resamples: int, seed: int, baseline: str | None
) -> PairResults:
    """Compare every two systems on every measure of pairs that both have.

    counts  {system: {measure: what each record adds to it}}
    Intervals are of records drawn with all their pairs, the same draws for every system; p-values are of a paired
    randomisation test that exchanges what two systems found for a record.
    """
    names = dict.fromkeys(measure for measured in counts.values() for measure in measured)
    intervals: dict[str, dict[str, tuple[float, float]]] = {}
    values: dict[str, dict[str, float]] = {}
    differences: list[PairDifference] = []
    for measure in names:
        of_systems = {system: measured[measure] for system, measured in counts.items() if measure in measured}
        draws = _draw(measure, of_systems, resamples, seed)
        intervals[measure] = {system: _find_bounds(drawn, alpha) for system, drawn in draws.items()}
        values[measure] = {
            system: float(_compute_measure(measure, measured.table.sum(0), measured))
            for system, measured in of_systems.items()
        }
        for a, b in combinations(of_systems, 2):
            if b == baseline:
                a, b = b, a
            won = _count_outcomes(measure, of_systems[a], of_systems[b])
            differences.append(
                PairDifference(
                    measure,
                    a,
                    b,
                    len(of_systems[a].hits),
                    values[measure][b] - values[measure][a],
                    _find_bounds(draws[b] - draws[a], alpha),
                    _compute_p_value(measure, of_systems[a], of_systems[b], resamples, seed),
                    *won,
                )
            )
    return PairResults(intervals, values, tuple(differences))


def _draw(measure: str, counts: Mapping[str, PairCounts], resamples: int, seed: int) -> dict[str, NDArray[np.float64]]:
    """Return each system's measure in every draw, (resamples,); records are drawn once for all of them."""
    read = mask_sums(parse_measure(measure).family)
    sums = draw_sums(
        np.concatenate([system_counts.table * read for system_counts in counts.values()], axis=1), resamples, seed
    )
    return {
        system: _compute_measure(measure, sums[:, 3 * at : 3 * at + 3], system_counts)
        for at, (system, system_counts) in enumerate(counts.items())
    }


def _compute_measure(measure: str, sums: NDArray[np.float64], of: PairCounts) -> NDArray[np.float64]:
    return compute_measures(parse_measure(measure).family, sums, of.possible, of.asking)


def _find_bounds(values: NDArray[np.float64], alpha: float) -> tuple[float, float]:
    low, high = np.nanquantile(values, [alpha / 2, 1 - alpha / 2])
    return float(low), float(high)


def _compute_p_value(measure: str, a: PairCounts, b: PairCounts, resamples: int, seed: int) -> float:
    read = mask_sums(parse_measure(measure).family)
    return run_swap_test(
        a.table * read, b.table * read, lambda sums: _compute_measure(measure, sums, a), resamples, seed
    )


def _count_outcomes(measure: str, a: PairCounts, b: PairCounts) -> tuple[int | None, int | None, int | None]:
    family = parse_measure(measure).family
    if family == "PC":
        better = np.asarray(b.hits - a.hits)
    elif family in _OF_CANDIDATES:
        better = np.asarray(a.candidates - b.candidates)
    else:
        return None, None, None
    won, lost = int((better > 0).sum()), int((better < 0).sum())
    return won, len(better) - won - lost, lost
