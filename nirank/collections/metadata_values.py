"""Values of metadata, compared by what they mean, never by how a file writes them."""

from __future__ import annotations

import re
from typing import Any

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")  # as JSON writes numbers: 007 is a name


def parse_number(value: Any) -> int | float | None:
    """Return the number that a value is, or writes as JSON does; None for anything else, also for true and false."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return int(value) if value.strip().lstrip("-").isdigit() else float(value)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def are_equal(value: Any, wanted: Any) -> bool:
    """Tell whether a value of metadata is the one that is wanted.

    Numbers are equal as numbers, to the last digit: 1990 is 1990.0, and the text of either where the other is a
    number. Two texts are equal as texts. True and 1 differ; what is no number equals nothing.
    """
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(value, str) and isinstance(wanted, str):
        return value == wanted
    value_number, wanted_number = parse_number(value), parse_number(wanted)
    return value_number is not None and value_number == wanted_number


def as_id(value: Any) -> str:
    """Return what a value names as an id: text as it is, a whole number without a point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
