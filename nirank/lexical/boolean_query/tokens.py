"""Tokens of one statement of a Boolean query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["(", ")", "and", "or", "not", "adj", "fields", "tag", "slash", "exp", "quoted", "word", "lines", "odd"]

_OVID_FIELDS = r"\.\s?[a-z]{2}(?:\s*,\s*[a-z]{2})*(?:\.|(?=\s*(?:[)\s]|$)))"
_QUALIFIERS = r"[a-z]{2}(?:\s*,\s*[a-z]{2})*(?![\w-])"
# The first kind that fits is the token. Words end where a field behind them begins.
_PATTERNS: tuple[tuple[Kind, str], ...] = (
    ("lines", r"(?:and|or)\s?/\s?\d[\d,\s-]*(?![\w.])"),
    ("lines", r"#\d+(?:-\d+)?\b"),
    ("quoted", r'"[^"]*"'),
    ("(", r"[({]"),
    (")", r"[)}]"),
    ("tag", r"\[[^\[\]]*\]"),
    ("fields", _OVID_FIELDS),
    ("slash", rf"/(?:\s?\(\s*{_QUALIFIERS}\s*\)|(?!or\b){_QUALIFIERS})?(?!\w)"),
    ("and", r"(?:and|&&?)(?![\w.-])"),
    ("or", r"(?:or|\|\|?)(?![\w.-])"),
    ("not", r"(?:and\s+)?not(?![\w.-])|andnot(?![\w.-])"),
    ("adj", r"(?:adj|near|next)\s?/?\s?\d*(?![\w.*$?-])"),
    ("exp", r"(?:exp|explode)(?=\s)"),
    ("word", rf"(?:(?!{_OVID_FIELDS})[^\s()\[\]{{}}\"/;])+"),
    ("odd", r"\S"),
)
_TOKEN = re.compile("|".join(f"(?P<k{at}>{pattern})" for at, (_, pattern) in enumerate(_PATTERNS)), re.IGNORECASE)
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»″", '"') | dict.fromkeys("‘’‚‛′", "'") | {"\u00a0": " "})


@dataclass(frozen=True)
class Token:
    """A piece of a statement; `text` as written, in the case of it."""

    kind: Kind
    text: str


def replace_quotes(text: str) -> str:
    """Return a text with plain quotes for typographic ones."""
    return text.translate(_QUOTES)


def split_tokens(statement: str) -> Iterator[Token]:
    """Yield the tokens of a statement whose quotes are plain."""
    for match in _TOKEN.finditer(statement):
        kind = _PATTERNS[int(str(match.lastgroup)[1:])][0]
        if kind == "not" and match.group().lower().startswith("and"):
            yield Token("not", "not")
        else:
            yield Token(kind, match.group())
