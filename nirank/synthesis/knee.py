"""The knee of a falling curve: from where on more clusters gain little."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SENSITIVITY = 0.01


def find_knee(x: Sequence[float], y: Sequence[float], sensitivity: float = SENSITIVITY) -> tuple[int, bool]:
    """Return the place of the knee of a convex falling curve, and whether it was accepted as one.

    x̂ and ŷ are x and y between 0 and 1, and D = (1 − ŷ) − x̂. A local maximum of D is a knee where D falls by more than
    `sensitivity` times the mean step of x̂ before it rises again; the first one is taken. Where there is none, as for
    a straight line: the greatest D, the first of equals.

    x  ascending

    Satopää, Albrecht, Irwin and Raghavan, Finding a "Kneedle" in a Haystack, ICDCS Workshops 2011.
    """
    difference = 1 - _scale(y) - _scale(x)
    difference = difference.round(12)  # rounding makes no maxima of a straight line
    before, after = np.r_[difference[0], difference[:-1]], np.r_[difference[1:], difference[-1]]
    is_maximum = (difference >= before) & (difference >= after)
    is_minimum = (difference <= before) & (difference <= after)
    least_fall = sensitivity / max(len(difference) - 1, 1)
    for place in np.flatnonzero(is_maximum).tolist():
        turns = np.flatnonzero(is_minimum[place + 1 :] | is_maximum[place + 1 :])
        if len(turns) and difference[place + 1 + turns[0]] < difference[place] - least_fall:
            return place, True
    return int(np.argmax(difference)), False


def _scale(values: Sequence[float]) -> NDArray[np.float64]:
    """Return values between 0 and 1; equal ones are 0."""
    numbers = np.asarray(values, np.float64)
    spread = np.ptp(numbers)
    scaled: NDArray[np.float64] = (numbers - numbers.min()) / (spread or 1.0)
    return scaled
