"""Where a step works, and what it takes: seconds of the clock and of the processor, and the most anonymous memory."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from scale import Memory

Figures = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a step works.

    folder     of this number of documents
    documents  how many there are
    ranges     documents of a range
    """

    folder: Path
    documents: int
    ranges: int


class Meter:
    """Measures what runs inside a `with`: this process, all its threads."""

    def __enter__(self) -> Self:
        self._memory = Memory()
        self._clock, self._processor = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.processor_s = time.process_time() - self._processor
        self.s = time.perf_counter() - self._clock
        self._memory.running = False
        self._memory.thread.join()
        self.rss_anon_mib = max(self._memory.peak, self._memory.measure())

    @property
    def figures(self) -> dict[str, float]:
        """Return what was measured."""
        return {"s": self.s, "processor_s": self.processor_s, "rss_anon_mib": self.rss_anon_mib}


def measure_bytes(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
