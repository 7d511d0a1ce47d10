"""The id table of one side of a collection: strings in row order, and their byte order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nirank.base.array_files import ArrayWriter
from nirank.errors import DataError
from nirank.flow.id_order import iterate_order

_PART = 4  # a fourth of a table is sorted alone rather than the whole table
_BLOCK = 1 << 18  # neighbours in byte order that are compared at a time
_FEW = 32  # below this, Python's binary search beats one vectorised scan of the table


def take_rows(column: pa.ChunkedArray, rows: NDArray[np.integer] | Sequence[int]) -> pa.ChunkedArray:
    """Return some rows of a column in the order asked for; memory is that of the rows.

    Arrow's own `take` first copies a column of several chunks into one, which for a mapped
    corpus would be the whole corpus.
    """
    positions = np.asarray(rows, np.int64)
    if column.num_chunks <= 1 or not len(positions):
        return column.take(pa.array(positions))
    starts = np.concatenate(([0], np.cumsum([len(chunk) for chunk in column.chunks])))
    chunk_of = np.searchsorted(starts, positions, side="right") - 1
    order = np.argsort(chunk_of, kind="stable")
    used_chunks, first = np.unique(chunk_of[order], return_index=True)
    parts = [
        column.chunk(chunk).take(pa.array(positions[members] - starts[chunk]))
        for chunk, members in zip(used_chunks.tolist(), np.split(order, first[1:]), strict=True)
    ]
    inverse = np.empty(len(positions), np.int64)
    inverse[order] = np.arange(len(positions))
    return pa.chunked_array([pa.concat_arrays(parts).take(pa.array(inverse))])


def as_id(value: Any, where: str) -> str:
    """Return an id as text, whole numbers as they are written; raise DataError, begun by `where`, for what is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return str(int(value))
    raise DataError(f"{where}: an id is text, got {value!r}")


