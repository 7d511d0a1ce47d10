"""The weighted sum of normalised scores; `a + b` and `w * a` make it with min-max."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.stage import Combiner, Join, option, stage
from nirank.errors import ConfigError, suggest
from nirank.flow.ranking import Ranking
from nirank.stages._fusion import Float64, by_blocks, fuse

Normalisation = Literal["minmax", "zscore", "sum", "rank", "none"]


@stage
class WeightedSum(Combiner):
    """Add up the lists' normalised scores, each times its weight.

    score(d) = Σ over lists weight × normalised score of d. Every query of a list is normalised
    over its whole list, as deep as it was given (n documents, scores s):

    minmax  (s - min) / (max - min); where all are equal, or one alone: 1
    zscore  (s - mean) / standard deviation (of the n, not n - 1); where all are equal: 1
    sum     (s - min) / Σ (s - min); where all are equal: 1 / n
    rank    1 - (rank - 1) / n: the first gets 1, the last 1 / n
    none    s as it is; only with `allow_raw`, since sums of unlike scales mean little

    A document that a list lacks gets the least that the list could give: for zscore (unless all
    are equal) and none the least of the list for that query, else 0. A list of weight 0 is as if
    it were not there: it brings no documents. float64; the depth is the shallowest list's.

    weights    one a list, finite; None: 1 each
    normalise  one of the above
    allow_raw  permits 'none'
    """

    weights: tuple[float, ...] | None = option(default=None, help="one a list; 1 each unless given")
    normalise: Normalisation = option(default="minmax", help="how each query's list is normalised before adding")
    allow_raw: bool = option(default=False, help="permit normalise: none, the sum of raw scores")

    name = "weighted_sum"
    lists = (1, None)
    source = "Fox and Shaw, TREC-2, 1994 (CombSUM); Lee, SIGIR 1997 (min-max)"

    def check(self) -> None:
        known = get_args(Normalisation)
        if self.normalise not in known:
            near = suggest(str(self.normalise), known)
            raise ConfigError(f"weighted_sum: normalise is one of {', '.join(known)}, got {self.normalise!r}{near}")
        if self.normalise == "none" and not self.allow_raw:
            raise ConfigError(
                "weighted_sum: normalise 'none' adds scores of unlike scales; expected minmax, zscore, sum or rank,"
                " or allow_raw: true if the scales are known to agree"
            )
        if self.weights is not None and not self.weights:
            raise ConfigError("weighted_sum: expected at least one weight, got none")

    def check_inputs(self, n: int) -> None:
        if self.weights is not None and len(self.weights) != n:
            raise ConfigError(f"weighted_sum: expected one weight a list, got {len(self.weights)} for {n} lists")

    def describe_conventions(self) -> Mapping[str, Any]:
        return {"normalise": self.normalise, "weights": self.weights or 1.0, "missing": "the least of the list"}

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        weights = self.weights or (1.0,) * len(lists)
        kept = [(weight, one) for weight, one in zip(weights, lists, strict=True) if weight != 0]
        if not kept:
            nothing = np.zeros(len(lists[0].rows), np.bool_)
            return lists[0].select(nothing).rescore(np.empty(0), source=self.name)
        by = [weight for weight, _ in kept]

        def fused(some: Sequence[Ranking]) -> Ranking:
            parts = [normalise(one, self.normalise) for one in some]
            shares = [weight * shares for weight, (shares, _) in zip(by, parts, strict=True)]
            absent = [weight * absent for weight, (_, absent) in zip(by, parts, strict=True)]
            return fuse(some, shares, absent, source=self.name)

        return by_blocks([one for _, one in kept], fused, ctx)


def weighted_sum(
    *of: Pipeline,
    weights: Sequence[float] | None = None,
    normalise: Normalisation = "minmax",
    allow_raw: bool = False,
) -> Join:
    """Add up pipelines' normalised scores: `weighted_sum(a, b, weights=(0.3, 0.7))`; see `WeightedSum`."""
    return WeightedSum(weights, normalise, allow_raw).of(*of)  # type: ignore[arg-type]


def normalise(one: Ranking, how: Normalisation) -> tuple[Float64, Float64]:
    """Return the normalised scores, (n_pairs,), and what an absent document gets, (n_queries,); both float64.

    `how` is defined in `WeightedSum`.
    """
    scores = np.asarray(one.scores, np.float64)
    if how == "rank":
        return 1.0 - (one.ranks - 1) / _spread(one, np.maximum(one.counts, 1)), np.zeros(len(one.queries))
    best, least = _at(one, scores, 0), _at(one, scores, -1)
    if how == "none":
        return scores, least
    constant = best == least
    if how == "minmax":
        return _ratio(one, scores, least, best - least, constant, 1.0), np.zeros(len(one.queries))
    if how == "sum":
        total = _sums(one, scores - _spread(one, least))
        return _ratio(one, scores, least, total, constant, 1.0 / np.maximum(one.counts, 1)), np.zeros(len(one.queries))
    mean = _sums(one, scores) / np.maximum(one.counts, 1)
    deviation = np.sqrt(_sums(one, (scores - _spread(one, mean)) ** 2) / np.maximum(one.counts, 1))
    constant |= deviation == 0  # differences so small that their squares vanish
    scaled = _ratio(one, scores, mean, deviation, constant, 1.0)
    return scaled, np.where(constant, 0.0, _at(one, scaled, -1))


def _at(one: Ranking, values: Float64, end: Literal[0, -1]) -> Float64:
    """Return the value of each query's first or last document, 0 where a query has none."""
    found = np.zeros(len(one.queries))
    there = one.counts > 0
    found[there] = values[one.offsets[:-1][there] if end == 0 else one.offsets[1:][there] - 1]
    return found


def _sums(one: Ranking, values: Float64) -> Float64:
    return np.bincount(one.query_rows, values, minlength=len(one.queries)).astype(np.float64)


def _spread(one: Ranking, by_query: NDArray[np.generic]) -> Float64:
    return np.repeat(by_query.astype(np.float64), one.counts)


def _ratio(
    one: Ranking,
    scores: Float64,
    origin: Float64,
    scale: Float64,
    constant: NDArray[np.bool_],
    flat: float | Float64,
) -> Float64:
    """Return (score - origin) / scale of the score's query, `flat` where all its scores are equal."""
    safe = np.where(constant, 1.0, scale)
    scaled = (scores - _spread(one, origin)) / _spread(one, safe)
    return np.where(_spread(one, constant), _spread(one, np.broadcast_to(flat, constant.shape)), scaled)
