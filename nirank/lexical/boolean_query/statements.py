"""Statements: the numbered lines of which a search is made."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nirank.lexical.boolean_query.tokens import replace_quotes, split_tokens

_NUMBER = re.compile(r"\s*#?(\d{1,4})(?:[.):]\s*|\s+)(?=\S)")
_ENDS_OPEN = re.compile(r"\b(?:and|or|not|adj\d*)\s*$", re.IGNORECASE)
_GOES_ON = re.compile(r"\s*(?:and|or|not)\b(?!\s?/\s?\d)", re.IGNORECASE)
_NUMBERED = 2 / 3  # of the lines begin with the next number: they are numbered


def split_statements(text: str) -> list[str]:
    """Return the statements of a query: its lines, without numbers, and together what is broken over several."""
    lines = [line for line in replace_quotes(text).splitlines() if line.strip()]
    return list(_join_broken(_remove_numbers(lines)))


def _remove_numbers(lines: list[str]) -> list[str]:
    """Return lines without the numbers in front, where these count the lines."""
    matches = [_NUMBER.match(line) for line in lines]
    if len(lines) < 2 or not matches[0] or int(matches[0].group(1)) != 1:
        return lines
    expected, numbered = 1, []
    for at, match in enumerate(matches):
        if match and int(match.group(1)) == expected:
            numbered.append(at)
            expected += 1
    if len(numbered) < _NUMBERED * len(lines):
        return lines
    removed = set(numbered)
    return [line[matches[at].end() :] if at in removed else line for at, line in enumerate(lines)]  # type: ignore[union-attr]


def _join_broken(lines: list[str]) -> Iterator[str]:
    """Yield statements: lines, each with those that follow while a bracket is open or an operator lacks its part.

    A bracket that is never closed opens nothing.
    """
    opened = [_count_open(line) for line in lines]
    at = 0
    while at < len(lines):
        end = at + 1
        while end < len(lines) and (_ENDS_OPEN.search(lines[end - 1]) or _GOES_ON.match(lines[end])):
            end += 1
        depth = sum(opened[at:end])
        if depth > 0:
            for further in range(end + 1, len(lines) + 1):
                depth += opened[further - 1]
                if depth <= 0:
                    end = further
                    break
        yield " ".join(lines[at:end]).strip()
        at = end


def _count_open(line: str) -> int:
    """Return how many brackets a line opens, less those that it closes."""
    kinds = [token.kind for token in split_tokens(line)]
    return kinds.count("(") - kinds.count(")")
