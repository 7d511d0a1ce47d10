"""Which part of a system re-ranks the lists of which other part, and with which weights the two are added."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.application import Fold, Rewrite, Within
from nirank.algebra.pipeline import Pipeline, Then
from nirank.algebra.stage import Combiner, Join, Retriever, Scorer
from nirank.diagnostics.lists import DEPTH
from nirank.diagnostics.reliance import MixedScores
from nirank.flow.ranking import Ranking
from nirank.stages.cut import Cut
from nirank.stages.weighted_sum import WeightedSum, normalise


@dataclass(frozen=True)
class Reranking:
    """A system's last re-ranker.

    prefetcher  what finds the lists
    reranked    what the re-ranker makes of them: the system up to there
    depth       how many documents of each list it reads
    sum         where its scores are added to the pre-fetcher's: how, `places` of the two among the lists that are
                added (the pre-fetcher's, the re-ranker's), and `terms`: what gives these lists; else None
    """

    prefetcher: Pipeline
    reranked: Pipeline
    depth: int
    sum: WeightedSum | None = None
    places: tuple[int, int] = (0, 1)
    terms: tuple[Pipeline, ...] = ()

    def apply(self, wrap: Callable[[Pipeline], Pipeline]) -> Reranking:
        """Return the same with something around each pipeline."""
        return replace(
            self,
            prefetcher=wrap(self.prefetcher),
            reranked=wrap(self.reranked),
            terms=tuple(map(wrap, self.terms)),
        )


def find_reranking(pipeline: Pipeline) -> Reranking | None:
    """Return the last re-ranker of a system and what it re-ranks; None where no list is ranked anew."""
    if isinstance(pipeline, (Within, Rewrite)):
        inner = find_reranking(pipeline.of)
        return None if inner is None else inner.apply(lambda part: replace(pipeline, of=part))
    steps = pipeline.steps if isinstance(pipeline, Then) else (pipeline,)
    for at in reversed(range(len(steps))):
        step, before = steps[at], steps[:at]
        if isinstance(step, (Within, Rewrite)) and not before:
            return find_reranking(step)
        if isinstance(step, Join) and isinstance(step.stage, WeightedSum) and len(step.inputs) == 2:
            added = _find_sum(step, before)
            if added is not None:
                return added
        depth = _find_depth(step)
        if before and depth is not None and before[-1].gives == "ranking":
            return Reranking(_chain(before), _chain(steps[: at + 1]), depth)
    return None


def _find_depth(step: Pipeline) -> int | None:
    """Return how many documents of a list get new scores in a step; None where it gives none."""
    if isinstance(step, (Within, Rewrite, Fold, Then)):
        steps = step.steps if isinstance(step, Then) else (step.of,)
        depths = [depth for part in steps if (depth := _find_depth(part)) is not None]
        return min(depths, default=None)
    mixes = isinstance(step, Combiner) and hasattr(step, "model") and hasattr(step, "depth")
    if isinstance(step, Scorer) or mixes:
        return getattr(step, "depth", None) or DEPTH
    return DEPTH if isinstance(step, Retriever) else None


def _find_sum(step: Join, before: Sequence[Pipeline]) -> Reranking | None:
    """Return a sum of a list and of what a re-ranker makes of that list, as a re-ranker; None where it is none."""
    assert isinstance(step.stage, WeightedSum)
    terms = tuple(_chain([*before, term]) for term in step.inputs)
    for fetched, reranked in ((0, 1), (1, 0)):
        inner = find_reranking(terms[reranked])
        if inner is not None and inner.sum is None and _strip_cuts(inner.prefetcher) == _strip_cuts(terms[fetched]):
            return replace(
                inner,
                reranked=_chain([*before, step]),
                sum=step.stage,
                places=(fetched, reranked),
                terms=terms,
            )
    return None


def _strip_cuts(pipeline: Pipeline) -> Pipeline:
    """Return a pipeline without the cuts at its end."""
    if isinstance(pipeline, (Within, Rewrite)):
        return replace(pipeline, of=_strip_cuts(pipeline.of))
    if isinstance(pipeline, Then) and isinstance(pipeline.steps[-1], Cut):
        return _strip_cuts(_chain(pipeline.steps[:-1]))
    return pipeline


def _chain(steps: Sequence[Pipeline]) -> Pipeline:
    return steps[0] if len(steps) == 1 else Then(tuple(steps))


def split_sum(reranking: Reranking, fused: Ranking, lists: Sequence[Ranking]) -> MixedScores:
    """Return the two normalised scores of each pair in the heads of summed lists.

    fused  what the sum gave; `lists`: what was added, in the order of the sum's terms
    """
    assert reranking.sum is not None
    head = fused.cut(reranking.depth)
    scores = [_spread_scores(ranking, head, reranking.sum) for ranking in lists]
    weights = reranking.sum.weights or (1.0, 1.0)
    fetched, reranked = reranking.places
    return MixedScores(head, weights[reranked], weights[fetched], scores[reranked], scores[fetched])


def split_mixture(head: Ranking, fetched: Ranking, w_r: float, w_p: float) -> MixedScores:
    """Return the two scores of each pair of re-ranked heads, where a model mixes its own with the list's.

    head, fetched  the heads after and before; s_p is the list's score, min-max scaled within the head, 0 where all of
                   it are equal
    """
    shares, _ = normalise(fetched, "minmax")
    varies = np.zeros(len(fetched.queries), np.bool_)
    has = fetched.counts > 0
    varies[has] = fetched.scores[fetched.offsets[:-1][has]] != fetched.scores[fetched.offsets[1:][has] - 1]
    s_p = np.where(varies[fetched.query_rows], shares, 0.0)[find_places(fetched, head)]
    s_r = (np.asarray(head.scores, np.float64) - w_p * s_p) / w_r if w_r else np.zeros(len(head))
    return MixedScores(head, w_r, w_p, s_r, s_p)


def _spread_scores(ranking: Ranking, head: Ranking, how: WeightedSum) -> NDArray[np.float64]:
    """Return a list's normalised score of each pair of another; what the sum gives absent ones where it has none."""
    shares, absent = normalise(ranking, how.normalise)
    at = find_places(ranking, head)
    return np.where(at >= 0, np.append(shares, 0.0)[at], absent[head.query_rows])


def find_places(ranking: Ranking, pairs: Ranking) -> NDArray[np.int64]:
    """Return where a ranking has each pair of another, (n_pairs,); -1 where it has not."""
    order = np.argsort(ranking.keys, kind="stable")
    keys = ranking.keys[order]
    if not len(keys):
        return np.full(len(pairs), -1, np.int64)
    at = np.minimum(np.searchsorted(keys, pairs.keys), len(keys) - 1)
    return np.where(keys[at] == pairs.keys, order[at], -1)
