"""LocalEngine: worker processes on this machine. One that dies is replaced, and its shard tried once more."""

from __future__ import annotations

import logging
import os
import selectors
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import IO, Any, cast

from nirank.base.work import Work
from nirank.engines.worker import receive, send
from nirank.errors import ConfigError, StageError

log = logging.getLogger("nirank")

_TRIES = 2  # of a shard whose worker died


class LocalEngine:
    """Some worker processes, each with its share of the processor's cores.

    Workers are started when there is work, and keep what they have opened until other work comes.
    A shard is taken from the caller when a worker is free for it; what comes back is handed over in the shards' order.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ConfigError(f"workers must be 1 or more, got {workers}")
        self.workers = workers
        self._running: list[_Worker] = []

    @property
    def process_ids(self) -> list[int]:
        """The workers that run now."""
        return [worker.process_id for worker in self._running]

    def map(self, work: Work, shards: Iterable[Any]) -> Iterator[Any]:
        """Yield what becomes of each shard, in the shards' order."""
        left, taken, given = iter(shards), 0, 0
        answers: dict[int, Any] = {}
        try:
            while True:
                while taken - given < self.workers and (free := self._free()) is not None:
                    shard = next(left, _NOTHING)
                    if shard is _NOTHING:
                        break
                    free.begin(work, taken, shard)
                    taken += 1
                if given == taken:
                    return
                while given not in answers:
                    for worker in self._ready():
                        answers |= self._answer(worker, work)
                yield answers.pop(given)
                given += 1
        finally:
            for worker in list(self._running):
                if worker.shard is not None:  # the caller has lost interest in it
                    self._end(worker)

    def close(self) -> None:
        """End all workers."""
        for worker in list(self._running):
            self._end(worker)

    def _free(self) -> _Worker | None:
        for worker in self._running:
            if worker.shard is None:
                return worker
        if len(self._running) < self.workers:
            self._running.append(_Worker(max((os.cpu_count() or 1) // self.workers, 1)))
            return self._running[-1]
        return None

    def _ready(self) -> list[_Worker]:
        with selectors.DefaultSelector() as selector:
            for worker in self._running:
                if worker.shard is not None:
                    selector.register(worker.answers, selectors.EVENT_READ, worker)
            return [key.data for key, _ in selector.select()]

    def _answer(self, worker: _Worker, work: Work) -> dict[int, Any]:
        """Return a finished shard by its number; nothing where a worker has just opened, or died and is replaced."""
        number, shard, tries = worker.number, worker.shard, worker.tries
        try:
            what, value = worker.answer()
        except (EOFError, OSError):
            how = _how(self._end(worker))
            if tries == _TRIES:
                raise StageError(
                    f"two workers died ({how}) on the same shard, {work.describe_shard(shard)}; what was finished"
                    " before it is stored"
                ) from None
            log.warning("a worker died (%s); %s is tried once more", how, work.describe_shard(shard))
            free = self._free()
            assert free is not None
            free.begin(work, number, shard, tries + 1)
            return {}
        if what == "raised":
            raise value
        return {number: value} if what == "done" else {}

    def _end(self, worker: _Worker) -> int:
        self._running.remove(worker)
        return worker.end()


_NOTHING = object()


class _Worker:
    """One process, and the shard that it is at."""

    def __init__(self, threads: int) -> None:
        limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")}
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from nirank.engines.worker import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, **limits, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self.process_id = self._process.pid
        self.answers = cast("IO[bytes]", self._process.stdout)
        self._opened: tuple[str, tuple[Any, ...]] | None = None
        self.shard: Any = None
        self.number, self.tries = 0, 0

    def begin(self, work: Work, number: int, shard: Any, tries: int = 1) -> None:
        """Send a shard off, or first the word to open."""
        self.number, self.shard, self.tries = number, shard, tries
        if self._opened == (work.opener, work.options):
            self._send(("do", shard))
        else:
            self._opened = (work.opener, work.options)
            self._send(("open", work.opener, work.options))

    def answer(self) -> tuple[str, Any]:
        """Read what the process says; once it is open, send its shard. Raises EOFError if the process is dead."""
        what, value = receive(self.answers)
        if what == "opened":
            self._send(("do", self.shard))
            return what, value
        if what == "raised":
            self._opened = None
        self.shard = None
        return what, value

    def end(self) -> int:
        """Kill the process, reap it, and return its exit status."""
        self._process.kill()
        status = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                cast("IO[bytes]", pipe).close()
        return status

    def _send(self, message: Any) -> None:
        with suppress(OSError):  # a process that is dead by now is noticed when its answer is awaited
            send(cast("IO[bytes]", self._process.stdin), message)


def _how(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit {status}"
