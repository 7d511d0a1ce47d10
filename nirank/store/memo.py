"""A memo on disk: segments in one folder, written aside, synced and renamed; merged when there are many."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.base.memo import Keys, Rows, find_distinct_keys
from nirank.errors import StoreError
from nirank.store.disk import make_folders, sync_file, sync_folder
from nirank.store.locks import alone
from nirank.store.segment import DamagedSegment, Segment, write_segment

log = logging.getLogger("nirank")

_SUFFIX = ".memo"
_DIGITS = 20  # of a segment's number
_MOST = 8  # segments before some are merged
_LARGE = 4  # how many of the oldest are left alone unless the newer ones have grown to their size


class SegmentedMemo:
    """A memo of one space: `<number>-<random>.memo` files, and `memo.json` that says what they hold.

    One process at a time adds to it, and adds only what is not there: the first row of a key is its value, for every
    process and for good. Reading needs no lock: nothing is changed in place, and a segment that another process merged
    away is found in the merged one. Numbers count up, whatever a clock says; the oldest segment has the least.

    beside  gives, for a block, a fresh path to write at, on the same file system
    told    turns an error of writing into the store's own
    """

    def __init__(
        self,
        folder: Path,
        space: Mapping[str, Any],
        kind: np.dtype[Any],
        beside: Callable[[], AbstractContextManager[Path]],
        told: Callable[[OSError], StoreError],
    ) -> None:
        self.folder, self.space, self.kind, self._beside, self._told = folder, space, kind, beside, told
        self._open: dict[str, Segment] = {}
        self._dropped: set[str] = set()  # damaged; they may lie where nothing can be removed

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

    def put(self, keys: Keys, rows: Rows, seconds: float) -> Rows:
        """Keep what is not there yet as one more segment; return the rows that are kept, for every key its own."""
        if not len(keys):
            return rows
        for last in (False, True):
            try:
                make_folders(self.folder)
                with alone(self.folder / ".lock"):
                    return self._put(keys, np.array(rows, self.kind), seconds)
            except FileNotFoundError as error:  # somebody has removed the memo meanwhile: it begins anew
                if last:
                    raise self._told(error) from error
            except OSError as error:
                raise self._told(error) from error
        raise AssertionError("the second try returns or raises")

    def _put(self, keys: Keys, rows: Rows, seconds: float) -> Rows:
        if not (self.folder / "memo.json").exists():
            self._describe()
        there, kept = self.get(keys)  # another process may have been faster
        rows[there] = kept
        missing = np.flatnonzero(~there)
        firsts, inverse = find_distinct_keys(keys[missing])
        if len(firsts):
            new = missing[firsts]
            self._write(keys[new], lambda at: rows[new[at]], seconds * len(new) / len(keys), self._next())
            rows[missing] = rows[new[inverse]]
            self._merge()
        return rows

    def _next(self) -> str:
        """Return a number behind those of all segments."""
        return f"{max((int(name[:_DIGITS]) for name in self._names()), default=0) + 1:0{_DIGITS}}"

    def _names(self) -> list[str]:
        """Return the files of segments, oldest first; what others called similarly is no segment."""
        return sorted(path.name for path in self.folder.glob(f"*{_SUFFIX}") if path.name[:_DIGITS].isdecimal())

    def check(self) -> int:
        """Read every byte; drop damaged segments and return how many there were."""
        before = len(self._names())
        self._open.clear()
        for segment in self._segments():
            try:
                segment.check()
            except DamagedSegment as damage:
                self._drop(segment.path, damage)
        return before - len(self._open)

    def _segments(self) -> list[Segment]:
        """Return all segments, oldest first; what other processes have added since is opened."""
        there = [name for name in self._names() if name not in self._dropped]
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
                except OSError as error:
                    raise self._told(error) from error
        return [self._open[name] for name in there if name in self._open]

    def _drop(self, path: Path, damage: DamagedSegment) -> None:
        log.warning("%s is damaged (%s); it is removed, and what it held is computed again", path, damage)
        self._open.pop(path.name, None)
        self._dropped.add(path.name)
        with suppress(OSError):
            path.unlink()

    def _write(self, keys: Keys, read: Callable[[NDArray[np.int64]], Rows], seconds: float, number: str) -> None:
        with self._beside() as beside:
            write_segment(beside, keys, read, seconds)
            beside.rename(self.folder / f"{number}-{uuid.uuid4().hex[:8]}{_SUFFIX}")
        sync_folder(self.folder)

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
        if not merged:
            return
        keys = np.concatenate([one.keys() for one in merged])
        firsts, _ = find_distinct_keys(keys)  # of two rows for one key the older
        begins = np.cumsum([0, *(one.count for one in merged)])

        def read(at: NDArray[np.int64]) -> Rows:
            rows = np.empty(len(at), self.kind)
            for begin, one in zip(begins.tolist(), merged, strict=False):
                mine = np.flatnonzero((firsts[at] >= begin) & (firsts[at] < begin + one.count))
                rows[mine] = one.read(firsts[at[mine]] - begin)
            return rows

        self._write(keys[firsts], read, sum(one.seconds for one in merged), merged[0].path.name[:_DIGITS])
        for one in merged:
            one.path.unlink(missing_ok=True)

    def _describe(self) -> None:
        said = {"space": self.space, "row": described_type(self.kind), "bytes": 16 + self.kind.itemsize}
        with self._beside() as beside:
            beside.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            sync_file(beside)
            beside.rename(self.folder / "memo.json")
        sync_folder(self.folder)


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
