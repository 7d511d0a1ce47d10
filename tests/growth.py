"""Counts what a computation does, so that its growth can be told without a clock."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def count_calls(work: Callable[[], Any]) -> int:
    """Return how many functions `work` calls, of Python and of C."""
    n_calls = [0]

    def count(frame: Any, event: str, argument: Any) -> None:
        if event in ("call", "c_call"):
            n_calls[0] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return n_calls[0]


def measure_growth(work_of: Callable[[int], Callable[[], Any]], n: int, factor: int = 4) -> float:
    """Return by what the calls grow, in units of linear growth: 1 is linear, `factor` quadratic.

    work_of  makes the work of a size; making it is not counted
    """
    return count_calls(work_of(factor * n)) / count_calls(work_of(n)) / factor
