"""Reporter: who is told what happens while a plan runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


class Reporter:
    """Hears of progress and says nothing; the command line brings one that shows it."""

    def say(self, line: str) -> None:
        """Hear one line that a person should read."""

    def begin_stage(self, label: str) -> None:
        """Hear that a computation begins."""

    def track(self, items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
        """Pass items on while showing how many of `total` are done."""
        del total, what
        return iter(items)
