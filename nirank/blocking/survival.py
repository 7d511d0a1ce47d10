"""How often two records share a bucket: collision probabilities of hash functions, and of tables made of them.

`p` is the probability that one function agrees. A table asks for r functions at once, and of L tables one is enough:
a pair survives with probability 1 - (1 - p^r)^L, which is steepest near p = (1 / L)^(1 / r).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Probability = NDArray[np.float64]


def find_gaussian_collision(distance: ArrayLike, width: float) -> Probability:
    """Return the probability that h(x) = floor((a·x + b) / width) agrees, a standard normal, b uniform on [0, width).

    distance  Euclidean, 0 or more
    With t = width / distance: 1 - 2 Φ(-t) - 2 / (√(2π) t) · (1 - exp(-t² / 2)).
    Datar, Immorlica, Indyk and Mirrokni, SoCG 2004, section 3.2.
    """
    from scipy.special import ndtr

    far, t = _ratio(distance, width)
    agree = 1 - 2 * ndtr(-t) - 2 / (math.sqrt(2 * math.pi) * t) * -np.expm1(-(t**2) / 2)
    return np.where(far, agree, 1.0)


def find_cauchy_collision(distance: ArrayLike, width: float) -> Probability:
    """Return the same for Cauchy entries of a, with which the distance is Manhattan's.

    2 arctan(t) / π - ln(1 + t²) / (π t). Datar et al. 2004, section 3.2.
    """
    far, t = _ratio(distance, width)
    return np.where(far, 2 * np.arctan(t) / math.pi - np.log1p(t**2) / (math.pi * t), 1.0)


def _ratio(distance: ArrayLike, width: float) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    distances = np.asarray(distance, np.float64)
    far = distances > 0
    return far, width / np.where(far, distances, 1.0)


def find_hyperplane_collision(degrees: ArrayLike) -> Probability:
    """Return the probability that a random hyperplane leaves two vectors at an angle on one side: 1 - angle / 180°.

    Charikar, STOC 2002.
    """
    return 1 - np.asarray(degrees, np.float64) / 180


def find_code_survival(p: ArrayLike, bits: int, radius: int) -> Probability:
    """Return the probability that two codes of independent bits, each equal with probability p, are within a radius.

    Σ over d ≤ radius of (bits choose d) (1 - p)^d p^(bits - d).
    """
    from scipy.special import bdtr

    return np.asarray(bdtr(radius, bits, 1 - np.asarray(p, np.float64)))


def find_survival(p: ArrayLike, functions: int, tables: int) -> Probability:
    """Return the probability that one of `tables` tables of `functions` functions each agrees: 1 - (1 - p^r)^L."""
    agree = np.asarray(p, np.float64) ** functions
    with np.errstate(divide="ignore"):
        survival: Probability = -np.expm1(tables * np.log1p(-agree))
    return survival


def choose_bands(threshold: float, most: int, weights: tuple[float, float] = (0.5, 0.5)) -> tuple[int, int]:
    """Return (tables, functions) with tables · functions ≤ most, for similarities from a threshold on.

    weights  of false positives and false negatives. Minimises
             w_fp ∫_0^T P(s) ds + w_fn ∫_T^1 (1 - P(s)) ds over all pairs of numbers, as datasketch does; the integrals
             are sums over 1,000 points. Of equally good pairs, the one with fewer functions
    """
    s = (np.arange(1000) + 0.5) / 1000
    below = s < threshold
    best = (math.inf, 1, 1)
    for tables in range(1, most + 1):
        for functions in range(1, most // tables + 1):
            survival = find_survival(s, functions, tables)
            error = weights[0] * survival[below].sum() + weights[1] * (1 - survival[~below]).sum()
            best = min(best, (float(error), tables, functions), key=lambda bands: (round(bands[0], 9), bands[2]))
    return best[1], best[2]
