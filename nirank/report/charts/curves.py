"""Curves with few points: what lies on a straight line between its neighbours need not be written."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, float]


def simplify_curve(points: Sequence[Point], tolerance: float) -> list[Point]:
    """Return some of the points, so that the line through them is nowhere further from a left-out one than that.

    The distance is upright (Douglas and Peucker, 1973, for functions). The first and the last point stay.
    """
    if len(points) < 3:
        return list(points)
    kept = {0, len(points) - 1}
    stretches = [(0, len(points) - 1)]
    while stretches:
        first, last = stretches.pop()
        (x, y), (end, height) = points[first], points[last]
        slope = (height - y) / ((end - x) or 1.0)
        gaps = [abs(points[at][1] - y - slope * (points[at][0] - x)) for at in range(first + 1, last)]
        if gaps and max(gaps) > tolerance:
            at = first + 1 + gaps.index(max(gaps))
            kept.add(at)
            stretches += [(first, at), (at, last)]
    return [points[at] for at in sorted(kept)]
