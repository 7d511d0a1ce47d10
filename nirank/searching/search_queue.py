"""The queue before the models: searches come one after the other, a bounded number waits, none waits for ever."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nirank.searching.query_run import SearchTimeout

log = logging.getLogger("nirank")


class QueueFull(Exception):
    """So many searches wait that one more would only wait in vain."""


@dataclass(frozen=True)
class _Search:
    """A search that waits.

    work    called with the seconds that are left of its time
    future  of the loop that waits for it; one that is done is not worked on
    """

    work: Callable[[float], Any]
    end: float
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]

    def finish(self, value: Any, error: BaseException | None) -> None:
        """Give what came out to who waits, in its own thread."""

        def settle() -> None:
            if self.future.done():
                return
            if error is None:
                self.future.set_result(value)
            else:
                self.future.set_exception(error)

        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(settle)


class SearchQueue:
    """Works on searches in a thread of its own, which ends with the process: models and Java serve one at a time.

    max_waiting  searches beside the one that is worked on
    seconds      that a search may take from its arrival on; the work ends with them
    """

    def __init__(self, max_waiting: int, seconds: float) -> None:
        self.seconds = seconds
        self._queue: queue.Queue[_Search] = queue.Queue(max_waiting)
        self._thread = threading.Thread(target=self._work, name="nirank-search", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many searches wait."""
        return self._queue.qsize()

    async def run(self, work: Callable[[float], Any]) -> Any:
        """Return what a search gives; raise QueueFull or SearchTimeout where it gives nothing in time."""
        loop = asyncio.get_running_loop()
        search = _Search(work, time.monotonic() + self.seconds, loop, loop.create_future())
        try:
            self._queue.put_nowait(search)
        except queue.Full:
            raise QueueFull from None
        try:
            return await asyncio.wait_for(search.future, self.seconds)
        except (TimeoutError, SearchTimeout):
            raise SearchTimeout(f"the search was ended after {self.seconds:g} s") from None

    def _work(self) -> None:
        while True:
            search = self._queue.get()
            left = search.end - time.monotonic()
            if search.future.done() or left <= 0:
                continue
            try:
                search.finish(search.work(left), None)
            except BaseException as error:
                log.debug("a search failed", exc_info=True)
                search.finish(None, error)
