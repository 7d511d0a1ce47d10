"""Verifications in processes of their own: one that dies, or takes too long, takes nothing else with it."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from nirank.config.reader import Config
from nirank.errors import NirankError
from nirank.plan.costs import format_seconds
from nirank.plan.reporter import Reporter
from nirank.verification.verification import Verification, fail, skip, verify

log = logging.getLogger("nirank")

_PATIENCE_S = 10.0  # with a process that is to end


class _Sender(logging.Handler):
    """Sends what is logged to the process that waits."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            self._connection.send((record.levelno, self.format(record)))


class _LogReporter(Reporter):
    """Logs what is computed."""

    def say(self, line: str) -> None:
        log.warning("%s", line)

    def begin_stage(self, label: str) -> None:
        log.info("computing %s", label)


def verify_apart(
    path: Path,
    config: Config,
    *,
    limit_queries: int | None = None,
    at_most: float | None = None,
    accept: bool = False,
) -> Verification:
    """Verify a configuration in a process of its own; what goes wrong there is a verification that failed.

    config   what was read of it
    at_most  seconds; what takes longer is ended, and skipped. What it finished until then is stored
    """
    began = time.perf_counter()
    options = {"limit_queries": limit_queries, "at_most": at_most, "accept": accept}
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, path, options, log.level))
    process.start()
    theirs.close()
    try:
        while True:
            left = None if at_most is None else at_most - (time.perf_counter() - began)
            if not ours.poll(None if left is None else max(left, 0.0)):
                return skip(
                    path, config, f"was ended after {format_seconds(at_most or 0.0)}; what it finished is stored"
                )
            message = ours.recv()
            if isinstance(message, Verification):
                process.join(_PATIENCE_S)
                return message
            if isinstance(message, str):
                return fail(path, config, message, time.perf_counter() - began)
            log.log(*message)
    except EOFError:
        process.join()
        return fail(path, config, f"its process ended with {process.exitcode}", time.perf_counter() - began)
    finally:
        for end in (process.terminate, process.kill):
            if process.is_alive():
                end()
                process.join(_PATIENCE_S)
        ours.close()


def _work(connection: Connection, path: Path, options: dict[str, Any], level: int) -> None:
    """Verify a configuration and send what came of it, or what went wrong as text."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the other process's, which ends this one
    threading.Thread(target=_end_with_parent, args=(connection,), daemon=True).start()
    log.addHandler(_Sender(connection))
    log.setLevel(level)
    log.propagate = False
    try:
        connection.send(verify(path, reporter=_LogReporter(), **options))
    except NirankError as error:
        connection.send("; ".join(error.messages))
    except Exception as error:
        log.debug("traceback of %s", path, exc_info=True)
        connection.send(f"{type(error).__name__}: {error}")


def _end_with_parent(connection: Connection) -> None:
    """Wait until the process that waits is gone, however it ended, and end too: nobody wants the result."""
    with suppress(OSError, EOFError):
        connection.recv()
    os._exit(1)
