"""Values of any length in a memo whose rows are of one width: each value is kept as numbered parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nirank.base.memo import Keys, Memo, Rows, derive_part_keys


class PartedMemo(ABC):
    """A memo of objects over a memo of parts; every part says how long the whole is.

    part    the type of a part
    length  its field that says how long the whole value is,
    width   of which a part has so many
    """

    part: ClassVar[np.dtype[Any]]
    length: ClassVar[str]
    width: ClassVar[int]

    def __init__(self, parts: Memo) -> None:
        self._parts = parts
        self._parts_a_value = 1.0

    @abstractmethod
    def split(self, value: Any) -> Rows:
        """Return the parts of a value, one at least; none of what is not to be kept."""

    @abstractmethod
    def join(self, parts: Rows) -> Any:
        """Return the value of all its parts."""

    @classmethod
    def count_parts(cls, length: int) -> int:
        """Return how many parts a value of this length has."""
        return max(-(-length // cls.width), 1)

    @property
    def name(self) -> str:
        """That of the memo of parts."""
        return self._parts.name

    @property
    def rate(self) -> float | None:
        """Seconds that computing one of the values took, on average."""
        return None if self._parts.rate is None else self._parts.rate * self._parts_a_value

    def get(self, keys: Keys) -> tuple[NDArray[np.bool_], Rows]:
        """Return which values have all their parts, (n,), and those values, an array of objects."""
        present, first = self._parts.get(derive_part_keys(keys, np.zeros(len(keys), np.int64)))
        more = np.maximum(-(-first[self.length].astype(np.int64) // self.width), 1) - 1
        value, number = _number_parts(more)
        has_part, rest = self._parts.get(derive_part_keys(keys[present][value], number + 1))
        n_parts = np.bincount(value[has_part], minlength=len(first))
        complete = n_parts == more
        present[present] = complete
        starts = np.concatenate(([0], np.cumsum(n_parts)))
        rows = np.empty(int(complete.sum()), object)
        for at, row in enumerate(np.flatnonzero(complete).tolist()):
            rows[at] = self.join(np.concatenate((first[row : row + 1], rest[starts[row] : starts[row + 1]])))
        if len(first):
            self._parts_a_value = 1.0 + float(more.mean())
        return present, rows

    def put(self, keys: Keys, rows: Rows, seconds: float) -> Rows:
        """Keep values; return those that are kept from now on, and what is not to be kept as it is."""
        parts = [self.split(value) for value in rows]
        value, number = _number_parts(np.array([len(some) for some in parts], np.int64))
        joined = np.concatenate([np.empty(0, self.part), *parts])
        self._parts.put(derive_part_keys(keys[value], number), joined, seconds)
        present, stored = self.get(keys)
        rows = rows.copy()
        rows[present] = stored
        return rows


def _number_parts(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return of each part which value it belongs to, and its number in it, from 0 on."""
    value = np.repeat(np.arange(len(counts)), counts)
    return value, np.arange(len(value)) - np.repeat(np.cumsum(counts) - counts, counts)
