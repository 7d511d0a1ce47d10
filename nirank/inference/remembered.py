"""Computing through a memo: known values are looked up, the others computed shard by shard and stored.

What "the same" means. A model's output for a text depends, in its last bits, on the texts that share its
batch (rounding of products of other shapes; the row declares how much). So a value is computed once for
a store and is from then on the value, whoever asks for it: two nodes, two collections, today or in a year get
the same bytes. Between two stores that met the texts in different company, values may differ by the declared
rounding. An interrupted run, resumed, ends with the bytes of an uninterrupted one: shards are cut from the texts that
the memo lacks, in order, by numbers and lengths alone, and are kept whole or not at all; so what is left after some of
them is cut into the same further shards, of the same batches.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.base.loading import loading_seconds
from nirank.base.memo import Keys, Memo, Rows, find_distinct_keys, hash_texts
from nirank.inference.device import ShardResult, measure_shards

T = TypeVar("T")
Compute = Callable[[Iterable[T]], Iterable[ShardResult]]  # what becomes of shards, in their order


@dataclass(frozen=True)
class Shard(Generic[T]):
    """Items that are computed, and stored, together, and a key for each."""

    items: T
    keys: Keys


_LOOK_UP_TEXTS = 4096  # at a time
SHARD_TEXTS = 4096  # computed, and then kept, at a time,
SHARD_CHARACTERS = 1 << 20  # or fewer, if they are long: what a crash can lose


def compute_missing_texts(
    texts: Iterable[str],
    memo: Memo,
    compute: Compute[list[str]],
    write: Callable[[NDArray[np.int64], Rows], None],
    ctx: Context,
) -> None:
    """Hand over a row for every text; equal texts are computed once.

    compute  what is not known: shards of texts, all different → their rows
    write    takes (positions, rows), in any order
    Memory is a shard of texts and one of rows, for each that is computed at once.
    """
    places: dict[str, list[int]] = {}  # of texts that wait for their shard, or whose shard is being computed

    def shards() -> Iterator[Shard[list[str]]]:
        stream, start, waiting, characters = iter(texts), 0, [], 0
        while part := list(islice(stream, _LOOK_UP_TEXTS)):
            remaining = np.arange(len(part))
            while len(remaining):
                present, rows = _look_up(hash_texts([part[place] for place in remaining.tolist()]), memo, ctx)
                if len(rows):
                    write(start + remaining[present], rows)
                remaining = remaining[~present]
                for place in remaining.tolist():
                    text = part[place]
                    if text not in places:
                        waiting.append(text)
                        characters += len(text)
                    places.setdefault(text, []).append(start + place)
                    if len(waiting) == SHARD_TEXTS or characters >= SHARD_CHARACTERS:
                        yield Shard(waiting, hash_texts(waiting))
                        waiting, characters = [], 0
                        remaining = remaining[remaining > place]  # the shard may contain what comes next
                        break
                else:
                    break
            start += len(part)
        if waiting:
            yield Shard(waiting, hash_texts(waiting))

    for shard, rows in compute_shards(shards(), memo, compute, ctx):
        positions = [np.asarray(places.pop(text), np.int64) for text in shard]
        write(np.concatenate(positions), np.repeat(rows, list(map(len, positions))))


def compute_missing_pairs(
    keys: Keys,
    memo: Memo,
    shards: Callable[[NDArray[np.int64]], Iterable[NDArray[np.int64]]],
    compute: Compute[NDArray[np.int64]],
    row_type: np.dtype[Any],
    ctx: Context,
) -> Rows:
    """Return a row for every key; of equal keys one is computed.

    shards   cuts positions of what is not known into the shards in which it is computed and kept
    compute  shards of positions → their rows
    """
    firsts, inverse = find_distinct_keys(keys)
    present, known = _look_up(keys[firsts], memo, ctx)
    rows = np.empty(len(firsts), row_type)
    rows[present] = known
    place = np.empty(len(keys), np.int64)
    place[firsts] = np.arange(len(firsts))
    missing = (Shard(shard, keys[shard]) for shard in shards(firsts[~present]))
    for shard, computed_rows in compute_shards(missing, memo, compute, ctx):
        rows[place[shard]] = computed_rows
    return rows[inverse]


def split_by_number(size: int, missing: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Cut positions into shards of at most so many."""
    for start in range(0, len(missing), size):
        yield missing[start : start + size]


def compute_shards(
    shards: Iterable[Shard[T]], memo: Memo, compute: Compute[T], ctx: Context
) -> Iterator[tuple[T, Rows]]:
    """Compute shards, keep each when it is finished, and count what that took."""
    running: deque[Shard[T]] = deque()

    def items() -> Iterator[T]:
        for shard in shards:
            running.append(shard)
            yield shard.items

    started, loaded = time.perf_counter(), loading_seconds()
    for rows, device_s in compute(items()):
        shard = running.popleft()
        seconds = time.perf_counter() - started - (loading_seconds() - loaded)
        rows = memo.put(shard.keys, rows, seconds)
        ctx.memo_use["computed"] += len(shard.keys)
        ctx.memo_use["computed_s"] += seconds
        ctx.device_s += device_s
        yield shard.items, rows
        started, loaded = time.perf_counter(), loading_seconds()


def compute_locally(function: Callable[[T], Rows]) -> Compute[T]:
    """Compute shard by shard in this process."""
    return lambda shards: map(measure_shards(function), shards)


def _look_up(keys: Keys, memo: Memo, ctx: Context) -> tuple[NDArray[np.bool_], Rows]:
    present, rows = memo.get(keys)
    if len(rows):
        ctx.memo_use["found"] += len(rows)
        ctx.memo_use["found_s"] += len(rows) * (memo.rate or 0.0)
    return present, rows
