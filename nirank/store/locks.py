"""Locks between processes: one at a time computes a node; the others are told which."""

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
def hold_lock(path: Path, label: str, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold `path`.lock; the system releases it when the process ends, however it ends.

    `waiting` is called with one line of text if another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(f"{path}.lock"), path.with_suffix(".json")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        waiting(f"waiting for {_describe_holder(holder)}, which computes {label}")
        lock.acquire()
    try:
        description = {
            "process": os.getpid(),
            "machine": platform.node(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": " ".join(sys.argv)[:200],
        }
        holder.write_text(json.dumps(description), encoding="utf-8")
        yield
    finally:
        _release(path, lock)


@contextmanager
def hold_file(path: Path) -> Iterator[None]:
    """Hold the file `path` against other processes. It stays, so that all who wait, wait for the same file."""
    with FileLock(path):
        yield


def is_held(path: Path) -> bool:
    """Tell whether a living process holds `path`.lock; a lock that nobody holds is removed."""
    lock = FileLock(f"{path}.lock")
    try:
        if not Path(lock.lock_file).exists():
            return False
        lock.acquire(blocking=False)
    except Timeout:
        return True
    except OSError:  # where nothing can be written nobody computes
        return False
    _release(path, lock)
    return False


def _release(path: Path, lock: FileLock) -> None:
    # While the lock is held: whoever still waits for the file that is unlinked finds the node stored, or computes
    # it as well as somebody who locks a new file; the first to finish wins either way.
    for file in (path.with_suffix(".json"), Path(lock.lock_file)):
        with suppress(OSError):
            file.unlink()
    lock.release()


def _describe_holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"process {holder['process']} on {holder['machine']} (since {holder['since']}, {holder['command']})"
    except (OSError, ValueError, KeyError):  # it has just started, or just ended
        return "another process"
