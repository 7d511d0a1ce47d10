"""Charts and tables of survival: which matches hashing stages kept, by how alike they are, beside what theory says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nirank.report.effort import HEIGHT, WIDTH
from nirank.report.grid import Cell, Grid
from nirank.results.groups import JudgedSplit, group_rows
from nirank.results.row import Row, SurvivalBin, SurvivalCurve


@dataclass(frozen=True)
class Dot:
    """The share of a bin's matches that was kept, as a circle whose area says how many they are."""

    x: float
    y: float
    radius: float
    title: str


@dataclass(frozen=True)
class SurvivalChart:
    """One stage's chart.

    theory   points of an SVG polyline, '' where theory gives none
    systems  that have the stage on their way
    end      of the horizontal axis
    """

    title: str
    likeness: str
    systems: str
    theory: str
    dots: Sequence[Dot]
    end: float


def make_survival_charts(rows: Sequence[Row]) -> list[SurvivalChart]:
    """Return a chart for every hashing stage of each collection and judgement set."""
    return [_draw_chart(curve, systems, key) for key, curve, systems in _list_curves(rows)]


def make_survival_grids(rows: Sequence[Row]) -> list[Grid]:
    """Return a table for each collection and judgement set: of matches that are so alike, how many were kept."""
    bodies: dict[JudgedSplit, list[list[Cell]]] = {}
    for key, curve, _ in _list_curves(rows):
        bodies.setdefault(key, []).extend(_make_lines(curve))
    head = ["stage", "likeness", "from", "to", "matches", "kept", "share", "theory"]
    notes = ["theory: the share that random functions keep, at the mean likeness of each line's matches."]
    return [Grid(f"Matches kept by hashing: {key.title}", head, body, notes) for key, body in bodies.items()]


def _list_curves(rows: Sequence[Row]) -> Iterator[tuple[JudgedSplit, SurvivalCurve, list[str]]]:
    """Yield each distinct curve of a table's rows, and the systems that have it."""
    for key, group in group_rows(rows).items():
        curves: dict[SurvivalCurve, list[str]] = {}
        for row in group:
            for curve in row.survival:
                curves.setdefault(curve, []).append(row.system)
        for curve, systems in curves.items():
            yield key, curve, systems


def _draw_chart(curve: SurvivalCurve, systems: Sequence[str], key: JudgedSplit) -> SurvivalChart:
    end = max([likeness for likeness, _ in curve.theory] + [part.high for part in curve.bins])
    most = max(part.matches for part in curve.bins)
    dots = [
        Dot(
            round(WIDTH * part.mean / end, 1),
            round(HEIGHT * (1 - part.kept / part.matches), 1),
            round(2 + 6 * (part.matches / most) ** 0.5, 1),
            f"{part.kept:,} of {part.matches:,} matches from {part.low:.3g} to {part.high:.3g}",
        )
        for part in curve.bins
    ]
    theory = " ".join(f"{WIDTH * x / end:.1f},{HEIGHT * (1 - share):.1f}" for x, share in curve.theory)
    return SurvivalChart(f"{curve.stage}, {key.title}", curve.likeness, ", ".join(systems), theory, dots, end)


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
