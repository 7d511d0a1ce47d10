"""Through the memo: what a model said before is looked up, the rest is computed shard by shard and kept.

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
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.context import Context
from nirank.memo import Keys, Memo, Rows, distinct, text_keys

_LOOKED_UP = 4096  # texts at a time
SHARD_TEXTS = 4096  # computed, and then kept, at a time,
SHARD_CHARACTERS = 1 << 20  # or fewer, if they are long: what a crash can lose


def remembered_texts(
    texts: Iterable[str], memo: Memo, compute: Callable[[list[str]], Rows], ctx: Context
) -> Iterator[tuple[NDArray[np.int64], Rows]]:
    """Yield (positions, rows) until every text has its row; equal texts are computed once.

    compute  what is not known, a shard at a time: texts, all different → rows
    Memory is a shard of texts and one of rows.
    """
    stream, at = iter(texts), 0
    waiting: dict[str, list[int]] = {}
    characters = 0

    def shard() -> tuple[NDArray[np.int64], Rows]:
        nonlocal characters
        rows = computed(list(waiting), text_keys(waiting), memo, compute, ctx)
        places = list(waiting.values())
        positions = np.concatenate([np.asarray(one, np.int64) for one in places])
        rows = np.repeat(rows, [len(one) for one in places])
        waiting.clear()
        characters = 0
        return positions, rows

    while part := list(islice(stream, _LOOKED_UP)):
        found, rows = _known(text_keys(part), memo, ctx)
        if len(rows):
            yield at + np.flatnonzero(found), rows
        left = np.flatnonzero(~found)
        while len(left):
            for place in left.tolist():
                text = part[place]
                if text not in waiting:
                    characters += len(text)
                waiting.setdefault(text, []).append(at + place)
                if len(waiting) == SHARD_TEXTS or characters >= SHARD_CHARACTERS:
                    yield shard()
                    break
            left = left[left > place]
            again, rows = _known(text_keys([part[place] for place in left.tolist()]), memo, ctx)
            if len(rows):  # texts of the shard that was just computed
                yield at + left[again], rows
                left = left[~again]
        at += len(part)
    if waiting:
        yield shard()


def remembered_pairs(
    keys: Keys,
    memo: Memo,
    shards: Callable[[NDArray[np.int64]], Iterable[NDArray[np.int64]]],
    compute: Callable[[NDArray[np.int64]], Rows],
    kind: np.dtype[Any],
    ctx: Context,
) -> Rows:
    """Return a row for every key; of equal keys one is computed.

    shards   cuts positions of what is not known into the shards in which it is computed and kept
    compute  positions → rows
    """
    firsts, inverse = distinct(keys)
    found, known = _known(keys[firsts], memo, ctx)
    rows = np.empty(len(firsts), kind)
    rows[found] = known
    place = np.empty(len(keys), np.int64)
    place[firsts] = np.arange(len(firsts))
    for shard in shards(firsts[~found]):
        rows[place[shard]] = computed(shard, keys[shard], memo, compute, ctx)
    return rows[inverse]


def by_number(most: int, missing: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Cut positions into shards of at most so many."""
    for start in range(0, len(missing), most):
        yield missing[start : start + most]


def computed(items: Any, keys: Keys, memo: Memo, compute: Callable[[Any], Rows], ctx: Context) -> Rows:
    """Compute one shard, keep it, and count what it took."""
    started = time.perf_counter()
    rows = compute(items)
    seconds = time.perf_counter() - started
    memo.put(keys, rows, seconds)
    ctx.remembered["computed"] += len(keys)
    ctx.remembered["computed_s"] += seconds
    return rows


def _known(keys: Keys, memo: Memo, ctx: Context) -> tuple[NDArray[np.bool_], Rows]:
    found, rows = memo.get(keys)
    if len(rows):
        ctx.remembered["found"] += len(rows)
        ctx.remembered["found_s"] += len(rows) * (memo.rate or 0.0)
    return found, rows
