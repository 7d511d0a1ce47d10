"""Where things are written before they are renamed into place, and what a killed process left there.

Every writer has a folder of its own, and holds a lock in it for as long as it writes. A lock that is held belongs to a
living writer, whatever its machine calls itself: containers share names and numbers of processes. A lock that is free
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
_LOCK, _WRITER, _MADE = ".lock", ".writer.json", "made"
_OLD_S = 7 * 86_400  # without a change, of what another machine left
_TRIES = 10  # of a new folder: a sweeper may look into it before its lock is taken


@dataclass(frozen=True)
class Leftover:
    """A folder under `unfinished/`.

    bytes    of the files in it
    changed  when anything in it changed last, in seconds since 1970
    writer   what it said of itself: process, machine, kernel, since; {} where it said nothing
    """

    folder: Path
    bytes: int
    changed: float
    writer: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Say whose it was."""
        return (
            "what process {process} on {machine} was writing (since {since})".format(**self.writer)
            if self.writer
            else "what somebody was writing"
        )


@contextmanager
def place(root: Path) -> Iterator[Path]:
    """Give a path on the store's file system that nobody uses; what is there on leaving the block is removed."""
    folder, lock = _own_folder(root)
    try:
        yield folder / _MADE
    finally:
        _remove_held(folder, lock)


def sweep(root: Path) -> None:
    """Remove what dead writers left."""
    with suppress(OSError), place(root) as here:  # what cannot be swept stays
        now = here.parent.stat().st_mtime  # the file system's clock: this machine's may be another
        for left in leftovers(root):
            if left.folder == here.parent:
                continue
            if left.writer.get("kernel") == _kernel() or now - left.changed > _OLD_S:
                with suppress(OSError):
                    remove_leftover(left.folder)


def leftovers(root: Path) -> Iterator[Leftover]:
    """Yield what lies under `unfinished/`, be it left or being written."""
    for folder in sorted((root / _FOLDER).glob("*")):
        with suppress(OSError):  # finished meanwhile
            yield _looked_at(folder)


def remove_leftover(folder: Path) -> bool:
    """Remove what a writer left; False where that is alive."""
    if not folder.is_dir():
        folder.unlink(missing_ok=True)
        return True
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    _remove_held(folder, lock)
    return True


def _own_folder(root: Path) -> tuple[Path, FileLock]:
    for attempt in range(_TRIES):
        folder = root / _FOLDER / uuid.uuid4().hex
        folder.mkdir(parents=True)
        lock = FileLock(folder / _LOCK)
        try:
            lock.acquire(blocking=False)
            (folder / _WRITER).write_text(json.dumps(_this_process()), encoding="utf-8")
        except Timeout:
            if attempt == _TRIES - 1:
                raise
            continue
        except OSError:
            _remove_held(folder, lock)
            raise
        return folder, lock
    raise AssertionError("the last try returns or raises")


def _remove_held(folder: Path, lock: FileLock) -> None:
    """Remove a folder whose lock this process holds, the lock last."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name != _LOCK:
            _remove_whole(path)
    lock.release()
    with suppress(OSError):
        (folder / _LOCK).unlink()
    with suppress(OSError):
        folder.rmdir()


def _remove_whole(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _looked_at(folder: Path) -> Leftover:
    told = [path.lstat() for path in (folder, *folder.rglob("*"))]
    size = sum(status.st_size for status in told if S_ISREG(status.st_mode))
    try:
        writer = json.loads((folder / _WRITER).read_bytes())
    except (OSError, ValueError):
        writer = {}
    known = isinstance(writer, dict) and writer.keys() >= {"process", "machine", "kernel", "since"}
    return Leftover(folder, size, max(status.st_mtime for status in told), writer if known else {})


def _this_process() -> dict[str, Any]:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"process": os.getpid(), "machine": platform.node(), "kernel": _kernel(), "since": since}


@cache
def _kernel() -> str:
    """Return what only processes under one running kernel have in common, in whatever container."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"{platform.node()} {uuid.getnode():x}"
