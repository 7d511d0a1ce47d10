"""Where things are written before they are renamed into place, and what a killed process left there."""

from __future__ import annotations

import os
import platform
import shutil
import uuid
from functools import cache
from pathlib import Path

_FOLDER = "unfinished"


def fresh_path(root: Path) -> Path:
    """Return a path on the store's file system that nobody uses, named after this process."""
    (root / _FOLDER).mkdir(parents=True, exist_ok=True)
    return root / _FOLDER / f"{platform.node()}~{os.getpid()}~{uuid.uuid4().hex}"


@cache
def sweep(root: Path) -> None:
    """Remove, once a process, what processes of this machine left that are no more."""
    for path in (root / _FOLDER).glob(f"{platform.node()}~*"):
        if not _alive(int(path.name.split("~")[1])):
            shutil.rmtree(path, ignore_errors=True)
            path.unlink(missing_ok=True) if path.is_file() else None


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
