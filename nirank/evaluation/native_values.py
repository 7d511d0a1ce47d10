"""The measures that nirank computes itself, by name."""

from __future__ import annotations

from nirank.evaluation.kernels import KERNELS, JudgedResults, Values
from nirank.evaluation.measures import Measure
from nirank.evaluation.screening import KERNELS as SCREENING


def compute_native(measure: Measure, data: JudgedResults) -> Values:
    """Return a measure of every query, (n_queries,) float64; see `measures` for definitions."""
    rel = get_threshold(measure, data)
    if measure.screening:
        return SCREENING[measure.family](data, measure.level, rel)
    return KERNELS[measure.family](data, measure.cutoff, rel)


def get_threshold(measure: Measure, data: JudgedResults) -> int:
    """Return the least grade that a measure takes as relevant: its own, else the collection's."""
    return data.qrels.min_rel if measure.rel is None else measure.rel
