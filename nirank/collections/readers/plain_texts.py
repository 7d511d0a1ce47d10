"""Folders of plain texts: one document or query a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from nirank.base.files import MAX_LINE_BYTES, read_text, strip_packed_suffix
from nirank.collections.readers.records import Record


def read_plain_texts(paths: Sequence[Path], folder: Path) -> Iterator[Record]:
    """Yield one record a file, whose id is its name inside the folder ('cases/000001.txt'), without .gz or .zst.

    Raises DataError naming the file for bytes that are not UTF-8 and a text of more than 64 MiB.
    """
    for path in paths:
        id = strip_packed_suffix(path.relative_to(folder).as_posix())
        yield Record(id, "", read_text(path, MAX_LINE_BYTES), {}, 1, file=str(path))
