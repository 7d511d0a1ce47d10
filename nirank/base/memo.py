"""Memos: what was computed once for a text, or for a pair of texts, stored below every node.

A memo is a cache and never an input: a node that finds everything in a memo and a node that finds
nothing compute the same. Keys name the content (a text as the model reads it), the memo's space
names everything else that the value depends on (model, prompt, lengths, precision).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]  # (n, 2): 128 bits each
Rows = NDArray[Any]  # (n,) of the memo's type

_FIRST, _SECOND, _PART = (  # odd: multiplication by them loses nothing modulo 2^64
    np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64),
    np.array([0x165667B19E3779F9, 0x27D4EB2F165667C5], np.uint64),
    np.array([0xD6E8FEB86659FD93, 0xA0761D6478BD642F], np.uint64),
)


class Memo(Protocol):
    """Rows of one fixed type by 128-bit keys.

    name  under which the store keeps the space, '' where nothing is stored
    """

    @property
    def name(self) -> str: ...

    @property
    def rate(self) -> float | None:
        """Seconds that computing one of the rows took, on average; None while nothing is known."""
        ...

    def get(self, keys: Keys) -> tuple[NDArray[np.bool_], Rows]:
        """Return which keys have a row, (n,), and those rows, in the keys' order."""
        ...

    def put(self, keys: Keys, rows: Rows, seconds: float) -> Rows:
        """Store rows; `seconds` is what computing them took. A key that has a row already keeps it.

        Returns the rows that are stored from now on, in the keys' order: use those, not the ones that were passed.
        """
        ...


class NullMemo:
    """A memo that stores nothing."""

    rate = None
    name = ""

    def __init__(self, row_type: np.dtype[Any]) -> None:
        self.row_type = row_type

    def get(self, keys: Keys) -> tuple[NDArray[np.bool_], Rows]:
        return np.zeros(len(keys), np.bool_), np.empty(0, self.row_type)

    def put(self, keys: Keys, rows: Rows, seconds: float) -> Rows:
        del keys, seconds
        return rows


class ReadOnlyMemo:
    """A memo that knows what another does, and keeps nothing more."""

    def __init__(self, memo: Memo) -> None:
        self.name, self._memo = memo.name, memo

    @property
    def rate(self) -> float | None:
        return self._memo.rate

    def get(self, keys: Keys) -> tuple[NDArray[np.bool_], Rows]:
        return self._memo.get(keys)

    def put(self, keys: Keys, rows: Rows, seconds: float) -> Rows:
        del keys, seconds
        return rows


MemoOpener = Callable[[Mapping[str, Any], "np.dtype[Any]"], Memo]  # a space and the rows' type → its memo


def open_null_memo(space: Mapping[str, Any], row_type: np.dtype[Any]) -> Memo:
    """Give a memo that keeps nothing."""
    del space
    return NullMemo(row_type)


def hash_texts(texts: Iterable[str]) -> Keys:
    """Return the 128-bit BLAKE2b digest of each text."""
    return hash_bytes(text.encode("utf-8", "surrogatepass") for text in texts)


def hash_bytes(items: Iterable[Any]) -> Keys:
    """Return the 128-bit BLAKE2b digest of each item: bytes, or an array."""
    digests = [hashlib.blake2b(item, digest_size=16).digest() for item in items]
    return np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2)


def combine_keys(first: Keys, second: Keys) -> Keys:
    """Return the keys of pairs (first[i], second[i]); the order of the two matters.

    The digests are as good as random, so a sum with odd factors is too.
    """
    return first * _FIRST + second * _SECOND


def derive_part_keys(keys: Keys, part: NDArray[np.integer]) -> Keys:
    """Return the keys of numbered parts, (n,), of what `keys` name."""
    return keys + (np.asarray(part, np.uint64)[:, None] + np.uint64(1)) * _PART


def find_distinct_keys(keys: Keys) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the positions at which distinct keys stand first, ascending, and for each key its place among them."""
    order = np.lexsort((keys[:, 1], keys[:, 0]))
    is_new = np.ones(len(keys), np.bool_)
    is_new[1:] = (keys[order[1:]] != keys[order[:-1]]).any(1)
    group = np.cumsum(is_new) - 1
    firsts = order[is_new]  # the sort is stable: the first of a group stands first in `keys`
    by_place = np.argsort(firsts, kind="stable")
    place = np.empty(len(firsts), np.int64)
    place[by_place] = np.arange(len(firsts))
    inverse = np.empty(len(keys), np.int64)
    inverse[order] = place[group]
    return firsts[by_place], inverse
