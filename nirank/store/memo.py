"""A memo on disk: segments in one folder, written aside, synced and renamed; merged when there are many."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.memo import Keys, Rows, distinct
from nirank.store.segment import DamagedSegment, Segment, write_segment

log = logging.getLogger("nirank")

_SUFFIX = ".memo"
_MOST = 8  # segments before some are merged
_LARGE = 4  # how many of the oldest are left alone unless the newer ones have grown to their size


class SegmentedMemo:
    """A memo of one space: `<time>-<random>.memo` files, and `memo.json` that says what they hold.

    Segments are looked through oldest first, so that of two rows for one key (two processes were at
    work) every reader sees the same. Safe for several processes: nothing is changed in place, and a
    segment that another process merged away is found in the merged one.

    beside  gives a fresh path to write at, on the same file system
    told    turns an error of writing into the store's own
    """

    def __init__(
        self,
        folder: Path,
        space: Mapping[str, Any],
        kind: np.dtype[Any],
        beside: Callable[[], Path],
        told: Callable[[OSError], OSError],
    ) -> None:
        self.folder, self.space, self.kind, self._beside, self._told = folder, space, kind, beside, told
        self._open: dict[str, Segment] = {}

    @property
    def name(self) -> str:
        """The folder's name, of the space and the rows' type."""
        return self.folder.name

    @property
    def rate(self) -> float | None:
        """Seconds that computing one of the rows took, on average."""
        segments = self._segments()
        count = sum(one.count for one in segments)
        return sum(one.seconds for one in segments) / count if count else None

    def __len__(self) -> int:
        return sum(one.count for one in self._segments())

    def get(self, keys: Keys) -> tuple[NDArray[np.bool_], Rows]:
        """Return which keys are there, (n,), and the rows of those; a damaged segment is dropped, and that is said."""
        found = np.zeros(len(keys), np.bool_)
        rows = np.empty(len(keys), self.kind)
        left = np.lexsort((keys[:, 1], keys[:, 0]))  # sorted keys walk through a segment once
        for segment in self._segments():
            if not len(left):
                break
            at = segment.find(keys[left])
            hit = at >= 0
            try:
                rows[left[hit]] = segment.read(at[hit])
            except DamagedSegment as damage:
                self._drop(segment.path, damage)
                continue
            found[left[hit]] = True
            left = left[~hit]
        return found, rows[found]

    def put(self, keys: Keys, rows: Rows, seconds: float) -> None:
        """Keep rows as one more segment."""
        if not len(keys):
            return
        firsts, _ = distinct(keys)
        try:
            if not (self.folder / "memo.json").exists():
                self._describe()
            rows = np.asarray(rows, self.kind)[firsts]
            self._write(keys[firsts], lambda at: rows[at], seconds, f"{time.time_ns():020}")
            self._merge()
        except OSError as error:
            raise self._told(error) from error

    def check(self) -> int:
        """Read every byte; drop damaged segments and return how many there were."""
        before = len(list(self.folder.glob(f"*{_SUFFIX}")))
        self._open.clear()
        for segment in self._segments():
            try:
                segment.check()
            except DamagedSegment as damage:
                self._drop(segment.path, damage)
        return before - len(self._open)

    def _segments(self) -> list[Segment]:
        """Return all segments, oldest first; what other processes have added since is opened."""
        there = sorted(path.name for path in self.folder.glob(f"*{_SUFFIX}"))
        for name in self._open.keys() - set(there):
            del self._open[name]  # merged away
        for name in there:
            if name not in self._open:
                try:
                    self._open[name] = Segment(self.folder / name, self.kind)
                except DamagedSegment as damage:
                    self._drop(self.folder / name, damage)
                except FileNotFoundError:
                    return self._segments()  # merged away while we looked: its rows are in another
        return [self._open[name] for name in there if name in self._open]

    def _drop(self, path: Path, damage: DamagedSegment) -> None:
        log.warning("%s is damaged (%s); it is removed, and what it held is computed again", path, damage)
        self._open.pop(path.name, None)
        path.unlink(missing_ok=True)

    def _write(self, keys: Keys, read: Callable[[NDArray[np.int64]], Rows], seconds: float, age: str) -> None:
        beside = self._beside()
        try:
            write_segment(beside, keys, read, seconds)
            beside.rename(self.folder / f"{age}-{uuid.uuid4().hex[:8]}{_SUFFIX}")
        finally:
            beside.unlink(missing_ok=True)

    def _merge(self) -> None:
        """Merge the newest segments into one where there are many: each row is rewritten a few times at most."""
        segments = self._segments()
        if len(segments) <= _MOST:
            return
        first = len(segments) - 1
        size = segments[first].count
        while first and (first >= _LARGE or segments[first - 1].count <= 2 * size):
            first -= 1
            size += segments[first].count
        merged = []
        for one in segments[first:]:
            try:
                one.check()
                merged.append(one)
            except DamagedSegment as damage:
                self._drop(one.path, damage)
        keys = np.concatenate([one.keys() for one in merged])
        firsts, _ = distinct(keys)  # of two rows for one key the older
        begins = np.cumsum([0, *(one.count for one in merged)])

        def read(at: NDArray[np.int64]) -> Rows:
            rows = np.empty(len(at), self.kind)
            for begin, one in zip(begins.tolist(), merged, strict=False):
                mine = np.flatnonzero((firsts[at] >= begin) & (firsts[at] < begin + one.count))
                rows[mine] = one.read(firsts[at[mine]] - begin)
            return rows

        self._write(keys[firsts], read, sum(one.seconds for one in merged), merged[0].path.name[:20])
        for one in merged:
            one.path.unlink(missing_ok=True)

    def _describe(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = self._beside()
        said = {"space": self.space, "row": described_type(self.kind), "bytes": 16 + self.kind.itemsize}
        beside.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        beside.rename(self.folder / "memo.json")


def described_type(kind: np.dtype[Any]) -> Any:
    """Return a type of rows as JSON: '<f4', or fields with their shapes."""
    if kind.names is None:
        return kind.str
    return [[name, *(list(part) if isinstance(part, tuple) else part for part in rest)] for name, *rest in kind.descr]


def row_type(described: Any) -> np.dtype[Any]:
    """Return the type that was described."""
    if isinstance(described, str):
        return np.dtype(described)
    fields = [tuple(tuple(part) if isinstance(part, list) else part for part in field) for field in described]
    return np.dtype(fields)
