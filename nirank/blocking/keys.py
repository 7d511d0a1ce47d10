"""The blocking keys of records: for each record a set of 64-bit integers, whatever they were made from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd
_SLOTS, _MOST_BITS = 8, 28  # of a set's bitmap: slots a key, and 256 MB at most
_PI = np.uint64(0x243F6A8885A308D3)  # where digests of rows begin
MIX_1, MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@dataclass(frozen=True, eq=False)
class RecordKeys:
    """The keys of n records, ascending and distinct within each record.

    offsets  (n + 1,) int64; record i owns keys[offsets[i]:offsets[i + 1]]
    keys     (total,) uint64. Two records share a block where they share a key. Keys are digests of what they stand
             for (a token, a table and its bucket): of 10^8 distinct ones, two are equal by chance with probability
             3 in 10,000, and a pair that only chance made is one candidate more, never one less
    """

    offsets: NDArray[np.int64]
    keys: Keys

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.offsets) - 1

    @property
    def counts(self) -> NDArray[np.int64]:
        """Keys of each record, (n,) int64."""
        return np.diff(self.offsets)

    @property
    def record_rows(self) -> NDArray[np.int64]:
        """The record of every key, (total,) int64."""
        return np.repeat(np.arange(len(self)), self.counts)

    @classmethod
    def from_tables(cls, buckets: Keys, tables: NDArray[np.integer]) -> RecordKeys:
        """Make keys of hash tables' buckets.

        buckets  (n_records, n_columns) uint64, each a bucket of a record
        tables   (n_columns,) the table of each column; equal buckets of different tables are different keys
        """
        salts = mix_keys(tables.astype(np.uint64) + np.uint64(1))
        salted = mix_keys(buckets ^ salts[None, :])
        salted.sort(axis=1)
        new = np.ones(salted.shape, np.bool_)
        new[:, 1:] = salted[:, 1:] != salted[:, :-1]
        return cls(np.concatenate(([0], np.cumsum(new.sum(axis=1)))).astype(np.int64), salted[new])

    @classmethod
    def from_words(cls, words: Iterable[Iterable[str]]) -> RecordKeys:
        """Make keys of each record's words (tokens, q-grams, values); what occurs twice is one key."""
        known: dict[str, int] = {}
        offsets, flat = [0], []
        for record_words in words:
            for word in set(record_words):
                key = known.get(word)
                if key is None:
                    key = known[word] = digest_word(word)
                flat.append(key)
            offsets.append(len(flat))
        keys = np.array(flat, np.uint64)
        return cls.from_loose(np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)), keys, len(offsets) - 1)

    @classmethod
    def from_loose(cls, rows: NDArray[np.integer], keys: Keys, n_records: int) -> RecordKeys:
        """Sort loose (record, key) pairs into order and leave repeats out."""
        order = np.lexsort((keys, rows))
        rows, keys = rows[order], keys[order]
        new = np.ones(len(rows), np.bool_)
        new[1:] = (rows[1:] != rows[:-1]) | (keys[1:] != keys[:-1])
        rows, keys = rows[new], keys[new]
        return cls(np.searchsorted(rows, np.arange(n_records + 1)).astype(np.int64), keys)

    @classmethod
    def concatenate(cls, parts: Sequence[RecordKeys]) -> RecordKeys:
        """Return the records of all parts, one part after the other."""
        counts = np.concatenate([np.zeros(1, np.int64), *(part.counts for part in parts)])
        return cls(np.cumsum(counts), np.concatenate([np.empty(0, np.uint64), *(part.keys for part in parts)]))

    def select(self, keep: NDArray[np.bool_]) -> RecordKeys:
        """Return the keys where `keep`, (total,) bool, is true."""
        kept = np.concatenate(([0], np.cumsum(keep)))
        return RecordKeys(kept[self.offsets].astype(np.int64), self.keys[keep])


class KeySet:
    """A set of keys that tells quickly of very many others whether they are in it.

    A bitmap by the keys' first bits rules most of the others out; only what is left is looked up among all keys, each
    of which costs several reads from far-off memory.

    keys  (n,) uint64, ascending
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        bits = min(max(len(keys) * _SLOTS, 2).bit_length(), _MOST_BITS)
        self._shift = np.uint64(64 - bits)
        self._slots = np.zeros(1 << bits, np.bool_)
        self._slots[keys >> self._shift] = True

    def contains(self, wanted: Keys) -> NDArray[np.bool_]:
        """Tell for each wanted key whether it is in the set, (len(wanted),) bool."""
        inside: NDArray[np.bool_] = self._slots[wanted >> self._shift]
        left = wanted[inside]
        inside[inside] = self._keys[np.minimum(np.searchsorted(self._keys, left), len(self._keys) - 1)] == left
        return inside


def mix_keys(values: Keys) -> Keys:
    """Return a bijection of 64-bit integers whose every output bit depends on every input bit.

    The finaliser of SplitMix64: Steele, Lea and Flood, OOPSLA 2014.
    """
    mixed = values + GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * MIX_2
    return mixed ^ (mixed >> np.uint64(31))


def combine_columns(columns: NDArray[np.integer]) -> Keys:
    """Return one 64-bit digest a row of integers; the order of columns counts.

    columns  (n, m) integers
    """
    combined = np.full(len(columns), _PI + np.uint64(columns.shape[1]), np.uint64)  # (a, b) and (a, b, 0) differ
    for column in columns.T:
        combined = mix_keys(combined ^ mix_keys(np.ascontiguousarray(column).astype(np.int64).view(np.uint64)))
    return combined


def digest_word(word: str) -> int:
    """Return a 64-bit digest of a text."""
    return int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def digest_words(words: Sequence[str]) -> Keys:
    """Return the 64-bit digests of texts, (n,) uint64."""
    return np.array([digest_word(word) for word in words], np.uint64)
