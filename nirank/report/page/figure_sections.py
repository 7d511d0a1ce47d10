"""Figures under their headings, each with the table that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nirank.report.charts.figure import Figure
from nirank.report.page.boards import Board


@dataclass(frozen=True)
class PlacedFigure:
    """A figure, its number among all, and the number of the board that it is about; None: the whole report."""

    figure: Figure
    number: int
    board: int | None

    @property
    def is_wide(self) -> bool:
        """Tell whether it asks for the whole width."""
        return (self.figure.spec.get("usermeta") or {}).get("wide") is True


@dataclass(frozen=True)
class FigureSection:
    """The figures of a heading."""

    title: str
    figures: Sequence[PlacedFigure]

    @property
    def is_wide(self) -> bool:
        """Tell whether one of its figures is wide, or two are about the same table and so stand beside each other."""
        boards = [placed.board for placed in self.figures]
        return any(placed.is_wide for placed in self.figures) or len(set(boards)) < len(boards)


def group_figures(figures: Sequence[Figure], boards: Sequence[Board]) -> list[FigureSection]:
    """Return the sections in the figures' order; those whose data the page fills in stand elsewhere."""
    numbers = {board.key: number for number, board in enumerate(boards)}
    sections: dict[str, list[PlacedFigure]] = {}
    for number, figure in enumerate(figures):
        if figure.data_name is None:
            board = None if figure.table is None else numbers.get(figure.table)
            sections.setdefault(figure.section, []).append(PlacedFigure(figure, number, board))
    return [FigureSection(title, placed) for title, placed in sections.items()]
