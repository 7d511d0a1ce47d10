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
from nirank.stages._fusion import Float64, add_shares, fuse_by_blocks

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
        weighed = [(weight, ranking) for weight, ranking in zip(weights, lists, strict=True) if weight != 0]
        if not weighed:
            nothing = np.zeros(len(lists[0].rows), np.bool_)
            return lists[0].select(nothing).rescore(np.empty(0), source=self.name)
        kept_weights = [weight for weight, _ in weighed]

        def fuse_block(rankings: Sequence[Ranking]) -> Ranking:
            parts = [normalise(ranking, self.normalise) for ranking in rankings]
            shares = [weight * shares for weight, (shares, _) in zip(kept_weights, parts, strict=True)]
            absent = [weight * absent for weight, (_, absent) in zip(kept_weights, parts, strict=True)]
            return add_shares(rankings, shares, absent, source=self.name)

        return fuse_by_blocks([ranking for _, ranking in weighed], fuse_block, ctx)


def weighted_sum(
    *of: Pipeline,
    weights: Sequence[float] | None = None,
    normalise: Normalisation = "minmax",
    allow_raw: bool = False,
) -> Join:
    """Add up pipelines' normalised scores: `weighted_sum(a, b, weights=(0.3, 0.7))`; see `WeightedSum`."""
    return WeightedSum(weights, normalise, allow_raw).of(*of)  # type: ignore[arg-type]


def normalise(ranking: Ranking, how: Normalisation) -> tuple[Float64, Float64]:
    """Return the normalised scores, (n_pairs,), and what an absent document gets, (n_queries,); both float64.

    `how` is defined in `WeightedSum`.
    """
    scores, zeros = np.asarray(ranking.scores, np.float64), np.zeros(len(ranking.queries))
    if how == "rank":
        return 1.0 - (ranking.ranks - 1) / _spread(ranking, np.maximum(ranking.counts, 1)), zeros
    best, least = _take_end(ranking, scores, 0), _take_end(ranking, scores, -1)
    if how == "none":
        return scores, least
    constant = best == least
    if how == "minmax":
        return _divide(ranking, scores, least, best - least, constant, 1.0), zeros
    if how == "sum":
        total = _sum_by_query(ranking, scores - _spread(ranking, least))
        return _divide(ranking, scores, least, total, constant, 1.0 / np.maximum(ranking.counts, 1)), zeros
    mean = _sum_by_query(ranking, scores) / np.maximum(ranking.counts, 1)
    deviation = np.sqrt(_sum_by_query(ranking, (scores - _spread(ranking, mean)) ** 2) / np.maximum(ranking.counts, 1))
    constant |= deviation == 0  # differences so small that their squares vanish
    scaled = _divide(ranking, scores, mean, deviation, constant, 1.0)
    return scaled, np.where(constant, 0.0, _take_end(ranking, scaled, -1))


def _take_end(ranking: Ranking, values: Float64, end: Literal[0, -1]) -> Float64:
    """Return the value of each query's first or last document, 0 where a query has none."""
    values_at = np.zeros(len(ranking.queries))
    has_pairs = ranking.counts > 0
    values_at[has_pairs] = values[ranking.offsets[:-1][has_pairs] if end == 0 else ranking.offsets[1:][has_pairs] - 1]
    return values_at


def _sum_by_query(ranking: Ranking, values: Float64) -> Float64:
    return np.bincount(ranking.query_rows, values, minlength=len(ranking.queries)).astype(np.float64)


def _spread(ranking: Ranking, by_query: NDArray[np.generic]) -> Float64:
    return np.repeat(by_query.astype(np.float64), ranking.counts)


def _divide(
    ranking: Ranking,
    scores: Float64,
    origin: Float64,
    scale: Float64,
    constant: NDArray[np.bool_],
    flat: float | Float64,
) -> Float64:
    """Return (score - origin) / scale of the score's query, `flat` where all its scores are equal."""
    safe = np.where(constant, 1.0, scale)
    scaled = (scores - _spread(ranking, origin)) / _spread(ranking, safe)
    return np.where(_spread(ranking, constant), _spread(ranking, np.broadcast_to(flat, constant.shape)), scaled)
