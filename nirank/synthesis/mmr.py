"""Maximal marginal relevance: documents that are near a centre and far from each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.inference.similarity import Vectors


def choose_by_mmr(
    candidates: Vectors, centre: Vectors, n: int, weight: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the places of n candidates in the order in which they are chosen, and the score of each when it was.

    Each time the greatest weight · cos(d, centre) − (1 − weight) · max over chosen c of cos(d, c), the maximum being 0
    where none is chosen; of equal ones the first. Where the weight is 0 nothing tells candidates apart at first: the
    one nearest to the centre begins.

    candidates  (m, dimension) float32 of unit length, m ≥ n
    centre      (dimension,) of unit length

    Carbonell and Goldstein, SIGIR 1998.
    """
    relevance = np.vecdot(candidates, centre).astype(np.float64)
    nearest = np.full(len(candidates), -np.inf)  # cosine with what is most alike among the chosen
    scores = weight * relevance
    open_ = np.ones(len(candidates), np.bool_)
    chosen, noted = np.empty(n, np.int64), np.empty(n)
    for number in range(n):
        ranked_by = relevance if number == 0 and weight == 0 else scores
        place = int(np.argmax(np.where(open_, ranked_by, -np.inf)))
        chosen[number], noted[number], open_[place] = place, scores[place], False
        if weight < 1:
            np.maximum(nearest, np.vecdot(candidates, candidates[place]), out=nearest)
            scores = weight * relevance - (1 - weight) * nearest
    return chosen, noted
