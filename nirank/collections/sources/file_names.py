"""Ids in judgements that mean files: with or without the file's ending, and its folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pyarrow as pa


def name_files(ids: pa.Array, names: Sequence[str]) -> pa.Array:
    """Return ids with those that mean a file as the file's name: '000001' for '000001.txt', or for 'cases/000001.txt'.

    names  of the files inside their folder, which are the ids of documents. What means several files, or none, stays
    """
    known = set(names)
    counts = Counter(short for name in known for short in _shorten(name))
    meant = {short: name for name in known for short in _shorten(name) if counts[short] == 1 and short not in known}
    distinct = ids.dictionary_encode()
    values = pa.array([meant.get(id, id) for id in distinct.dictionary.to_pylist()], pa.large_string())
    return values.take(distinct.indices)


def _shorten(name: str) -> Iterator[str]:
    """Yield what a file may be called by: its name without ending, and both without the folder."""
    stem, point, _ = name.rpartition(".")
    base = name.rpartition("/")[2]
    forms = {base, *((stem, stem.rpartition("/")[2]) if point and base[0] != "." else ())} - {name}
    yield from forms
