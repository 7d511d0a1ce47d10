"""Buckets of a hash table as single integers, those nearby included, in one pass over the projections.

A bucket of r integers c_1 … c_r (cells of a grid, sides of planes) has the code Σ m_j · c_j modulo 2^64 with random odd
m_j, so the bucket behind a wall is m_j more or less, and no list of cells is made. Two buckets of a table have one code
by chance with probability 2^-64 or little more: multilinear hashing, Carter and Wegman, JCSS 18, 1979.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.base.loops import compile_loop
from nirank.blocking.keys import Keys, mix_keys
from nirank.blocking.probing import Sets


def code_cells(projected: NDArray[np.float32], sets: Sets) -> Keys:
    """Return the codes of cells, and of those behind the walls that each set names, (n, tables, 1 + len(sets)) uint64.

    projected  (n, tables, functions), in cells
    sets       positions among a table's 2 · functions walls, the nearest first; of equally near ones, walls below first
    """
    return _code(_code_cells, projected, sets)


def code_sides(projected: NDArray[np.float32], sets: Sets) -> Keys:
    """Return the codes of sides, and of those with the bits flipped that each set names, (n, tables, 1 + len(sets)).

    projected  (n, tables, bits), distances to the planes
    sets       positions among a table's planes, the nearest first
    """
    return _code(_code_sides, projected, sets)


def _code(fill, projected: NDArray[np.float32], sets: Sets) -> Keys:  # type: ignore[no-untyped-def]
    n, tables, functions = projected.shape
    starts = np.cumsum([0, *map(len, sets)], dtype=np.int64)
    positions = np.array([position for each in sets for position in each], np.int64)
    # mixed twice: tables are told apart by salts that are mixed once
    multipliers = mix_keys(mix_keys(np.arange(functions, dtype=np.uint64))) | np.uint64(1)
    codes = np.empty((n * tables, 1 + len(sets)), np.uint64)
    rows = np.ascontiguousarray(projected, np.float32).reshape(n * tables, functions)
    fill(rows, multipliers, starts, positions, int(positions.max(initial=-1)) + 1, codes)
    return codes.reshape(n, tables, 1 + len(sets))


@compile_loop
def _code_cells(projected, multipliers, starts, positions, depth, codes):  # type: ignore[no-untyped-def]
    """Fill (rows, 1 + sets) codes; `depth` walls at most are asked for."""
    functions = projected.shape[1]
    walls, distances = np.empty(depth, np.int64), np.empty(depth, np.float32)
    for row in range(len(projected)):
        code = np.uint64(0)
        for function in range(functions):
            code += multipliers[function] * np.uint64(np.int64(np.floor(projected[row, function])))
        codes[row, 0] = code
        known = 0
        for wall in range(2 * functions if depth else 0):
            value = projected[row, wall % functions]
            below = value - np.floor(value)
            distance = below if wall < functions else np.float32(1) - below
            known = _insert(walls, distances, known, wall, distance)
        for at in range(len(starts) - 1):
            nearby = code
            for place in range(starts[at], starts[at + 1]):
                wall = walls[positions[place]]
                if wall < functions:
                    nearby -= multipliers[wall]
                else:
                    nearby += multipliers[wall - functions]
            codes[row, 1 + at] = nearby


@compile_loop
def _code_sides(projected, multipliers, starts, positions, depth, codes):  # type: ignore[no-untyped-def]
    """Fill (rows, 1 + sets) codes; `depth` planes at most are asked for."""
    planes, distances = np.empty(depth, np.int64), np.empty(depth, np.float32)
    for row in range(len(projected)):
        code = np.uint64(0)
        known = 0
        for plane in range(projected.shape[1]):
            value = projected[row, plane]
            if value >= 0:
                code += multipliers[plane]
            if depth:
                known = _insert(planes, distances, known, plane, abs(value))
        codes[row, 0] = code
        for at in range(len(starts) - 1):
            nearby = code
            for place in range(starts[at], starts[at + 1]):
                plane = planes[positions[place]]
                if projected[row, plane] >= 0:
                    nearby -= multipliers[plane]
                else:
                    nearby += multipliers[plane]
            codes[row, 1 + at] = nearby


@compile_loop
def _insert(names, distances, known, name, distance):  # type: ignore[no-untyped-def]
    """Insert into the nearest so far, ascending, the earlier of equal ones first; return how many are known."""
    if known == len(names) and not distance < distances[known - 1]:
        return known
    at = min(known, len(names) - 1)
    while at > 0 and distance < distances[at - 1]:
        names[at], distances[at] = names[at - 1], distances[at - 1]
        at -= 1
    names[at], distances[at] = name, distance
    return min(known + 1, len(names))
