"""How stable training is: what several seeds of one recipe gave, and how many runs failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class SeedSummary(NamedTuple):
    """Scores of several seeds; `sd` is the sample's (divided by n - 1), NaN for one seed."""

    n: int
    mean: float
    median: float
    sd: float
    max: float
    failed: int


def summarise_seeds(scores: Sequence[float], floors: Sequence[float] = ()) -> SeedSummary:
    """Summarise the scores of one recipe's seeds.

    scores  (n,), n ≥ 1; larger is better
    floors  what an untrained system reaches, such as the start model and BM25: a run below any of them has failed,
            and so has one whose score is NaN

    Mosbach et al., ICLR 2021, arXiv 2006.04884, section 3, has the majority class as floor.
    """
    values = np.asarray(scores, np.float64)
    floor = max(floors, default=-np.inf)
    failed = int((np.isnan(values) | (values < floor)).sum())
    sd = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return SeedSummary(len(values), float(values.mean()), float(np.median(values)), sd, float(values.max()), failed)


def expected_maximum(scores: Sequence[float], n: int) -> float:
    """Return the expected best of n runs drawn, with replacement, from these.

    Σ over the sorted scores x_(i) · ((i / S)^n - ((i - 1) / S)^n); n = 1 is the mean, and many runs give the maximum.

    Dodge et al., EMNLP 2019, arXiv 1909.03004, section 3.
    """
    values = np.sort(np.asarray(scores, np.float64))
    shares = (np.arange(len(values) + 1) / len(values)) ** n
    return float(values @ np.diff(shares))
