"""Toy work for workers, some of which die."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nirank.errors import ModelError


def open_square(offset: int) -> Callable[[int], int]:
    os.write(1, b"libraries print what they like")
    return lambda n: n * n + offset


def open_pid() -> Callable[[int], int]:
    def work(n: int) -> int:
        time.sleep(0.05)
        return os.getpid()

    return work


def open_dying_once(folder: str) -> Callable[[int], int]:
    """Die at shard 3 the first time, and while opening if the folder says so."""
    with suppress(FileNotFoundError):
        (Path(folder) / "at-opening").unlink()  # one of the workers succeeds
        os.kill(os.getpid(), signal.SIGKILL)

    def work(n: int) -> int:
        if n == 3 and not (Path(folder) / "died").exists():
            (Path(folder) / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return n

    return work


def open_dying_always() -> Callable[[int], int]:
    def work(n: int) -> int:
        if n == 3:
            os._exit(7)
        return n

    return work


def open_raising(kind: str) -> Callable[[int], int]:
    class Local(Exception):
        """Cannot be pickled."""

    if kind == "opening":
        raise ModelError("no such model")

    def work(n: int) -> int:
        if n == 2:
            raise ModelError("not finite") if kind == "model" else Local("a local one")
        return n

    return work


def open_doubling() -> Callable[[Any], Any]:
    return lambda shard: shard * 2


@dataclass(frozen=True)
class Reading:
    """Options that name a folder, as those of models do."""

    folder: Path
    more: tuple[str, ...] = ()


def open_reading(how: Reading) -> Callable[[str], tuple[str, bytes]]:
    return lambda name: (str(how.folder), (how.folder / name).read_bytes())


def open_slow_first() -> Callable[[int], int]:
    def work(n: int) -> int:
        time.sleep(1.5 if n == 0 else 0.0)
        return n

    return work
