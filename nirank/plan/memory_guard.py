"""What a computation takes of main memory, measured while it runs; one that passes the ceiling is stopped.

A thread looks twenty times a second, which costs a thousandth of one core. It stops the computation by an exception
that it raises in the thread that computes, so what is stopped cleans up after itself, and others go on.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from nirank.base.amounts import format_size
from nirank.base.memory import measure_process_memory, release_memory, take_block_bytes
from nirank.errors import StageError

_INTERVAL_S = 0.05
_ARRIVAL = 10_000  # rounds of a loop; an exception on its way arrives in the first
_AGAIN_S = 1.0  # until it is stopped once more: a library may have swallowed the exception


class _Stop(BaseException):
    """Raised inside a computation that holds too much; no `except Exception` on its way catches it."""


class MemoryUse:
    """What a computation has taken so far.

    most       bytes that this process and its workers may hold; None: no ceiling
    workers    ids of the worker processes
    taken      bytes at the peak, beside what was held when it began; `blocks` of them would have shrunk under a ceiling
    """

    def __init__(self, most: int | None, workers: Callable[[], Sequence[int]]) -> None:
        self.most, self._workers = most, workers
        self.blocks = 0
        self.passed = 0  # what was held when the ceiling was passed
        self._began = self._peak = 0
        self._thread_id = threading.get_ident()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="nirank-memory", daemon=True)

    @property
    def taken(self) -> int:
        return self._peak - self._began

    def begin(self) -> None:
        """Measure from now on."""
        take_block_bytes()
        self._began = self._peak = self._measure()
        self._thread.start()

    def end(self) -> None:
        """Measure for the last time; an exception that has been raised and has not arrived yet arrives here."""
        self._ended.set()
        self._thread.join()
        if self.passed:
            with suppress(_Stop):
                for _ in range(_ARRIVAL):
                    pass
        self._peak = max(self._peak, self._measure())
        self.blocks += take_block_bytes()

    def _measure(self) -> int:
        return measure_process_memory() + sum(map(measure_process_memory, self._workers()))

    def _watch(self) -> None:
        stopped_at = 0.0
        while not self._ended.wait(_INTERVAL_S):
            held_bytes = self._measure()
            self._peak = max(self._peak, held_bytes)
            if self.most is not None and held_bytes > self.most and time.monotonic() - stopped_at > _AGAIN_S:
                self.passed, stopped_at = max(self.passed, held_bytes), time.monotonic()
                self._stop()

    def _stop(self) -> None:
        """Raise in the thread that computes; a worker that it may be waiting for is killed, so that it wakes up."""
        _raise_in_thread(self._thread_id, _Stop)
        workers = self._workers()
        if workers:
            with suppress(OSError):  # it has ended by itself
                os.kill(max(workers, key=measure_process_memory), signal.SIGKILL)


@contextmanager
def guard_memory(most: int | None, workers: Callable[[], Sequence[int]] = tuple) -> Iterator[MemoryUse]:
    """Measure what the block takes; raise StageError, as soon as may be, where it passes the ceiling.

    most     bytes that this process and its workers may hold; None: no ceiling
    workers  gives the ids of the worker processes
    """
    use = MemoryUse(most, workers)
    try:
        try:
            use.begin()
            yield use
        finally:
            use.end()
    except (_Stop, Exception) as error:
        use.end()  # the exception may have come while it ended
        if not use.passed:
            raise
        traceback.clear_frames(error.__traceback__)  # they hold what the computation held
    if use.passed:
        release_memory()
        raise StageError(
            f"max_memory {format_size(most or 0)}: stopped when {format_size(use.passed)} were held;"
            " allow more, or make its lists, model or index smaller"
        ) from None


def _raise_in_thread(thread_id: int, error: type[BaseException]) -> None:
    """Raise an exception in a thread, at its next instruction.

    It is never taken back, which Python offers too: the interpreter would go on looking for it at every instruction.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), ctypes.py_object(error))
