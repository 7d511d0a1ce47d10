"""When two queries are the same question, whatever their ids: what training must not see of what is evaluated."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+")


def normalise_question(text: str) -> str:
    """Return a text's words in lower case, joined by single blanks: 'Foo bar?' and 'foo  bar' are one question."""
    return " ".join(_WORD.findall(text.casefold()))
