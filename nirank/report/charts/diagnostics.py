"""Pictures of diagnostics: bars of shares and measures, and columns of pairs by years."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from nirank.diagnostics.diagnosis import Diagnosis
from nirank.report.charts.bars import Bar, draw_bars
from nirank.report.charts.theme import GAIN, HEIGHT, Spec
from nirank.report.diagnostics import TITLES
from nirank.results.row import Row

_NAMES = 40  # characters of systems in a label, at most
_Value = tuple[str, float, float | None]  # which part, from 0 to 1, and what it could be at most


class DiagnosticChart(NamedTuple):
    """A chart with its title, and how it is read."""

    title: str
    caption: str
    spec: Spec


def draw_diagnostics(rows: Sequence[Row]) -> list[DiagnosticChart]:
    """Return the charts of one table: reliance, contradiction, ceiling, length, and years."""
    diagnosed = [(row.system, row.diagnosis) for row in rows if row.diagnosis is not None]
    charts = []
    for kind, (axis, caption, list_values) in _BARS.items():
        values: dict[_Value, list[str]] = {}  # what is the same for several systems stands once
        for system, diagnosis in diagnosed:
            for value in list_values(diagnosis):
                values.setdefault(value, []).append(system)
        if values:
            spec = draw_bars([_make_bar(*each) for each in values.items()], axis, end=1)
            charts.append(DiagnosticChart(TITLES[kind], caption, spec))
    profiles = dict.fromkeys(
        (diagnosis.time.over, tuple(diagnosis.time.gaps)) for _, diagnosis in diagnosed if diagnosis.time is not None
    )
    caption = "Relevant pairs by the years from the document to the query."
    return charts + [DiagnosticChart(f"{TITLES['time']}: {over}", caption, _draw_gaps(gaps)) for over, gaps in profiles]


def _make_bar(of: _Value, systems: Sequence[str]) -> Bar:
    part, value, limit = of
    names = ", ".join(systems)
    if len(names) > _NAMES and len(systems) > 1:
        names = f"{systems[0]} and {len(systems) - 1} more"
    text = f"{value:.4f}" if limit is None else f"{value:.4f} of {limit:.4f}"
    ends = round(value, 4), None if limit is None else round(limit, 4)
    return Bar(f"{names}, {part}" if part else names, ends[0], text, ends[1])


def _list_reliance(diagnosis: Diagnosis) -> list[_Value]:
    found = diagnosis.reliance
    return [] if found is None or found.share is None else [("", found.share, None)]


def _list_contradiction(diagnosis: Diagnosis) -> list[_Value]:
    found = diagnosis.contradiction
    return [] if found is None else [(f"≥ {cosine}", share, None) for cosine, share in found.documents]


def _list_ceiling(diagnosis: Diagnosis) -> list[_Value]:
    found = diagnosis.ceiling
    if found is None:
        return []
    value = found.reached.get("Rprec")
    return [] if value is None else [("", value, found.oracle.get("Rprec"))]


def _list_lengths(diagnosis: Diagnosis) -> list[_Value]:
    parts = () if diagnosis.length is None else diagnosis.length.by_length
    values = [(part.name, part.measures.get("Rprec")) for part in parts]
    return [(name, value, None) for name, value in values if value is not None]


def _draw_gaps(gaps: Sequence[tuple[int, int]]) -> Spec:
    """Return a column of pairs for every year between query and document."""
    return {
        "width": "container",
        "height": HEIGHT * 2 // 3,
        "data": {"values": [{"from": gap - 0.4, "to": gap + 0.4, "years": gap, "pairs": pairs} for gap, pairs in gaps]},
        "mark": {"type": "rect", "color": GAIN},
        "encoding": {
            "x": {
                "field": "from",
                "type": "quantitative",
                "scale": {"nice": False, "zero": False},
                "axis": {"title": "years from the document to the query", "format": "d", "tickMinStep": 1},
            },
            "x2": {"field": "to"},
            "y": {"field": "pairs", "type": "quantitative", "axis": {"title": "relevant pairs", "tickMinStep": 1}},
            "y2": {"datum": 0},
            "tooltip": [{"field": "years"}, {"field": "pairs", "format": ","}],
        },
    }


_BARS: dict[str, tuple[str, str, Callable[[Diagnosis], list[_Value]]]] = {
    "reliance": (
        "ρ_p",
        "How much of the scores' spread is the pre-fetcher's: 0 is nothing, 1 all of it.",
        _list_reliance,
    ),
    "contradiction": (
        "share of relevant documents",
        "Relevant documents of a list with another one beside them that is not, and at least so alike.",
        _list_contradiction,
    ),
    "ceiling": (
        "Rprec",
        "Full: each list as it is; pale: its first documents in the best order, which no re-ranker can exceed.",
        _list_ceiling,
    ),
    "length": ("Rprec", "By quartile of the queries' words.", _list_lengths),
}