class Ids:
    """Row numbers 0 … n-1 and the strings that users know them by.

    Ids are opaque: `01`, `1` and `1e3` are three ids, and nothing is stripped or converted.
    Holds the strings (Arrow, possibly memory-mapped) and the permutation that sorts them by
    UTF-8 bytes; there is no dictionary, so a million ids cost their bytes and 8 more each.
    """

    def __init__(self, strings: pa.ChunkedArray | pa.Array, order: NDArray[np.int64] | None = None) -> None:
        chunked = strings if isinstance(strings, pa.ChunkedArray) else pa.chunked_array([strings])
        self.strings: pa.ChunkedArray = chunked.cast(pa.large_string())
        self._order = order

    @classmethod
    def of(cls, strings: Iterable[str]) -> Ids:
        """Make a table of the strings in the order given."""
        texts = list(strings)
        try:
            array = pa.array(texts, pa.large_string())
        except (pa.ArrowTypeError, pa.ArrowInvalid):
            array = pa.array([as_id(text, "ids") for text in texts], pa.large_string())
        except UnicodeEncodeError as error:
            raise DataError(f"ids: {error.object!r} has half a character (a lone surrogate)") from None
        if array.null_count:
            raise DataError("ids: an id is text, got None")
        return cls(array)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Rows in ascending byte order of their ids, (n,) int64."""
        if self._order is not None:
            return self._order
        order, filled = np.empty(len(self), np.int64), 0
        for rows in iterate_order(self.strings):
            order[filled : filled + len(rows)] = rows
            filled += len(rows)
        return order

    @cached_property
    def rank(self) -> NDArray[np.int64]:
        """For each row, its position in ascending byte order, (n,) int64: ties are broken by it."""
        rank = np.empty(len(self), np.int64)
        rank[self.order] = np.arange(len(self))
        return rank

    def rank_rows(self, rows: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return numbers that sort some rows as `rank` does; where few are asked for, only they are sorted."""
        if self._order is not None or "rank" in vars(self) or len(rows) * _PART > len(self):
            return np.asarray(self.rank[rows], np.int64)
        distinct, inverse = np.unique(rows, return_inverse=True)
        ranks = np.empty(len(distinct), np.int64)
        ranks[np.asarray(pc.sort_indices(self.take_arrow(distinct).cast(pa.large_binary())))] = np.arange(len(distinct))
        return np.asarray(ranks[inverse], np.int64)

    def __len__(self) -> int:
        return len(self.strings)

    def __getitem__(self, row: int) -> str:
        return str(self.strings[int(row)].as_py())

    def __iter__(self) -> Iterator[str]:
        for chunk in self.strings.chunks:
            yield from chunk.to_pylist()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ids):
            return NotImplemented
        return self is other or self.strings.equals(other.strings)

    def __hash__(self) -> int:
        return hash((len(self), self[0] if len(self) else ""))

    def __repr__(self) -> str:
        shown = ", ".join(repr(self[row]) for row in range(min(3, len(self))))
        return f"<{len(self)} ids: {shown}{', …' if len(self) > 3 else ''}>"

    def take(self, rows: NDArray[np.integer] | Sequence[int]) -> list[str]:
        """Return the ids of the rows, in the order asked for."""
        return self.take_arrow(rows).to_pylist()  # type: ignore[no-any-return]

    def take_arrow(self, rows: NDArray[np.integer] | Sequence[int]) -> pa.ChunkedArray:
        """Return the ids of the rows as an Arrow array, without Python strings."""
        return take_rows(self.strings, rows)

    def slice_rows(self, first: int, last: int) -> Ids:
        """Return the rows from `first` to below `last` as a table of their own."""
        return Ids(self.strings.slice(first, last - first))

    def find_row(self, id: str) -> int:
        """Return the row of one id, or -1."""
        low, high, wanted = 0, len(self), id.encode("utf-8", "surrogatepass")
        while low < high:
            middle = (low + high) // 2
            if self[self.order[middle]].encode() < wanted:
                low = middle + 1
            else:
                high = middle
        if low < len(self) and self[self.order[low]] == id:
            return int(self.order[low])
        return -1

    def find_rows(self, ids: Sequence[str] | pa.ChunkedArray | pa.Array) -> NDArray[np.int64]:
        """Return the row of each id, (len(ids),) int64, -1 where the table does not have it."""
        if not len(ids):
            return np.empty(0, np.int64)
        if isinstance(ids, Sequence) and len(ids) <= _FEW:
            return np.array([self.find_row(id) for id in ids], np.int64)
        if isinstance(ids, pa.ChunkedArray):
            wanted = ids.cast(pa.large_string()).combine_chunks()
        else:
            wanted = pa.array(ids, pa.large_string())
        # A hash table over the words asked for, not over the table: memory stays with the question.
        encoded = wanted.dictionary_encode()
        row_of_word = np.full(len(encoded.dictionary), -1, np.int64)
        start = 0
        for chunk in self.strings.chunks:
            matches = pc.index_in(chunk, value_set=encoded.dictionary)
            rows = np.flatnonzero(np.asarray(matches.is_valid()))
            row_of_word[np.asarray(matches.drop_null())] = rows + start
            start += len(chunk)
        rows_of: NDArray[np.int64] = row_of_word[np.asarray(encoded.indices)]
        return rows_of

    def find_duplicates(self) -> list[tuple[int, int]]:
        """Return pairs of rows with the same id, (earlier, later), in byte order; normally none."""
        pairs = []
        for start in range(0, len(self) - 1, _BLOCK):
            rows = self.order[start : start + _BLOCK + 1]
            by_bytes = self.take_arrow(rows)
            same = np.flatnonzero(np.asarray(pc.equal(by_bytes.slice(1), by_bytes.slice(0, len(rows) - 1))))
            pairs += [(int(rows[i]), int(rows[i + 1])) for i in same]
        return [(min(pair), max(pair)) for pair in pairs]

    def save(self, folder: Path) -> None:
        """Write `ids.arrow` and `order.npy`."""
        table = pa.table({"id": self.strings})
        with pa.OSFile(str(folder / "ids.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        np.save(folder / "order.npy", self.order)

    @classmethod
    def complete(cls, folder: Path) -> Ids:
        """Write `order.npy` beside an `ids.arrow` that was written as the ids came, and map both."""
        strings = _map_strings(folder)
        with ArrayWriter(folder / "order.npy", np.int64) as order:
            for rows in iterate_order(strings):
                order.append(rows)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> Ids:
        """Map what `save` wrote."""
        return cls(_map_strings(folder), np.load(folder / "order.npy", mmap_mode="r"))


def _map_strings(folder: Path) -> pa.ChunkedArray:
    return pa.ipc.open_file(pa.memory_map(str(folder / "ids.arrow"))).read_all()["id"]
