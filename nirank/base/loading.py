"""How long loading takes: models and their libraries, Java, indexes. It happens once, so no query is charged for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class _Clock(threading.local):
    seconds = 0.0
    running = False


_clock = _Clock()


@contextmanager
def count_loading() -> Iterator[None]:
    """Count the seconds of the block as loading; a block inside another counts once."""
    if _clock.running:
        yield
        return
    _clock.running = True
    began = time.perf_counter()
    try:
        yield
    finally:
        _clock.running = False
        _clock.seconds += time.perf_counter() - began


def loading_seconds() -> float:
    """Return how long this thread has spent loading so far; differences are what counts."""
    return _clock.seconds
