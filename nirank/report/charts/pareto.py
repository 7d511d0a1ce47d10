"""The Pareto front: what nothing else is at once better and cheaper than."""

from __future__ import annotations

from collections.abc import Sequence


def find_front(costs: Sequence[float], gains: Sequence[float]) -> list[bool]:
    """Tell of each item whether it is on the front.

    An item is dominated if another one costs no more and gains no less, and differs in one of both; equal items are on
    the front together.
    """
    order = sorted(range(len(costs)), key=lambda at: (costs[at], -gains[at]))
    is_front = [False] * len(costs)
    best, price = float("-inf"), float("nan")
    for at in order:
        if gains[at] > best or (gains[at] == best and costs[at] == price):
            is_front[at] = True
            best, price = gains[at], costs[at]
    return is_front
