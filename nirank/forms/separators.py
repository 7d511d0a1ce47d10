"""What separates the columns of a text file, told from several lines, not from one."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence

SEPARATORS = (",", ";", "\t", "|")
_SAMPLE = 50  # lines
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def split_cells(lines: Iterable[str], separator: str) -> list[list[str]]:
    """Return the rows of the first lines of a quoted table; empty where they are none with this separator."""
    try:
        return [cells for cells in csv.reader(lines, delimiter=separator, strict=True) if cells]
    except csv.Error:
        return []


def find_separator(lines: Sequence[str], known_header: Callable[[Sequence[str]], bool]) -> str:
    """Return what separates a quoted table: the comma, unless another fits better.

    One that makes a known header of the first line is taken; else one that gives all lines the same
    number of columns, from two on.
    """
    sample = list(lines[:_SAMPLE])
    for separator in SEPARATORS:
        first = split_cells(sample[:1], separator)
        if first and len(first[0]) > 1 and known_header(first[0]):
            return separator
    return next((separator for separator in SEPARATORS if is_even(sample, separator)), ",")


def is_even(lines: Sequence[str], separator: str) -> bool:
    """Tell whether a separator gives all lines the same number of columns, from two on."""
    rows = split_cells(lines[:_SAMPLE], separator)
    return bool(rows) and len(rows[0]) > 1 and all(len(cells) == len(rows[0]) for cells in rows)


def name_separator(separator: str) -> str:
    """Return a separator's name, such as 'semicolons'."""
    return _NAMES[separator]
