"""One process at a time computes a node; those who wait are told for whom."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def held(path: Path, label: str, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold `path`.lock; the system lets go of it when the process ends, however it ends.

    `waiting` hears one line if another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(f"{path}.lock"), path.with_suffix(".json")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        waiting(f"waiting for {_holder(holder)}, which computes {label}")
        lock.acquire()
    try:
        told = {
            "process": os.getpid(),
            "machine": platform.node(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": " ".join(sys.argv)[:200],
        }
        holder.write_text(json.dumps(told), encoding="utf-8")
        yield
    finally:
        # While the lock is held: whoever still waits for the file that is unlinked finds the node stored, or computes
        # it as well as somebody who locks a new file; the first to finish wins either way.
        for one in (holder, Path(lock.lock_file)):
            with suppress(OSError):
                one.unlink()
        lock.release()


def _holder(path: Path) -> str:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return f"process {told['process']} on {told['machine']} (since {told['since']}, {told['command']})"
    except (OSError, ValueError, KeyError):  # it has just begun, or just ended
        return "another process"
