"""Arrays that are written as they come, so that none of them is ever in memory as a whole."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.lib.format import header_data_from_array_1_0, write_array_header_1_0
from numpy.typing import ArrayLike, DTypeLike


class ArrayWriter:
    """A one-dimensional `.npy` file that grows; its bytes are those of `np.save` of all values together.

    The header is written once more at the end, with how many values there are; NumPy leaves room in it for that.
    """

    def __init__(self, path: Path, dtype: DTypeLike) -> None:
        self._dtype = np.dtype(dtype)
        self._count = 0
        self._file = path.open("wb")
        self._write_header()
        self._begin = self._file.tell()

    def append(self, values: ArrayLike) -> None:
        """Write some more values."""
        array = np.ascontiguousarray(values, self._dtype)
        self._file.write(array.data)
        self._count += len(array)

    def _write_header(self) -> None:
        facts: dict[str, Any] = header_data_from_array_1_0(np.empty(0, self._dtype))
        write_array_header_1_0(self._file, facts | {"shape": (self._count,)})

    def close(self) -> None:
        """Complete the file."""
        self._file.seek(0)
        self._write_header()
        assert self._file.tell() == self._begin, "a header keeps its length"
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
