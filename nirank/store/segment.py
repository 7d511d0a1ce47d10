"""Segments: immutable sorted files of keys and rows, memory-mapped, whose damage is noticed.

    header   64 bytes: magic, number of rows, bytes a row, rows a block, seconds that computing them took,
             CRC-32 of the keys, CRC-32 of the header and of the blocks' checksums
    keys     n first halves, n second halves; uint64, little endian, ascending
    rows     n × bytes a row
    blocks   CRC-32 of every block of rows

So a pair's score costs 20 bytes and 1/256 more. Keys are checked when a segment is opened, rows block by block when
they are first read.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.base.memo import Keys, Rows
from nirank.errors import StoreError

_HEADER = struct.Struct("<16sQIIdII16x")
_MAGIC = b"nirank memo 1"
_NEWER = re.compile(rb"nirank memo (?!1$)\d+")
_BLOCK_ROWS = 1024  # under one checksum
_READ_ROWS = 8 * _BLOCK_ROWS  # in memory while a segment is written


class DamagedSegment(Exception):
    """A segment's bytes are not those that were written."""


class Segment:
    """One open segment."""

    def __init__(self, path: Path, row_type: np.dtype[Any]) -> None:
        """Map a file. Raises DamagedSegment where it is incomplete, OSError where it is gone."""
        self.path, self.row_type = path, row_type
        with path.open("rb") as file:
            raw = file.read(_HEADER.size)
            size = os.fstat(file.fileno()).st_size
        if len(raw) < _HEADER.size:
            raise DamagedSegment("it is shorter than a header")
        magic, self.count, width, self._block, self.seconds, keys_crc, self._crc = _HEADER.unpack(raw)
        if _NEWER.fullmatch(magic.rstrip(b"\0")):
            raise StoreError(f"{path} was written by a newer nirank; update nirank, or name another store")
        if magic.rstrip(b"\0") != _MAGIC or width != row_type.itemsize or not self._block:
            raise DamagedSegment("its header is not a memo's")
        n, blocks = self.count, -(-self.count // self._block)
        if size != _HEADER.size + n * (16 + width) + 4 * blocks:
            raise DamagedSegment("it has another length than its header says")
        mapped = np.memmap(path, np.uint8, "r")
        ends = np.cumsum([_HEADER.size, 8 * n, 8 * n, width * n, 4 * blocks])
        self._first, self._second = (mapped[a:b].view("<u8") for a, b in pairwise(ends[:3]))
        self._rows = mapped[ends[2] : ends[3]]
        self._sums = mapped[ends[3] : ends[4]].view("<u4")
        if self._crc != _compute_header_crc(n, width, self._block, self.seconds, keys_crc, self._sums):
            raise DamagedSegment("its header does not match its checksum")
        if keys_crc != zlib.crc32(mapped[ends[0] : ends[2]].data):
            raise DamagedSegment("its keys do not match their checksum")
        self._checked = np.zeros(blocks, np.bool_)

    def find(self, keys: Keys) -> NDArray[np.int64]:
        """Return the position of each key, -1 where it is absent. Fastest for sorted keys."""
        candidates = np.searchsorted(self._first, keys[:, 0])
        positions = np.full(len(keys), -1, np.int64)
        undecided = np.arange(len(keys))
        while len(undecided):
            undecided = undecided[candidates[undecided] < self.count]
            undecided = undecided[self._first[candidates[undecided]] == keys[undecided, 0]]
            equal = self._second[candidates[undecided]] == keys[undecided, 1]
            positions[undecided[equal]] = candidates[undecided[equal]]
            undecided = undecided[~equal]  # first halves that are equal by chance: look one further
            candidates[undecided] += 1
        return positions

    def read(self, positions: NDArray[np.int64]) -> Rows:
        """Return the rows at some positions. Raises DamagedSegment if they are not those that were written."""
        self._check(np.unique(positions // self._block))
        return self._rows.view(self.row_type)[positions] if self.count else np.empty(0, self.row_type)

    def read_keys(self) -> Keys:
        """Return all keys, (n, 2), ascending."""
        return np.stack((self._first, self._second), axis=1)

    def check(self) -> None:
        """Read everything once more; raise DamagedSegment at the first block that has changed."""
        self._checked[:] = False
        self._check(np.arange(len(self._checked)))

    def _check(self, blocks: NDArray[np.int64]) -> None:
        width = self._block * self.row_type.itemsize
        for block in blocks[~self._checked[blocks]].tolist():
            if zlib.crc32(self._rows[block * width : (block + 1) * width].data) != self._sums[block]:
                raise DamagedSegment(f"rows {block * self._block} and on do not match their checksum")
            self._checked[block] = True


def write_segment(path: Path, keys: Keys, read: Callable[[NDArray[np.int64]], Rows], seconds: float) -> None:
    """Write a segment and bring it to disk; keys must be distinct. The caller renames it into place.

    read  gives the rows at some positions of `keys`; it is asked for a few thousand at a time, in the keys' order
    """
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    halves = np.ascontiguousarray(keys[order].T.astype("<u8"))
    width = read(order[:0]).dtype.itemsize
    sums = []
    keys_crc = zlib.crc32(halves.data)
    with path.open("wb") as file:
        file.write(bytes(_HEADER.size))
        file.write(halves.data)
        for start in range(0, len(order), _READ_ROWS):
            part = read(order[start : start + _READ_ROWS]).tobytes()
            blocks = [part[at : at + _BLOCK_ROWS * width] for at in range(0, len(part), _BLOCK_ROWS * width)]
            sums += [zlib.crc32(block) for block in blocks]
            file.write(part)
        table = np.array(sums, "<u4")
        file.write(table.data)
        crc = _compute_header_crc(len(order), width, _BLOCK_ROWS, seconds, keys_crc, table)
        file.seek(0)
        file.write(_HEADER.pack(_MAGIC, len(order), width, _BLOCK_ROWS, seconds, keys_crc, crc))
        file.flush()
        os.fsync(file.fileno())


def _compute_header_crc(n: int, width: int, block: int, seconds: float, keys_crc: int, sums: NDArray[np.uint32]) -> int:
    return zlib.crc32(sums.data, zlib.crc32(_HEADER.pack(_MAGIC, n, width, block, seconds, keys_crc, 0)))
