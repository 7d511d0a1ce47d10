"""Docstrings as nirank writes them: paragraphs, columns of names and meanings, and lines that stay as they are.

A block of columns is one whose names are set apart from what they mean by two blanks or more:

    collections  one, or several with different names
    significance how systems are compared, which goes on
                 in the next line
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

_SPECIAL = re.compile(r"([\\*_|@])")  # @: nDCG@10 is no address of mail
_CODE = re.compile(r"``([^`]+)``|`([^`]+)`")
_ENTRY = re.compile(r"^(?P<name>\S(?:[^`\n]*?\S)??)(?P<gap> {2,})(?=\S)")


@dataclass(frozen=True)
class Block:
    """A part of a docstring: either its text, its columns (name, meaning), or lines that are kept."""

    text: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    kept: str = ""


def split_docstring(text: str) -> Iterator[Block]:
    """Yield the blocks of a docstring whose common indentation is gone."""
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        indented = block.startswith(" ")
        lines = textwrap.dedent(block).splitlines()
        if columns := _read_columns(lines):
            yield Block(columns=columns)
        elif indented:
            yield Block(kept="\n".join(lines))
        else:
            yield Block(text="\n".join(line.strip() for line in lines))


def list_meanings(text: str) -> dict[str, str]:
    """Return what the columns of a docstring say of each name."""
    return {name.strip(): meaning for block in split_docstring(text) for name, meaning in block.columns}


def write_rst(text: str) -> list[str]:
    """Return a docstring as lines of reStructuredText."""
    lines: list[str] = []
    for block in split_docstring(text):
        for name, meaning in block.columns:
            lines += [f"``{name}``", f"    {escape(meaning)}"]
        if block.kept:
            lines += ["::", "", *textwrap.indent(block.kept, "    ").splitlines()]
        lines += [*escape(block.text).splitlines(), ""]
    return lines


def escape(text: str) -> str:
    """Return text whose signs mean nothing in reStructuredText, but for code between backquotes."""
    parts, position = [], 0
    for code in _CODE.finditer(text):
        parts += [_escape_plain(text[position : code.start()]), f"``{code[1] or code[2]}``"]
        if code.end() < len(text) and text[code.end()].isalnum():
            parts.append("\\ ")
        position = code.end()
    return "".join([*parts, _escape_plain(text[position:])])


def _escape_plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text).replace("`", "\\`")


def _read_columns(lines: list[str]) -> tuple[tuple[str, str], ...]:
    """Return the names and meanings of a block, () where it has none: every line begins a name or goes on."""
    starts = [entry.end() for line in lines if (entry := _ENTRY.match(line))]
    if not starts:
        return ()
    column = max(set(starts), key=starts.count)
    columns: list[tuple[str, str]] = []
    for line in lines:
        name, meaning = line[:column], line[column:].strip()
        if name.strip() and (name[-1] != " " or not meaning):
            return ()
        if name.strip():
            columns.append((name.strip(), meaning))
        elif columns:
            columns[-1] = (columns[-1][0], f"{columns[-1][1]} {meaning}")
        else:
            return ()
    return tuple(columns)
