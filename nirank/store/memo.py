"""A memo on disk: segments in one folder, written elsewhere, synced and renamed; merged when there are many."""

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

from nirank.base.disk import make_folders, sync_file, sync_folder
from nirank.base.memo import Keys, Rows, find_distinct_keys
from nirank.errors import StoreError
from nirank.store.locks import hold_file
from nirank.store.segment import DamagedSegment, Segment, write_segment

log = logging.getLogger("nirank")

_SUFFIX = ".memo"
_DIGITS = 20  # of a segment's number
_MAX_SEGMENTS = 8  # before some are merged
_OLDEST = 4  # segments that are merged only with newer ones of half their size or more


class SegmentedMemo:
    """A memo of one space: `<number>-<random>.memo` files, and `memo.json` that says what they contain.

    One process at a time adds to it, and adds only what is not there: the first row of a key is its value, for every
    process and for good. Reading needs no lock: nothing is changed in place, and a segment that another process merged
    away is found in the merged one. Numbers count up, whatever a clock says; the oldest segment has the least.

    reserve_path    gives, for a block, a fresh path on the same file system
    to_store_error  turns an error of writing into the store's own
    """

    def __init__(
        self,
        folder: Path,
        space: Mapping[str, Any],
        row_type: np.dtype[Any],
        reserve_path: Callable[[], AbstractContextManager[Path]],
        to_store_error: Callable[[OSError], StoreError],
    ) -> None:
        self.folder, self.space, self.row_type = folder, space, row_type
        self._reserve_path, self._to_store_error = reserve_path, to_store_error
        self._open: dict[str, Segment] = {}
        self._damaged: set[str] = set()  # names of segments; they may lie where nothing can be removed

    @property
    def name(self) -> str:
        """The folder's name, of the space and the rows' type."""
        return self.folder.name

    @property
    def rate(self) -> float | None:
        """Seconds that computing one of the rows took, on average."""
        segments = self._open_segments()
        count = sum(segment.count for segment in segments)
        return sum(segment.seconds for segment in segments) / count if count else None

    def __len__(self) -> int:
        return sum(segment.count for segment in self._open_segments())

    def get(self, keys: Keys) -> tuple[NDArray[np.bool_], Rows]:
        """Return which keys have a row, (n,), and those rows; a damaged segment is dropped, with a warning."""
        present = np.zeros(len(keys), np.bool_)
        rows = np.empty(len(keys), self.row_type)
        remaining = np.lexsort((keys[:, 1], keys[:, 0]))  # sorted keys walk through a segment once
        for segment in self._open_segments():
            if not len(remaining):
                break
            positions = segment.find(keys[remaining])
            hits = positions >= 0
            try:
                rows[remaining[hits]] = segment.read(positions[hits])
            except DamagedSegment as damage:
                self._drop(segment.path, damage)
                continue
            present[remaining[hits]] = True
            remaining = remaining[~hits]
        return present, rows[present]

    def put(self, keys: Keys, rows: Rows, seconds: float) -> Rows:
        """Store the rows of new keys as one more segment; return the rows that are stored, for every key its own."""
        if not len(keys):
            return rows
        for is_last_try in (False, True):
            try:
                make_folders(self.folder)
                with hold_file(self.folder / ".lock"):
                    return self._put(keys, np.array(rows, self.row_type), seconds)
            except FileNotFoundError as error:  # another process has removed the memo: it is created again
                if is_last_try:
                    raise self._to_store_error(error) from error
            except OSError as error:
                raise self._to_store_error(error) from error
        raise AssertionError("the second try returns or raises")

    def _put(self, keys: Keys, rows: Rows, seconds: float) -> Rows:
        if not (self.folder / "memo.json").exists():
            self._describe()
        present, stored = self.get(keys)  # another process may have been faster
        rows[present] = stored
        missing = np.flatnonzero(~present)
        firsts, inverse = find_distinct_keys(keys[missing])
        if len(firsts):
            new = missing[firsts]
            self._write(
                keys[new], lambda positions: rows[new[positions]], seconds * len(new) / len(keys), self._choose_number()
            )
            rows[missing] = rows[new[inverse]]
            self._merge()
        return rows

    def _choose_number(self) -> str:
        """Return a number behind those of all segments."""
        return f"{max((int(name[:_DIGITS]) for name in self._list_names()), default=0) + 1:0{_DIGITS}}"

    def _list_names(self) -> list[str]:
        """Return the files of segments, oldest first; files with other names are passed over."""
        return sorted(path.name for path in self.folder.glob(f"*{_SUFFIX}") if path.name[:_DIGITS].isdecimal())

    def check(self) -> int:
        """Read every byte; drop damaged segments and return how many there were."""
        count = len(self._list_names())
        self._open.clear()
        for segment in self._open_segments():
            try:
                segment.check()
            except DamagedSegment as damage:
                self._drop(segment.path, damage)
        return count - len(self._open)

    def _open_segments(self) -> list[Segment]:
        """Return all segments, oldest first; those that other processes have added since are opened."""
        names = [name for name in self._list_names() if name not in self._damaged]
        for name in self._open.keys() - set(names):
            del self._open[name]  # merged away
        for name in names:
            if name not in self._open:
                try:
                    self._open[name] = Segment(self.folder / name, self.row_type)
                except DamagedSegment as damage:
                    self._drop(self.folder / name, damage)
                except FileNotFoundError:
                    return self._open_segments()  # merged away meanwhile: its rows are in another
                except OSError as error:
                    raise self._to_store_error(error) from error
        return [self._open[name] for name in names if name in self._open]

    def _drop(self, path: Path, damage: DamagedSegment) -> None:
        log.warning("%s is damaged (%s); it is removed, and its rows are computed again", path, damage)
        self._open.pop(path.name, None)
        self._damaged.add(path.name)
        with suppress(OSError):
            path.unlink()

    def _write(self, keys: Keys, read: Callable[[NDArray[np.int64]], Rows], seconds: float, number: str) -> None:
        with self._reserve_path() as path:
            write_segment(path, keys, read, seconds)
            path.rename(self.folder / f"{number}-{uuid.uuid4().hex[:8]}{_SUFFIX}")
        sync_folder(self.folder)

    def _merge(self) -> None:
        """Merge the newest segments into one where there are many: each row is rewritten a few times at most."""
        segments = self._open_segments()
        if len(segments) <= _MAX_SEGMENTS:
            return
        first = len(segments) - 1
        size = segments[first].count
        while first and (first >= _OLDEST or segments[first - 1].count <= 2 * size):
            first -= 1
            size += segments[first].count
        merged = []
        for segment in segments[first:]:
            try:
                segment.check()
                merged.append(segment)
            except DamagedSegment as damage:
                self._drop(segment.path, damage)
        if not merged:
            return
        keys = np.concatenate([segment.read_keys() for segment in merged])
        firsts, _ = find_distinct_keys(keys)  # of two rows for one key the older
        starts = np.cumsum([0, *(segment.count for segment in merged)])

        def read(positions: NDArray[np.int64]) -> Rows:
            rows = np.empty(len(positions), self.row_type)
            for start, segment in zip(starts.tolist(), merged, strict=False):
                at = firsts[positions]
                inside = np.flatnonzero((at >= start) & (at < start + segment.count))
                rows[inside] = segment.read(at[inside] - start)
            return rows

        self._write(keys[firsts], read, sum(segment.seconds for segment in merged), merged[0].path.name[:_DIGITS])
        for segment in merged:
            segment.path.unlink(missing_ok=True)

    def _describe(self) -> None:
        description = {"space": self.space, "row": describe_type(self.row_type), "bytes": 16 + self.row_type.itemsize}
        with self._reserve_path() as path:
            path.write_text(json.dumps(description, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            sync_file(path)
            path.rename(self.folder / "memo.json")
        sync_folder(self.folder)


def describe_type(row_type: np.dtype[Any]) -> Any:
    """Return a type of rows as JSON: '<f4', or fields with their shapes."""
    if row_type.names is None:
        return row_type.str
    return [
        [name, *(list(part) if isinstance(part, tuple) else part for part in rest)] for name, *rest in row_type.descr
    ]


def parse_type(description: Any) -> np.dtype[Any]:
    """Return the type that `describe_type` describes."""
    if isinstance(description, str):
        return np.dtype(description)
    fields = [tuple(tuple(part) if isinstance(part, list) else part for part in field) for field in description]
    return np.dtype(fields)
