"""Where the knee of a curve is."""

from __future__ import annotations

import numpy as np

from nirank.synthesis.knee import find_knee

GRID = np.array([5, 10, 50, 100, 500, 1000, 5000, 10000])


def test_t6_the_knee_of_known_curves() -> None:
    """The values are those of the library kneed with sensitivity 0.01."""
    place, accepted = find_knee(GRID, GRID**-0.5)
    assert (GRID[place], accepted) == (500, True)
    place, accepted = find_knee(np.log10(GRID), GRID**-0.5)
    assert (GRID[place], accepted) == (100, True)
    broken = np.where(GRID <= 1000, 10 - 0.009 * GRID, 1 - 0.00005 * (GRID - 1000))
    place, accepted = find_knee(GRID, broken)
    assert (GRID[place], accepted) == (1000, True)


def test_t6_a_straight_line_has_no_knee() -> None:
    """Rounding makes maxima of it, which are none; the first of all equal places is taken."""
    assert find_knee(GRID, 10 - 0.0001 * GRID) == (0, False)


def test_the_first_of_two_knees_is_taken_and_a_shallow_one_passed_over() -> None:
    x = np.arange(11)
    assert find_knee(x, [10, 4, 3.8, 3.6, 3.4, 0.6, 0.5, 0.4, 0.3, 0.2, 0]) == (1, True)
    shallow = [10, 8.9, 7.902, 2, 1.8, 1.5, 1.2, 0.9, 0.6, 0.3, 0]  # falls by less than the threshold behind 1
    assert find_knee(x, shallow) == (3, True)


def test_curves_of_few_points_and_of_equal_ones() -> None:
    assert find_knee([7], [3.0])[0] == 0
    assert find_knee([7, 8], [3.0, 1.0])[0] == 0
    assert find_knee([7, 8, 9], [3.0, 3.0, 3.0])[0] == 0
