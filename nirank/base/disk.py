"""Bringing to disk what was written, so that a rename never shows what is not there yet."""

from __future__ import annotations

import hashlib
import os
from io import BufferedReader
from pathlib import Path
from typing import cast

_READ_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0)


def sync_file(path: Path) -> str:
    """Bring a file to disk and return its SHA-256; it need not be writable."""
    with path.open("rb" if os.name == "posix" else "rb+") as file:
        checksum = hashlib.file_digest(cast("BufferedReader", file), "sha256").hexdigest()
        os.fsync(file.fileno())
    return checksum


def sync_folder(path: Path) -> None:
    """Bring a folder's list of names to disk, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(path, _READ_FLAGS)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def find_existing_ancestor(path: Path) -> Path:
    """Return a path, or the nearest folder above it that exists; raise OSError or ValueError for what is no path."""
    for candidate in (path, *path.absolute().parents):
        try:
            candidate.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        return candidate
    return Path(path.anchor)


def make_folders(path: Path) -> None:
    """Make a folder and those above it, and bring the names of the new ones to disk."""
    if path.is_dir():
        return
    make_folders(path.parent)
    path.mkdir(exist_ok=True)
    sync_folder(path.parent)
