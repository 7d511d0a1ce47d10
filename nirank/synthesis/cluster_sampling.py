"""Documents drawn from a cluster, those near its centroid more often."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]


def draw_pool(cosines: NDArray[np.float32], n: int, temperature: float, draws: int, seed: int, cluster: int) -> Places:
    """Return the places of what several draws of n documents each give together, ascending.

    Each draw is without replacement, with P(i) = exp(cosine_i / temperature) / Σ exp(cosine_j / temperature): the n
    greatest of cosine / temperature + Gumbel noise are such a draw (Vieira, 2014; Kool et al., ICML 2019), also where
    the temperature is so low that P is 0 for most.

    cosines  (m,) of the cluster's documents with its centroid, m ≥ n
    seed     with the cluster's number and the draw's, of the noise: clusters of one size are drawn independently
    """
    logits = cosines.astype(np.float64) / temperature
    drawn = np.zeros(len(cosines), np.bool_)
    for draw in range(draws):
        noise = np.random.default_rng([seed, cluster, draw]).gumbel(size=len(cosines))
        drawn[np.argsort(-(logits + noise), kind="stable")[:n]] = True
    return np.flatnonzero(drawn)
