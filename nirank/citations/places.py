"""Where in an act a mention stands: what it is made under is named before its provisions begin."""

from __future__ import annotations

import re

_WITHIN = 40_000  # characters in which a preamble ends
_VISA = re.compile(r"\bHaving regard to\b", re.IGNORECASE)
_AFTER_VISAS = re.compile(r"\bWhereas\b|\b(?:HAS|HAVE) (?:ADOPTED|DECIDED)\b", re.IGNORECASE)
_ENACTS = re.compile(
    r"\bhereby\b|\benacts? as follows\b|\b(?:makes|issues|gives) the (?:annexed|following)\b|\bis pleased\b"
    r"|\b(?:HAS|HAVE) (?:ADOPTED|DECIDED)\b|\bBe it (?:therefore )?enacted\b",
    re.IGNORECASE,
)


def find_preamble_end(text: str) -> int:
    """Return where the part ends that says what an act is made under; 0 where a text has no such part.

    Of acts of the Union it ends before the recitals, else where the enacting words stand.
    """
    visa = _VISA.search(text, 0, _WITHIN)
    end = _AFTER_VISAS.search(text, visa.end(), visa.end() + _WITHIN) if visa else _ENACTS.search(text, 0, _WITHIN)
    return end.start() if end else 0
