"""Folders that work reads (models), for nodes that do not see the caller's disk: found, packed, sent, unpacked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.node import Node

Packed = list[tuple[str, NDArray[np.uint8]]]  # files by their name in the folder


def find_folders(value: Any) -> Iterator[Path]:
    """Yield every folder of this machine that options name, at any depth of records and sequences."""
    if isinstance(value, Path):
        if value.is_dir():
            yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from find_folders(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from find_folders(item)
    elif is_dataclass(value) and not isinstance(value, (type, Node)):
        for field in fields(value):
            yield from find_folders(getattr(value, field.name))


def move_folders(value: Any, places: Mapping[Path, Path]) -> Any:
    """Return options with folders where they lie on this node."""
    if not places:
        return value
    if isinstance(value, Path):
        return places.get(value, value)
    if isinstance(value, (tuple, list)):
        return type(value)(move_folders(item, places) for item in value)
    if isinstance(value, Mapping):
        return {key: move_folders(item, places) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, (type, Node)):
        moved = {field.name: move_folders(getattr(value, field.name), places) for field in fields(value) if field.init}
        return replace(value, **moved)
    return value


def describe_folder(folder: Path) -> str:
    """Return what tells a folder from another one of the same path: its files' names and sizes; '' where there is none.

    Files that are links count with what they point to.
    """
    if not folder.is_dir():
        return ""
    digest = hashlib.sha256()
    for name, path in _list_files(folder):
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
    return digest.hexdigest()


def pack_folder(folder: Path) -> Packed:
    """Return a folder's files."""
    return [(name, np.fromfile(path, np.uint8)) for name, path in _list_files(folder)]


def unpack_folder(files: Packed, folder: Path) -> None:
    """Write a folder's files."""
    for name, content in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content.tofile(path)


def _list_files(folder: Path) -> list[tuple[str, Path]]:
    return sorted((path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file())
