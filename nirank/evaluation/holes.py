"""Holes in the judgements: how much of a value is decided by documents that nobody judged."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nirank.evaluation.kernels import (
    JudgedResults,
    Values,
    discount,
    divide,
    exponential_gain,
    linear_gain,
    rank_within_queries,
)
from nirank.evaluation.measures import Measure
from nirank.evaluation.native_values import compute_native, get_threshold

_BOUNDED = ("P", "R", "RR", "Rcap", "Success", "nDCG", "nDCG_exp")


def compute_condensed(measure: Measure, data: JudgedResults) -> Values | None:
    """Return each query's value on the list without its unjudged documents, (n_queries,).

    Sakai, SIGIR 2007: a comparison between old and new systems that the second did not lose by being unjudged.
    None for screening measures, and where only relevant documents are judged: what is left would be perfect.
    """
    if measure.screening or measure.family == "Judged" or (data.qrels.grades >= get_threshold(measure, data)).all():
        return None
    return compute_native(measure, data.drop_unjudged())


def compute_at_most(measure: Measure, data: JudgedResults) -> Values | None:
    """Return what each query's value could be at most, whatever its unjudged documents are, (n_queries,).

    Unjudged documents that were returned count with the greatest grade of the judgements, while what there is
    to find stays. P, RR and Success reach this bound; for R, Rcap and nDCG, whose denominators would grow, it is
    an upper one. The value itself is the other end: there, unjudged means not relevant. (Moffat and Zobel, TOIS
    2008, take the residual of RBP so.) None for measures that have no such bound here: AP, Rprec, screening.
    """
    if measure.family not in _BOUNDED:
        return None
    value, cutoff = compute_native(measure, data), measure.cutoff
    holes = data.count_returned(cutoff) - data.sum_by_query(data.mask_within(cutoff))
    if measure.family == "P":
        bound: Values = value + holes / (cutoff or 1)
        return bound
    if measure.family == "Success":
        return np.maximum(value, holes > 0)
    if measure.family == "RR":
        return np.maximum(value, _invert_first_hole(data, cutoff))
    if measure.family in ("R", "Rcap"):
        relevant = data.qrels.count_relevant(get_threshold(measure, data))
        below = relevant if measure.family == "R" or cutoff is None else np.minimum(relevant, cutoff)
        more = divide(holes, below)
    else:
        gain = exponential_gain if measure.family == "nDCG_exp" else linear_gain
        below = data.compute_ideal_dcg(cutoff, gain)
        more = divide(_sum_unjudged_dcg(data, cutoff, gain), below)
    return np.minimum(np.where(below > 0, value + more, holes > 0), 1)


def _sum_unjudged_dcg(data: JudgedResults, cutoff: int | None, gain: Callable[..., Values]) -> Values:
    """Return the DCG of each query's unjudged documents, were they all of the greatest grade."""
    depth = data.count_returned(cutoff)
    ranks = np.arange(1, int(depth.max(initial=0)) + 1)
    all_ranks = np.concatenate(([0.0], np.cumsum(1 / discount(ranks))))[depth]
    judged = data.sum_by_query(data.mask_within(cutoff), 1 / discount(data.rank))
    top = gain(data.qrels.grades.max(initial=1, keepdims=True))
    return top * (all_ranks - judged)


def _invert_first_hole(data: JudgedResults, cutoff: int | None) -> Values:
    """Return 1 / rank of each query's first unjudged document within the cut-off, 0 where all are judged."""
    unbroken = data.rank == rank_within_queries(data.query)  # judged like everything above it
    before = np.bincount(data.query[unbroken], minlength=data.n)
    return np.where(before < data.count_returned(cutoff), 1 / (before + 1), 0.0)
