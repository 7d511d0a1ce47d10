"""Where files are written before they are renamed into place, and what killed processes left there.

Every writer has a folder of its own, and holds a lock in it while it writes. A lock that is held belongs to a
living writer, whatever its machine is called: containers share names and numbers of processes. A lock that is free
proves that the writer is dead if it ran under this kernel. Of other machines that is not certain, since not every
network file system carries locks; what they left is swept when nothing in it has changed for a week.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from stat import S_ISREG
from typing import Any

from filelock import FileLock, Timeout

_FOLDER = "unfinished"
_LOCK, _WRITER, _CONTENT = ".lock", ".writer.json", "made"
_MIN_AGE_S = 7 * 86_400  # without a change, of what another machine left
_MAX_TRIES = 10  # to lock a new folder: another process may inspect it first


@dataclass(frozen=True)
class Leftover:
    """A folder under `unfinished/`.

    bytes    of the files in it
    changed  when anything in it changed last, in seconds since 1970
    writer   its description of itself: process, machine, kernel, since; {} where there is none
    """

    folder: Path
    bytes: int
    changed: float
    writer: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Whose it was."""
        return (
            "what process {process} on {machine} was writing (since {since})".format(**self.writer)
            if self.writer
            else "what somebody was writing"
        )


@contextmanager
def reserve_path(root: Path) -> Iterator[Path]:
    """Give a path on the store's file system that nobody uses; on leaving the block whatever is there is removed."""
    folder, lock = _make_locked_folder(root)
    try:
        yield folder / _CONTENT
    finally:
        _remove_locked(folder, lock)


def sweep_leftovers(root: Path) -> None:
    """Remove what dead writers left."""
    with suppress(OSError), reserve_path(root) as path:  # what cannot be removed stays
        now = path.parent.stat().st_mtime  # by the file system's clock, which may differ from this machine's
        for leftover in list_leftovers(root):
            if leftover.folder == path.parent:
                continue
            if leftover.writer.get("kernel") == _get_kernel_id() or now - leftover.changed > _MIN_AGE_S:
                with suppress(OSError):
                    remove_leftover(leftover.folder)


def list_leftovers(root: Path) -> Iterator[Leftover]:
    """Yield what lies under `unfinished/`, left behind or being written."""
    for folder in sorted((root / _FOLDER).glob("*")):
        with suppress(OSError):  # finished meanwhile
            yield _inspect_folder(folder)


def remove_leftover(folder: Path) -> bool:
    """Remove what a writer left; return False where the writer is alive."""
    if not folder.is_dir():
        folder.unlink(missing_ok=True)
        return True
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    _remove_locked(folder, lock)
    return True


def _make_locked_folder(root: Path) -> tuple[Path, FileLock]:
    """Make a new folder, lock it, and describe this process in it."""
    for attempt in range(_MAX_TRIES):
        folder = root / _FOLDER / uuid.uuid4().hex
        folder.mkdir(parents=True)
        lock = FileLock(folder / _LOCK)
        try:
            lock.acquire(blocking=False)
            (folder / _WRITER).write_text(json.dumps(_describe_process()), encoding="utf-8")
        except Timeout:
            if attempt == _MAX_TRIES - 1:
                raise
            continue
        except OSError:
            _remove_locked(folder, lock)
            raise
        return folder, lock
    raise AssertionError("the last try returns or raises")


def _remove_locked(folder: Path, lock: FileLock) -> None:
    """Remove a folder whose lock this process holds, the lock last."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name != _LOCK:
            _remove_path(path)
    lock.release()
    with suppress(OSError):
        (folder / _LOCK).unlink()
    with suppress(OSError):
        folder.rmdir()


def _remove_path(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _inspect_folder(folder: Path) -> Leftover:
    stats = [path.lstat() for path in (folder, *folder.rglob("*"))]
    size = sum(stat.st_size for stat in stats if S_ISREG(stat.st_mode))
    try:
        writer = json.loads((folder / _WRITER).read_bytes())
    except (OSError, ValueError):
        writer = {}
    is_complete = isinstance(writer, dict) and writer.keys() >= {"process", "machine", "kernel", "since"}
    return Leftover(folder, size, max(stat.st_mtime for stat in stats), writer if is_complete else {})


def _describe_process() -> dict[str, Any]:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"process": os.getpid(), "machine": platform.node(), "kernel": _get_kernel_id(), "since": since}


@cache
def _get_kernel_id() -> str:
    """Return what only processes under one running kernel have in common, in whatever container."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"{platform.node()} {uuid.getnode():x}"
