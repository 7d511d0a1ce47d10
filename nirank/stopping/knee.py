"""Rules that look for the knee of the gain curve, relevant documents found over documents read.

The bend i is where the curve lies farthest above its chord from (0, 0) to (s, r(s)); ρ is the slope up to it over
the slope from there on (Cormack and Grossman, SIGIR 2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nirank.base.loops import compile_loop
from nirank.stopping.rule import Evidence, Labels, StoppingRule, mark_end


def compute_knee_ratio(relevant_at_bend: int, bend: int, relevant: int, read: int) -> float:
    """Return ρ = (r(i) / i) / ((r(s) − r(i) + 1) / (s − i)); 0 where there is no bend."""
    if bend == 0:
        return 0.0
    return relevant_at_bend / bend * (read - bend) / (relevant - relevant_at_bend + 1)


@dataclass(frozen=True)
class Knee(StoppingRule):
    """Stop once ρ ≥ 156 − min(r(s), 150): steep before the bend, flat behind it. Both are computed anew at every s."""

    name: ClassVar = "knee"

    def mark_stops(self, labels: Labels, size: int) -> NDArray[np.bool_]:
        found = np.cumsum(labels, dtype=np.int64)
        return mark_end(_compute_ratios(labels) >= 156 - np.minimum(found, 150), size)

    def _judge(self, labels: Labels, size: int) -> Evidence:
        ratio, sentence = _describe_knee(labels)
        threshold = 156 - min(int(labels.sum()), 150)
        return Evidence(ratio >= threshold, f"{sentence}; the rule asks for {threshold} times now", ratio)


@dataclass(frozen=True)
class Budget(StoppingRule):
    """Stop once ρ ≥ 6 and s ≥ 10 N / r(s), or three quarters are read (Cormack and Grossman, SIGIR 2016)."""

    name: ClassVar = "budget"

    def mark_stops(self, labels: Labels, size: int) -> NDArray[np.bool_]:
        read, found = np.arange(1, len(labels) + 1), np.cumsum(labels, dtype=np.int64)
        bent = (_compute_ratios(labels) >= 6) & (found > 0) & (read * found >= 10 * size)
        return mark_end(bent | (4 * read >= 3 * size), size)

    def _judge(self, labels: Labels, size: int) -> Evidence:
        ratio, sentence = _describe_knee(labels)
        found, read = int(labels.sum()), len(labels)
        stops = (ratio >= 6 and found > 0 and read * found >= 10 * size) or 4 * read >= 3 * size
        least = f"{-(-10 * size // found):,}" if found else "some relevant"
        asks = f"the rule asks for 6 times and {least} documents, or for {-(-3 * size // 4):,} documents"
        return Evidence(stops, f"{sentence}; {asks}", ratio)


def _describe_knee(labels: Labels) -> tuple[float, str]:
    """Return ρ after the last label, and a sentence about it."""
    positions = np.flatnonzero(labels) + 1
    if not len(positions):
        return 0.0, "nothing relevant is found yet"
    read, found = len(labels), len(positions)
    heights = np.arange(1, found + 1) * read - positions * found
    at = int(heights.argmax())
    if heights[at] <= 0:
        return 0.0, "the curve of relevant documents does not bend yet"
    ratio = compute_knee_ratio(at + 1, int(positions[at]), found, read)
    return ratio, (
        f"the curve of relevant documents bends after {positions[at]:,} documents, "
        f"and is {ratio:.3g} times as steep before as behind"
    )


def _compute_ratios(labels: Labels) -> NDArray[np.float64]:
    """Return ρ after every label, (s,)."""
    ratios: NDArray[np.float64] = _trace_ratios(np.ascontiguousarray(labels), np.empty(len(labels), np.float64))
    return ratios


@compile_loop
def _trace_ratios(labels, ratios):  # type: ignore[no-untyped-def]
    """Fill in ρ after every label; the curve is farthest above a chord where a relevant document was found."""
    positions = np.zeros(len(labels), np.int64)
    found = 0
    for at in range(len(labels)):
        read = at + 1
        if labels[at]:
            positions[found] = read
            found += 1
        best, bend, reached = 0, 0, 0
        for before in range(found):
            height = (before + 1) * read - positions[before] * found
            if height > best:
                best, bend, reached = height, positions[before], before + 1
        ratios[at] = reached / bend * (read - bend) / (found - reached + 1) if bend else 0.0
    return ratios
