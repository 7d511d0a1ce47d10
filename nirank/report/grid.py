"""Grids: one table of texts that Markdown, terminals and pages set in their own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nirank.evaluation.measures import lower_is_better

_FORMATS = {"CSSR": ".4g", "candidates": ",.2f", "loss": ".4f"}


@dataclass(frozen=True)
class Cell:
    """A text in the table; numbers stand right, the best of a column is bold, facts are no result and set fainter."""

    text: str
    number: bool = False
    best: bool = False
    fact: bool = False


@dataclass(frozen=True)
class Grid:
    """One collection's table.

    title  of the collection and, where there are several, its judgement set
    notes  footnotes: why values are null, what failed
    lead   what stands above the table: what all lines have in common, and the verdict
    """

    title: str
    head: Sequence[str]
    body: Sequence[Sequence[Cell]]
    notes: Sequence[str]
    lead: str = ""


def format_value(measure: str, value: float, sign: str = "") -> str:
    """Return a value as tables print it: ranks with one decimal, candidates two, shares four; CSSR with four digits."""
    return format(value, sign + find_format(measure))


def find_format(measure: str) -> str:
    """Return how the values of a measure are printed, in the language of `format`."""
    family = measure.partition("@")[0].partition("(")[0]
    return _FORMATS.get(family) or (",.1f" if lower_is_better(measure) else ".4f")


def format_markdown_grid(grid: Grid) -> str:
    """Return a table in Markdown under its title, with its notes as a list."""
    lines = [
        "| " + " | ".join(_escape(head) for head in grid.head) + " |",
        "| --- |" + " ---: |" * (len(grid.head) - 1),
        *("| " + " | ".join(_embolden(cell) for cell in line) + " |" for line in grid.body),
    ]
    notes = "\n".join(f"- {note}" for note in grid.notes)
    lead = [grid.lead, ""] if grid.lead else []
    return "\n".join([f"## {grid.title}", "", *lead, *lines]) + (f"\n\n{notes}" if notes else "")


def _embolden(cell: Cell) -> str:
    return f"**{_escape(cell.text)}**" if cell.best else _escape(cell.text)


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
