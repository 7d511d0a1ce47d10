"""A folder's files as one value, for a process that does not see this disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PackedFolder = list[tuple[str, NDArray[np.uint8]]]  # files by their name in the folder


def pack_folder(folder: Path) -> PackedFolder:
    """Return a folder's files."""
    return [(name, np.fromfile(path, np.uint8)) for name, path in list_files(folder)]


def unpack_folder(files: PackedFolder, folder: Path) -> None:
    """Write a folder's files."""
    for name, content in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content.tofile(path)


def list_files(folder: Path) -> list[tuple[str, Path]]:
    """Return the files at any depth of a folder, by their names in it, sorted."""
    return sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
