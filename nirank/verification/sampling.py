"""What a sample of the queries says of the mean over all."""

from __future__ import annotations

import numpy as np

from nirank.evaluation.kernels import Values

CONFIDENCE = 0.999  # two-sided; of a thousand scores that are right one is called off


def estimate_interval(values: Values, n_all: int) -> tuple[float, float] | None:
    """Return where the mean over all queries lies, from those of a sample without replacement; None: nobody knows.

    mean ± t · s / √n · √(1 - n / N)     Cochran, Sampling Techniques, section 2.7

    values  of the sample; NaN where a measure leaves the query out
    n_all   N, from which the sample was drawn
    A sample of skewed values lacks the rare ones more often than not, and its s is too small. Where values lie from 0
    to 1, one 0 and one 1 are added to it: what a sample of 30 called off wrongly in up to 66 % of draws (one query of
    50 is right, the others are not) is then called so in less than 1 ‰, and intervals of even values are 5 % wider.
    """
    from scipy.special import stdtrit

    kept = values[~np.isnan(values)]
    n = len(kept)
    if n == 0:
        return None
    mean, narrowed = float(kept.mean()), max(0.0, 1 - n / n_all) ** 0.5
    if narrowed == 0:
        return mean, mean
    if kept.min() >= 0 and kept.max() <= 1:
        kept = np.concatenate([kept, [0.0, 1.0]])
    elif n == 1 or kept.std() == 0:
        return None
    half = float(stdtrit(len(kept) - 1, (1 + CONFIDENCE) / 2)) * float(kept.std(ddof=1)) / len(kept) ** 0.5
    low, high = float(kept.mean()) - half, float(kept.mean()) + half
    return mean + (low - mean) * narrowed, mean + (high - mean) * narrowed
