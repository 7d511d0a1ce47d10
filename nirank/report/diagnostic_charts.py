"""Pictures of diagnostics: bars of shares and measures, and columns of pairs by years."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from nirank.diagnostics.diagnosis import Diagnosis
from nirank.report.diagnostics import TITLES
from nirank.report.effort import HEIGHT, WIDTH
from nirank.results.groups import JudgedSplit, group_rows
from nirank.results.row import Row

_LABELS = 8  # below columns, at most
_NAMES = 40  # characters of systems in a line, at most
_GAP = 0.2  # of a column's place
Value = tuple[str, float, float | None]  # which part, from 0 to 1, and what it could be at most


@dataclass(frozen=True)
class Bar:
    """A line of text and a bar below it; `limit` is the end of a paler bar behind, 0 for none."""

    label: str
    text: str
    width: float
    limit: float


@dataclass(frozen=True)
class BarChart:
    """Bars from the left, their axis from 0 to 1."""

    title: str
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Column:
    """The pairs with one gap; `label` stands below, '' where there is no room."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    label: str
    title: str


@dataclass(frozen=True)
class GapChart:
    """Relevant pairs by the years between them; `most` is the end of the upright axis."""

    title: str
    columns: Sequence[Column]
    most: int


def make_bar_charts(rows: Sequence[Row]) -> list[BarChart]:
    """Return reliance, contradiction, ceiling and length of each collection and judgement set."""
    return [chart for key, diagnoses in _group_diagnoses(rows).items() for chart in _draw_group(key, diagnoses)]


def make_gap_charts(rows: Sequence[Row]) -> list[GapChart]:
    """Return the gaps of relevant pairs of each collection and judgement set; equal ones once."""
    charts: dict[GapChart, None] = {}
    for key, diagnoses in _group_diagnoses(rows).items():
        for profile in [diagnosis.time for _, diagnosis in diagnoses if diagnosis.time is not None]:
            charts[_draw_gaps(f"{TITLES['time']}: {profile.over}, {key.title}", dict(profile.gaps))] = None
    return list(charts)


def _group_diagnoses(rows: Sequence[Row]) -> dict[JudgedSplit, list[tuple[str, Diagnosis]]]:
    groups = group_rows(row for row in rows if row.diagnosis is not None)
    return {key: [(row.system, row.diagnosis) for row in group if row.diagnosis] for key, group in groups.items()}


def _draw_group(key: JudgedSplit, diagnoses: Sequence[tuple[str, Diagnosis]]) -> Iterator[BarChart]:
    titles: dict[str, Callable[[Diagnosis], list[Value]]] = {
        f"{TITLES['reliance']}: ρ_p": _list_reliance,
        f"{TITLES['contradiction']}: share of relevant documents, by cosine": _list_contradiction,
        f"{TITLES['ceiling']}: Rprec, behind it the oracle's": _list_ceiling,
        f"{TITLES['length']}: Rprec": _list_lengths,
    }
    for title, list_values in titles.items():
        values: dict[Value, list[str]] = {}  # what is the same for several systems stands once
        for system, diagnosis in diagnoses:
            for value in list_values(diagnosis):
                values.setdefault(value, []).append(system)
        if values:
            yield BarChart(f"{title}, {key.title}", [_draw_bar(*value) for value in values.items()])


def _draw_bar(of: Value, systems: Sequence[str]) -> Bar:
    part, value, limit = of
    names = ", ".join(systems)
    if len(names) > _NAMES:
        names = f"{systems[0]} and {len(systems) - 1} more"
    label = f"{names}, {part}" if part else names
    text = f"{value:.4f}" if limit is None else f"{value:.4f} of {limit:.4f}"
    return Bar(label, text, round(WIDTH * value, 1), round(WIDTH * (limit or 0), 1))


def _list_reliance(diagnosis: Diagnosis) -> list[Value]:
    found = diagnosis.reliance
    return [] if found is None or found.share is None else [("", found.share, None)]


def _list_contradiction(diagnosis: Diagnosis) -> list[Value]:
    found = diagnosis.contradiction
    return [] if found is None else [(f"≥ {cosine}", share, None) for cosine, share in found.documents]


def _list_ceiling(diagnosis: Diagnosis) -> list[Value]:
    found = diagnosis.ceiling
    if found is None:
        return []
    value = found.reached.get("Rprec")
    return [] if value is None else [("", value, found.oracle.get("Rprec"))]


def _list_lengths(diagnosis: Diagnosis) -> list[Value]:
    parts = () if diagnosis.length is None else diagnosis.length.by_length
    values = [(part.name, part.measures.get("Rprec")) for part in parts]
    return [(name, value, None) for name, value in values if value is not None]


def _draw_gaps(title: str, counts: dict[int, int]) -> GapChart:
    """Draw a column for every year from the least gap to the greatest."""
    gaps = range(min(counts), max(counts) + 1)
    most, slot = max(counts.values()), WIDTH / len(gaps)
    step = -(-len(gaps) // _LABELS)
    columns = []
    for at, gap in enumerate(gaps):
        n = counts.get(gap, 0)
        height = HEIGHT * n / most
        columns.append(
            Column(
                round(slot * (at + _GAP / 2), 1),
                round(HEIGHT - height, 1),
                round(slot * (1 - _GAP), 1),
                round(height, 1),
                round(slot * (at + 0.5), 1),
                str(gap) if gap % step == 0 else "",
                f"{gap} years: {n:,} pairs",
            )
        )
    return GapChart(title, tuple(columns), most)
