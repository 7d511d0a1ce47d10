"""Rows of texts on their way into mapped files: memory is that of one batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nirank.base.array_files import ArrayWriter

_BATCH_ROWS = 8192
_BATCH_CHARACTERS = 16_000_000
_LINES = "lines.npy"  # needed until ids are known to be distinct
_NUMBERS = {_LINES: np.int64, "fingerprints.npy": np.uint64, "bodies.npy": np.uint64}


class TextsWriter:
    """Writes `ids.arrow`, `texts.arrow`, `fingerprints.npy` and `bodies.npy` of a folder that `Texts.open` maps."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self.rows = 0
        self._folder = folder
        self._files = ExitStack()
        self._ids = self._open_table("ids.arrow", ["id"])
        self._texts = self._open_table("texts.arrow", names)
        self._arrays = [self._files.enter_context(ArrayWriter(folder / name, kind)) for name, kind in _NUMBERS.items()]
        self._begin_batch()

    def _open_table(self, name: str, columns: Iterable[str]) -> tuple[Any, pa.Schema]:
        sink = self._files.enter_context(pa.OSFile(str(self._folder / name), "wb"))
        schema = pa.schema([(column, pa.large_string()) for column in columns])
        return self._files.enter_context(pa.ipc.new_file(sink, schema)), schema

    def _begin_batch(self) -> None:
        self._batch: list[tuple[str, list[str], tuple[int, int, int]]] = []
        self._characters = 0

    def add(self, id: str, columns: Mapping[str, str], line: int, fingerprint: int, body: int) -> None:
        """Add a row: where it stands in its file, and the hashes of its text with its title and without."""
        values = list(columns.values())
        self._batch.append((id, values, (line, fingerprint, body)))
        self._characters += sum(map(len, values))
        self.rows += 1
        if len(self._batch) >= _BATCH_ROWS or self._characters >= _BATCH_CHARACTERS:
            self._write_batch()

    def _write_batch(self) -> None:
        if not self._batch:
            return
        ids, texts, numbers = zip(*self._batch, strict=True)
        for (table, schema), columns in ((self._ids, [ids]), (self._texts, zip(*texts, strict=True))):
            arrays = [pa.array(values, pa.large_string()) for values in columns]
            table.write_batch(pa.record_batch(arrays, schema=schema))
        for array, values in zip(self._arrays, zip(*numbers, strict=True), strict=True):
            array.append(values)
        self._begin_batch()

    def read_lines(self) -> NDArray[np.int64]:
        """Return where each row stands in its file, (n,) int64, mapped."""
        lines: NDArray[np.int64] = np.load(self._folder / _LINES, mmap_mode="r")
        return lines

    def forget_lines(self) -> None:
        """Remove what tells where rows stand in their files."""
        (self._folder / _LINES).unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._write_batch()
        self._files.close()
