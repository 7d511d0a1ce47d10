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

from nirank.base.work import LostShard, Work
from nirank.engines.worker import receive, send
from nirank.errors import ConfigError

log = logging.getLogger("nirank")

_MAX_TRIES = 2  # of a shard whose worker died


class LocalEngine:
    """Some worker processes, each with its share of the processor's cores.

    Workers are started when there is work, and keep what they have opened until other work comes.
    A shard is taken from the caller when a worker is free for it; what comes back is handed over in the shards' order.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ConfigError(f"workers must be 1 or more, got {workers}")
        self.workers = workers
        self._workers: list[_Worker] = []

    @property
    def process_ids(self) -> list[int]:
        """The workers that run now."""
        return [worker.process_id for worker in self._workers]

    def map(self, work: Work, shards: Iterable[Any]) -> Iterator[Any]:
        """Yield what becomes of each shard, in the shards' order."""
        remaining, n_taken, n_returned = iter(shards), 0, 0
        answers: dict[int, Any] = {}
        try:
            while True:
                while n_taken - n_returned < self.workers and (free := self._find_free_worker()) is not None:
                    shard = next(remaining, _NOTHING)
                    if shard is _NOTHING:
                        break
                    free.start_shard(work, n_taken, shard)
                    n_taken += 1
                if n_returned == n_taken:
                    return
                while n_returned not in answers:
                    for worker in self._wait_for_answers():
                        answers |= self._read_answer(worker, work)
                yield answers.pop(n_returned)
                n_returned += 1
        finally:
            for worker in list(self._workers):
                if worker.shard is not None:  # the caller has lost interest in it
                    self._stop(worker)

    def close(self) -> None:
        """End all workers."""
        for worker in list(self._workers):
            self._stop(worker)

    def _find_free_worker(self) -> _Worker | None:
        for worker in self._workers:
            if worker.shard is None:
                return worker
        if len(self._workers) < self.workers:
            self._workers.append(_Worker(max((os.cpu_count() or 1) // self.workers, 1)))
            return self._workers[-1]
        return None

    def _wait_for_answers(self) -> list[_Worker]:
        with selectors.DefaultSelector() as selector:
            for worker in self._workers:
                if worker.shard is not None:
                    selector.register(worker.answers, selectors.EVENT_READ, worker)
            return [key.data for key, _ in selector.select()]

    def _read_answer(self, worker: _Worker, work: Work) -> dict[int, Any]:
        """Return a finished shard by its number; {} where a worker has just loaded, or died and is replaced."""
        number, shard, tries = worker.number, worker.shard, worker.tries
        try:
            what, value = worker.read_answer()
        except (EOFError, OSError):
            cause = _describe_exit(self._stop(worker))
            if tries == _MAX_TRIES:
                raise LostShard(
                    f"two workers died ({cause}) on the same shard, {work.describe_shard(shard)}; what was finished"
                    " before it is stored",
                    shard,
                ) from None
            log.warning("a worker died (%s); %s is tried once more", cause, work.describe_shard(shard))
            free = self._find_free_worker()
            assert free is not None
            free.start_shard(work, number, shard, tries + 1)
            return {}
        if what == "raised":
            raise value
        return {number: value} if what == "done" else {}

    def _stop(self, worker: _Worker) -> int:
        self._workers.remove(worker)
        return worker.stop()


_NOTHING = object()


class _Worker:
    """One process, and the shard that it computes."""

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
        self._open_work: tuple[str, tuple[Any, ...]] | None = None
        self.shard: Any = None
        self.number, self.tries = 0, 0

    def start_shard(self, work: Work, number: int, shard: Any, tries: int = 1) -> None:
        """Send a shard, or first the message to open its work."""
        self.number, self.shard, self.tries = number, shard, tries
        if self._open_work == (work.opener, work.options):
            self._send(("do", shard))
        else:
            self._open_work = (work.opener, work.options)
            self._send(("open", work.opener, work.options))

    def read_answer(self) -> tuple[str, Any]:
        """Read what the process says; once it is open, send its shard. Raises EOFError if the process is dead."""
        what, value = receive(self.answers)
        if what == "opened":
            self._send(("do", self.shard))
            return what, value
        if what == "raised":
            self._open_work = None
        self.shard = None
        return what, value

    def stop(self) -> int:
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


def _describe_exit(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit {status}"
