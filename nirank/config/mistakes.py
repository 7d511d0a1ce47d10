"""Mistakes of a configuration, each shown at its place."""

from __future__ import annotations

import re

from nirank.config.yaml_tree import Tree
from nirank.errors import ConfigError


class Mistakes:
    """Collects the mistakes of one file, so that all are reported at once."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.lines = text.splitlines()
        self.noted: list[tuple[int, int, str]] = []

    def add(self, place: Tree | tuple[int, int], message: str) -> None:
        """Note a mistake at a value, or at (line, column)."""
        line, column = (place.line, place.column) if isinstance(place, Tree) else place
        if (line, column, message) not in self.noted:
            self.noted.append((line, column, message))

    def raise_if_any(self) -> None:
        """Raise ConfigError with all mistakes, in the file's order, each with its excerpt."""
        if self.noted:
            raise ConfigError(*(self._show(*mistake) for mistake in sorted(self.noted)))

    def _show(self, line: int, column: int, message: str) -> str:
        """Return a message with its place, the line and the one before."""
        first, *rest = message.split("\n")
        if not 1 <= line <= len(self.lines):
            return "\n".join([f"{self.path}: {first}", *rest])
        word = re.match(r"[^\s,:{}\[\]]*", self.lines[line - 1][column - 1 :])
        width = max(len(word[0]) if word else 1, 1)
        excerpt = [f"{n:6} | {self.lines[n - 1]}" for n in (line - 1, line) if n >= 1]
        return "\n".join(
            [
                f"{self.path}:{line}:{column}: {first}",
                "",
                *excerpt,
                f"       | {' ' * (column - 1)}{'^' * width}",
                *rest,
            ]
        )
