"""Sizes and ages as people write and read them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from nirank.errors import ConfigError

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_AGES = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def parse_size(text: str) -> float:
    """Return bytes: '100MB', '1.5 GB', '2000'. Raises ConfigError."""
    return _parse_amount(text, _UNITS, "a size such as 100MB", default="B")


def parse_age(text: str) -> float:
    """Return seconds: '7d', '12h', '2w'. Raises ConfigError."""
    return _parse_amount(text, _AGES, "an age such as 7d, 12h or 2w")


def _parse_amount(text: str, units: Mapping[str, int], expected: str, default: str = "") -> float:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    factors = {name.lower(): factor for name, factor in units.items()}
    unit = (match[2] or default).lower() if match else ""
    if not match or unit not in factors:
        raise ConfigError(f"'{text}' is not {expected} (units: {', '.join(units)})")
    return float(match[1]) * factors[unit]


def format_size(size: float) -> str:
    """Return a size in words: '1.5 GB'."""
    for unit, factor in reversed(_UNITS.items()):
        if size >= factor:
            return f"{size / factor:.1f} {unit}" if factor > 1 else f"{size:.0f} B"
    return "0 B"
