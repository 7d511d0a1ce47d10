"""Names beside points: each where it covers neither a point nor another name, or nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_CHARACTER, _LINE, _GAP = 7.0, 14.0, 8.0  # px, of text at 12 px
_DOT = 6.0


class Placement(NamedTuple):
    """Where a name stands: by how much it is moved from its point, and which of its ends lies there."""

    dx: float
    dy: float
    align: str


class _Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


# Beside a point, but neither where a line through it runs across nor where one runs upright.
_PLACES = (
    Placement(_GAP, -_GAP - 1, "left"),
    Placement(-_GAP, -_GAP - 1, "right"),
    Placement(_GAP, _GAP + 1, "left"),
    Placement(-_GAP, _GAP + 1, "right"),
)


def place_names(
    points: Sequence[tuple[float, float]], names: Sequence[str], width: float, height: float
) -> list[Placement | None]:
    """Return a place for each point's name on a chart of that size, in px; None where it would cover something.

    Earlier points choose first.
    """
    covered = [_Box(x - _DOT, y - _DOT, x + _DOT, y + _DOT) for x, y in points]
    chosen: list[Placement | None] = []
    for (x, y), name in zip(points, names, strict=True):
        own = _Box(x - _DOT, y - _DOT, x + _DOT, y + _DOT)
        others = [box for box in covered if box != own]
        choice = None
        for place in _PLACES:
            box = _bound_name(x, y, name, place)
            is_inside = box.left >= 0 and box.right <= width and box.top >= 0 and box.bottom <= height
            if is_inside and not any(box.meets(other) for other in others):
                choice = place
                covered.append(box)
                break
        chosen.append(choice)
    return chosen


def _bound_name(x: float, y: float, name: str, place: Placement) -> _Box:
    length = _CHARACTER * len(name)
    left = x + place.dx - (length if place.align == "right" else 0.0)
    return _Box(left, y + place.dy - _LINE / 2, left + length, y + place.dy + _LINE / 2)
