"""How many threads compute a model's layers: as many as have been seen to be the fastest.

Cores that are counted are not cores that are free. The threads of a product wait for the last of them; where another
job has a core, two threads may take many times as long as one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_TRIES = 2  # measured calls of every number
_MIN_TOKENS = 512  # of a call that is measured; shorter ones tell more of overheads
_SLOWER = 2.0  # more threads that are so much slower are not tried further, and still more of them not at all
_SHARE = 20  # what trying costs is at most one part of so many of the time


def list_thread_numbers(limit: int) -> list[int]:
    """Return the numbers of threads that are tried: 1, 2, 4 …, and the limit."""
    return [*(1 << power for power in range(limit.bit_length()) if 1 << power < limit), limit]


@contextmanager
def use_threads(number: int) -> Iterator[None]:
    """Let torch compute with some number of threads inside the block, in this thread of Python's."""
    import torch

    before = torch.get_num_threads()
    if number != before:
        torch.set_num_threads(number)
    try:
        yield
    finally:
        if number != before:
            torch.set_num_threads(before)


class ThreadChoice:
    """Tells how many threads to use, and learns from how long calls took.

    Numbers are tried with calls that do the work, the fewest threads first, and the fastest is kept. They are tried
    again when calls have taken twenty times as long as the last trials: soon when the kept number has become slow.

    limit  the most threads: torch's own number, which is OMP_NUM_THREADS where that is set
    """

    def __init__(self, limit: int) -> None:
        self._numbers = list_thread_numbers(limit)
        self._kept, self._kept_s = limit, 0.0
        self._lock = threading.Lock()
        self._start_trials()

    def choose(self) -> int:
        """Return how many threads the next call should use."""
        with self._lock:
            return self._trials[0] if self._trials else self._kept

    def record(self, number: int, tokens: int, seconds: float) -> None:
        """Learn how long a call took, by the clock, with some number of threads."""
        if tokens < _MIN_TOKENS or len(self._numbers) == 1:
            return
        with self._lock:
            if self._trials:
                self._record_trial(number, tokens, seconds)
                return
            self._kept_s += seconds
            if self._kept_s >= _SHARE * self._trials_s:
                self._start_trials()

    @contextmanager
    def measure(self, tokens: int) -> Iterator[None]:
        """Compute the block, over some number of tokens, with the chosen threads, and record how long it took."""
        import torch

        number = min(self.choose(), torch.get_num_threads())
        with use_threads(number):
            start = time.perf_counter()
            yield
            self.record(number, tokens, time.perf_counter() - start)

    def _start_trials(self) -> None:
        self._trials = self._numbers * _TRIES
        self._trials_s = 0.0
        self._paces: dict[int, list[float]] = {number: [] for number in self._numbers}

    def _record_trial(self, number: int, tokens: int, seconds: float) -> None:
        if number != self._trials[0]:  # a call that another thread of Python's began before
            return
        self._trials_s += seconds
        self._paces[number].append(seconds / tokens)
        paces = {number: sum(tried) / len(tried) for number, tried in self._paces.items() if tried}
        fastest = min(paces, key=paces.__getitem__)
        is_hopeless = number > fastest and paces[number] >= _SLOWER * paces[fastest]
        self._trials = [other for other in self._trials[1:] if other < number or not is_hopeless]
        if not self._trials:
            self._kept, self._kept_s = fastest, 0.0
