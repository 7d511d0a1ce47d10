"""Query-directed multi-probe: which buckets near a query's own are likeliest to hold its neighbours.

Lv, Josephson, Wang, Charikar and Li, VLDB 2007. For one table with M functions, the 2M distances from a point to the
walls of its cell are sorted, z_1 ≤ … ≤ z_2M; positions j and 2M + 1 - j are the two walls of one function. A
perturbation set A ⊂ {1, …, 2M} moves through the walls in A and has score Σ z_j²; small scores are likely.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice

Sets = tuple[tuple[int, ...], ...]  # positions from 0, ascending


def generate_sets(squares: Sequence[float], *, walls: bool) -> Iterator[tuple[tuple[int, ...], float]]:
    """Yield (perturbation set, score) in ascending order of scores; positions from 1.

    squares  z_j², ascending, (2M,) for walls of cells or (M,) for bits
    walls    leave out sets that go through both walls of a function, {j, 2M + 1 - j}

    Shift and Expand of section 4.4: every set is generated once.
    """
    n = len(squares)
    heap: list[tuple[float, tuple[int, ...]]] = [(float(squares[0]), (1,))] if n else []
    while heap:
        score, positions = heapq.heappop(heap)
        last = positions[-1]
        if last < n:
            following = float(squares[last])
            heapq.heappush(heap, (score - float(squares[last - 1]) + following, (*positions[:-1], last + 1)))
            heapq.heappush(heap, (score + following, (*positions, last + 1)))
        if not walls or not any(n + 1 - position in positions for position in positions):
            yield positions, score


def expect_squares(functions: int) -> list[float]:
    """Return E[z_j²] for cells of width 1, (2M,) (section 4.5)."""
    m = functions
    nearer = [j * (j + 1) / (4 * (m + 1) * (m + 2)) for j in range(1, m + 1)]
    farther = [
        1 - (2 * m + 1 - j) / (m + 1) + (2 * m + 1 - j) * (2 * m + 2 - j) / (4 * (m + 1) * (m + 2))
        for j in range(m + 1, 2 * m + 1)
    ]
    return nearer + farther


@cache
def choose_grid_sets(functions: int, probes: int) -> Sets:
    """Return the sets with the least expected scores, positions from 0: one sequence serves all points."""
    likeliest = islice(generate_sets(expect_squares(functions), walls=True), probes)
    return tuple(tuple(position - 1 for position in positions) for positions, _ in likeliest)


@cache
def choose_bit_sets(bits: int, probes: int) -> Sets:
    """Return the sets of bits to flip, counted from the plane that is nearest; positions from 0.

    Distances to random planes are half-normal; their expected order is approximated by its quantiles j / (M + 1).
    """
    from scipy.special import ndtri

    squares = [float(ndtri(0.5 + 0.5 * j / (bits + 1)) ** 2) for j in range(1, bits + 1)]
    likeliest = islice(generate_sets(squares, walls=False), probes)
    return tuple(tuple(position - 1 for position in positions) for positions, _ in likeliest)
