"""What a person at a terminal sees while a run goes on: progress on standard error, everything in a log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nirank.base.secrets import mask_secrets
from nirank.errors import ConfigError
from nirank.plan.reporter import Reporter

log = logging.getLogger("nirank")


class _MaskingFormatter(logging.Formatter):
    """Writes no value that came from the environment, not even in tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return str(mask_secrets(super().format(record)))


def set_up_logging(*, quiet: bool, debug: bool) -> None:
    """Send nirank's log to standard error: warnings only under `quiet`, all under `debug`."""
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()
    log.propagate = False
    log.setLevel(logging.DEBUG)
    to_console = logging.StreamHandler(sys.stderr)
    to_console.setFormatter(_MaskingFormatter("%(message)s"))
    to_console.setLevel(logging.DEBUG if debug else logging.WARNING if quiet else logging.INFO)
    log.addHandler(to_console)


def log_to_file(path: Path) -> None:
    """Write everything that is logged, tracebacks included, into a file too."""
    try:
        handler = logging.FileHandler(path, mode="w", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); name another folder") from None
    handler.setFormatter(_MaskingFormatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)


class ConsoleReporter(Reporter):
    """Shows rate and time left: a live line at a terminal, plain lines elsewhere."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.live = not quiet and sys.stderr.isatty()

    def say(self, line: str) -> None:
        log.warning(line)

    def begin_stage(self, label: str) -> None:
        log.info("computing %s", label)

    def track(self, items: Iterable[Any], total: int, what: str) -> Iterator[Any]:
        # The clock starts here, not when the first item is taken: that may come after the first batch's work.
        show = self._show_bar if self.live else self._log_progress
        return show(items, total, what, time.perf_counter())

    def _show_bar(self, items: Iterable[Any], total: int, what: str, started: float) -> Iterator[Any]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=total, rate="")
            for done, item in enumerate(items, 1):
                yield item
                if done % 64 == 0 or done == total:
                    rate = done / max(time.perf_counter() - started, 1e-9)
                    bar.update(task, completed=done, rate=f"{rate:,.0f}/s")

    def _log_progress(self, items: Iterable[Any], total: int, what: str, started: float) -> Iterator[Any]:
        """Log every 30 seconds how many items are done."""
        logged_at = started
        for done, item in enumerate(items, 1):
            yield item
            now = time.perf_counter()
            if now - logged_at >= 30 and done < total:
                logged_at, rate = now, done / (now - started)
                log.info(
                    "%s: %s of %s, %.0f/s, %.0f s left", what, f"{done:,}", f"{total:,}", rate, (total - done) / rate
                )
