"""D1, reliance: how much a re-ranked list follows the list that it was made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nirank.diagnostics.lists import measure_means
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking


@dataclass(frozen=True, eq=False)
class MixedScores:
    """Scores that are mixed, w_r · s_r + w_p · s_p, of the pairs of lists.

    lists     whose pairs these are
    s_r, s_p  of the re-ranker and of the pre-fetcher, (n_pairs,)
    """

    lists: Ranking
    w_r: float
    w_p: float
    s_r: NDArray[np.float64]
    s_p: NDArray[np.float64]


@dataclass(frozen=True)
class Reliance:
    """How a re-ranker leans on its pre-fetcher.

    ρ_p = |w_p| sd(s_p) / (|w_p| sd(s_p) + |w_r| sd(s_r)): 0 is a re-ranker that does without, 1 one that adds nothing.

    depth      how many documents of each list are re-ranked
    tau        mean over the queries of Kendall's τ between the two orders of the documents that both heads have; None
               where no query has two
    share      ρ_p over the evaluated pairs, `trained_share` over those that the weights were learned on
    r_precision, without  R-precision of the re-ranked head, and where s_p is its mean for every pair
    no_share   why there is no ρ_p; '' where there is one
    """

    depth: int
    tau: float | None
    share: float | None = None
    trained_share: float | None = None
    w_r: float | None = None
    w_p: float | None = None
    r_precision: float | None = None
    without: float | None = None
    no_share: str = ""


def measure_reliance(
    fetched: Ranking,
    ranking: Ranking,
    qrels: Qrels,
    depth: int,
    mixed: MixedScores | None,
    trained_share: float | None = None,
) -> Reliance:
    """Measure how far lists follow those that they were made of, to a depth.

    mixed  the scores that were added, None where the re-ranker's stand alone
    """
    tau = _average_tau(fetched.cut(depth), ranking.cut(depth))
    if mixed is None:
        why = "the re-ranker's score stands alone: nothing of the pre-fetcher's is mixed in"
        return Reliance(depth, tau, no_share=why)
    share = compute_share(mixed.w_p * _spread(mixed.s_p), mixed.w_r * _spread(mixed.s_r))
    alone = mixed.lists.rescore(mixed.w_r * mixed.s_r, source="the re-ranker alone")  # w_p times a mean moves nothing
    both = mixed.lists.rescore(mixed.w_r * mixed.s_r + mixed.w_p * mixed.s_p, source="both")
    return Reliance(
        depth=depth,
        tau=tau,
        share=share,
        trained_share=trained_share,
        w_r=mixed.w_r,
        w_p=mixed.w_p,
        r_precision=measure_means(both, qrels, ("Rprec",))["Rprec"],
        without=measure_means(alone, qrels, ("Rprec",))["Rprec"],
        no_share="neither score varies" if share is None else "",
    )


def compute_share(prefetcher: float, reranker: float) -> float | None:
    """Return ρ_p, given each weight times the spread of its score; None where neither varies."""
    total = abs(prefetcher) + abs(reranker)
    return abs(prefetcher) / total if total else None


def _spread(scores: NDArray[np.float64]) -> float:
    return float(np.std(scores)) if len(scores) else 0.0


def _average_tau(first: Ranking, second: Ranking) -> float | None:
    from scipy.stats import kendalltau

    values = []
    for query in range(len(first.queries)):
        a, b = first.get_rows(query), second.get_rows(query)
        _, in_a, in_b = np.intersect1d(a, b, assume_unique=True, return_indices=True)
        if len(in_a) > 1:
            values.append(float(kendalltau(in_a, in_b).statistic))
    return float(np.mean(values)) if values else None
