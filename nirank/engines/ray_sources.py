"""What work reads from the caller's disk, for nodes that do not see it: found, packed, sent, named where it lies there.

A source is a folder (a model, an index), or the rows of texts that lie in one.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from nirank.algebra.node import Node
from nirank.base.packed_folder import PackedFolder, list_files, pack_folder
from nirank.collections.text_rows import TextRows
from nirank.collections.texts import Texts

Source = Path | TextRows


def find_sources(value: Any) -> Iterator[Source]:
    """Yield every source on this machine that a value names, at any depth of records and sequences."""
    if isinstance(value, Path):
        if value.is_dir():
            yield value
    elif isinstance(value, TextRows):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from find_sources(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from find_sources(item)
    elif is_dataclass(value) and not isinstance(value, (type, Node)):
        for field in fields(value):
            yield from find_sources(getattr(value, field.name))


def move_sources(value: Any, places: Mapping[Source, Path]) -> Any:
    """Return a value whose sources are where they lie on this node."""
    if not places:
        return value
    if isinstance(value, Path):
        return places.get(value, value)
    if isinstance(value, TextRows):
        return TextRows(places[value], 0, value.last - value.first, value.digest) if value in places else value
    if isinstance(value, (tuple, list)):
        return type(value)(move_sources(item, places) for item in value)
    if isinstance(value, Mapping):
        return {key: move_sources(item, places) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, (type, Node)):
        here = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
        moved = {name: move_sources(item, places) for name, item in here.items()}
        return value if moved == here else replace(value, **moved)
    return value


def describe_source(source: Source) -> str:
    """Return what tells a source from another one of the same name: its files' names and sizes; '' where there is none.

    Files that are links count with what they point to.
    """
    folder = source.folder if isinstance(source, TextRows) else source
    if not folder.is_dir():
        return ""
    digest = hashlib.sha256()
    for name, path in list_files(folder):
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
    return digest.hexdigest()


def pack_source(source: Source) -> PackedFolder:
    """Return a folder's files; of texts those of a folder that has these rows alone."""
    if isinstance(source, Path):
        return pack_folder(source)
    with tempfile.TemporaryDirectory(prefix="nirank-") as folder:
        Texts.open_rows(source).save(Path(folder))
        return pack_folder(Path(folder))
