"""A figure: one chart of a report, with the words around it."""

from __future__ import annotations

from dataclasses import dataclass

from nirank.report.charts.theme import Spec
from nirank.results.groups import JudgedSplit


@dataclass(frozen=True)
class Figure:
    """A chart as the page sets it.

    id         unlike those of the report's other figures, allowed as an HTML id
    section    heading under which it stands
    title      what it shows, in a few words; `caption`: how it is read
    spec       Vega-Lite, without `config`: that is the page's, see `make_config`
    data_name  of the data that the page fills in; None: all is in the specification
    table      the collection, split and judgement set that it is about; None: the whole report
    """

    id: str
    section: str
    title: str
    caption: str
    spec: Spec
    data_name: str | None = None
    table: JudgedSplit | None = None
