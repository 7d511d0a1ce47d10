"""Tables of survival: which matches hashing stages kept, by how alike they are, beside what theory says."""

from __future__ import annotations

from collections.abc import Sequence

from nirank.report.charts.survival import list_curves
from nirank.report.grid import Cell, Grid
from nirank.results.groups import JudgedSplit, group_rows
from nirank.results.row import Row, SurvivalBin, SurvivalCurve


def make_survival_grids(rows: Sequence[Row]) -> list[Grid]:
    """Return a table for each collection and judgement set: of matches that are so alike, how many were kept."""
    bodies: dict[JudgedSplit, list[list[Cell]]] = {}
    for key, group in group_rows(rows).items():
        for curve in list_curves(group):
            bodies.setdefault(key, []).extend(_make_lines(curve))
    head = ["stage", "likeness", "from", "to", "matches", "kept", "share", "theory"]
    notes = ["theory: the share that random functions keep, at the mean likeness of each line's matches."]
    return [Grid(f"Matches kept by hashing: {key.title}", head, body, notes) for key, body in bodies.items()]


def _make_lines(curve: SurvivalCurve) -> list[list[Cell]]:
    lines = []
    for part in curve.bins:
        numbers = (f"{part.low:.3g}", f"{part.high:.3g}", f"{part.matches:,}", f"{part.kept:,}")
        shares = (f"{part.kept / part.matches:.4f}", _read_theory(curve, part))
        cells = [Cell(text, number=True) for text in (*numbers, *shares)]
        lines.append([Cell(curve.stage), Cell(curve.likeness), *cells])
    return lines


def _read_theory(curve: SurvivalCurve, part: SurvivalBin) -> str:
    """Return the theory's share at a bin's mean, between two of its points."""
    if not curve.theory:
        return "-"
    for (x, low), (following, high) in zip(curve.theory, curve.theory[1:], strict=False):
        if part.mean <= following:
            return f"{low + (high - low) * (part.mean - x) / ((following - x) or 1):.4f}"
    return f"{curve.theory[-1][1]:.4f}"
