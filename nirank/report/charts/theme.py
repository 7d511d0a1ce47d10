"""How charts look: colours, dashes and legends of systems, formats of numbers, and the configuration of both modes.

Colours of marks are the same on light and dark ground; those of text, axes and rules come from `make_config`, which a
page gives to vegaEmbed and `Plots` puts into the chart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nirank.results.row import Row

Spec = dict[str, Any]

# Okabe and Ito (2008); their black and yellow cannot be seen on one of the grounds, so that grey and ochre stand there.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#9A8700", "#7F8590")
DASHES: tuple[list[int], ...] = ([1, 0], [6, 3], [2, 3], [8, 3, 2, 3])
GAIN, LOSS, NEUTRAL = COLOURS[0], COLOURS[1], COLOURS[7]
HEIGHT = 280
AXIS_FORMAT = ",.4~r"  # in d3's language: no exponents and no prefixes, be the values shares or ranks
NAME_LIMIT = 150  # px, of systems' names on an axis
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
_LEGEND_ENTRIES = 40  # more are no help; the names are in the tooltips
_NAME = 28  # characters of a name beside a mark


@dataclass(frozen=True)
class SystemStyles:
    """A colour and a dash for each system, the same in all charts of a report.

    names  of all systems, in the order of the leaderboard; single seeds look like their system
    """

    names: tuple[str, ...]

    @staticmethod
    def of(rows: Iterable[Row]) -> SystemStyles:
        """Return the styles of the systems of a leaderboard."""
        return SystemStyles(tuple(dict.fromkeys(row.seed_of or row.system for row in rows)))

    def colour(self, systems: Sequence[str], *, legend: bool = True, line: bool = False) -> Spec:
        """Return the encoding of the field `system` by colour, of the systems that a chart has."""
        at = [self._find(system) for system in systems]
        scale = {"domain": list(systems), "range": [COLOURS[place % len(COLOURS)] for place in at]}
        shown = legend and 1 < len(systems) <= _LEGEND_ENTRIES
        return {
            "field": "system",
            "type": "nominal",
            "scale": scale,
            "legend": make_legend(line=line) if shown else None,
        }

    def dash(self, systems: Sequence[str]) -> Spec:
        """Return the encoding of the field `system` by dashes, which tell apart what shares a colour."""
        at = [self._find(system) for system in systems]
        scale = {"domain": list(systems), "range": [DASHES[place // len(COLOURS) % len(DASHES)] for place in at]}
        shown = 1 < len(systems) <= _LEGEND_ENTRIES
        return {
            "field": "system",
            "type": "nominal",
            "scale": scale,
            "legend": make_legend(line=True) if shown else None,
        }

    def _find(self, system: str) -> int:
        return self.names.index(system) if system in self.names else len(self.names)


def make_legend(*, line: bool = False) -> Spec:
    """Return a legend below the chart, in as many columns as there is room for."""
    return {
        "title": None,
        "orient": "bottom",
        "direction": "horizontal",
        "columns": {"expr": "max(1, floor(width / 190))"},
        "labelLimit": 170,
        "symbolOpacity": 1,
        "symbolType": "stroke" if line else "circle",
    }


def choose_value(name: str, values: Sequence[str]) -> Spec:
    """Return a parameter that is one of several texts, with a menu where there are several."""
    parameter: Spec = {"name": name, "value": values[0]}
    if len(values) > 1:
        parameter["bind"] = {"input": "select", "options": list(values), "name": f"{name} "}
    return parameter


def write_chosen(name: str) -> Spec:
    """Return a layer that writes what a parameter is over the chart, where the axis' title cannot know it."""
    return {
        "data": {"values": [{}]},
        "mark": {"type": "text", "style": "heading", "align": "left", "text": {"expr": name}},
        "encoding": {"x": {"value": 0}, "y": {"value": -12}},
    }


def cut_name(name: str, longest: int = _NAME) -> str:
    """Return a name that is not too long to stand beside a mark."""
    line = " ".join(name.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def round_value(value: float | None, digits: int = 4) -> float | None:
    """Return a number with so many significant digits, which is all that a chart can show."""
    return None if value is None else float(f"{value:.{digits}g}")


def make_config(*, dark: bool = False) -> Mapping[str, Any]:
    """Return Vega-Lite's `config` for light or dark ground, which itself stays transparent."""
    ink, faint, line = ("#e4e6ea", "#a3aab6", "#3a404a") if dark else ("#1c1e21", "#5c6370", "#dfe2e7")
    return {
        "background": "transparent",
        "font": _FONT,
        "padding": 4,
        "view": {"stroke": None, "continuousHeight": HEIGHT},
        "axis": {
            "domainColor": line,
            "gridColor": line,
            "gridOpacity": 0.7,
            "tickColor": line,
            "labelColor": faint,
            "labelFontSize": 11,
            "labelLimit": 200,
            "titleColor": faint,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 8,
            "labelOverlap": True,
            "labelSeparation": 8,
        },
        "legend": {"labelColor": ink, "labelFontSize": 12, "titleColor": faint, "titleFontWeight": "normal"}
        | {"symbolBaseFillColor": faint, "symbolBaseStrokeColor": faint},
        "header": {"labelColor": ink, "labelFontSize": 12, "titleColor": faint, "labelLimit": 220},
        "title": {"color": ink, "fontWeight": "normal"},
        "text": {"color": ink, "fontSize": 12},
        "rule": {"color": faint},
        "line": {"strokeWidth": 2, "strokeCap": "round"},
        "point": {"filled": True, "size": 60},
        "style": {
            "heading": {"color": ink, "fontSize": 13, "fontWeight": 600},
            "note": {"color": faint, "fontSize": 11},
            "zero": {"color": faint, "strokeWidth": 1},
        },
    }
