"""How far a review has come: counts, a sentence, and the curve of included records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nirank.feedback.policy import Labels
from nirank.screening.review_state import ReviewState

WIDTH, HEIGHT, _N_POINTS = 400, 200, 200  # of the curve, in its own units


@dataclass(frozen=True)
class Progress:
    """What the page shows of a review.

    size       records to judge, without those known before
    read       those that have been included or excluded
    curve      included records after each record read, as points of an SVG polyline; "" before any was read
    described  the curve in words
    """

    size: int
    read: int
    included: int
    sentence: str
    curve: str
    described: str


def measure_progress(state: ReviewState) -> Progress:
    """Count what has been decided."""
    counts = state.count_answers()
    _, labels = state.collect_judged()
    size, included = state.n - len(state.known), int(labels.sum())
    more = [f"{counts[name]:,} {name}" for name in ("maybe", "skipped") if counts[name]]
    before = f" {len(state.known):,} more were decided before this review." if state.known else ""
    sentence = (
        f"{len(labels):,} of {size:,} records read: {included:,} included, {len(labels) - included:,} excluded"
        f"{''.join(f', {part}' for part in more)}.{before}"
    )
    described = f"{included:,} records included after {len(labels):,} read"
    return Progress(size, len(labels), included, sentence, draw_curve(labels), described)


def draw_curve(labels: Labels) -> str:
    """Return the polyline of relevant records found after each record read."""
    if not len(labels):
        return ""
    found = np.concatenate([[0], np.cumsum(labels)])
    at = np.unique(np.linspace(0, len(labels), min(len(found), _N_POINTS)).round().astype(np.int64))
    xs, ys = WIDTH * at / len(labels), HEIGHT * (1 - found[at] / max(found[-1], 1))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs.tolist(), ys.tolist(), strict=True))
