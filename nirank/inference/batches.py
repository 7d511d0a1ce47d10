"""Batches by token budget: items of similar length together, halved when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

CPU_TOKENS = 4096  # padded tokens in a batch: what fits a CPU's cache
ACCELERATOR_TOKENS = 65_536


def token_budget(device: str, asked: int | None) -> int:
    """Return how many padded tokens a batch may have."""
    return asked or (CPU_TOKENS if device == "cpu" else ACCELERATOR_TOKENS)


def in_batches(
    lengths: NDArray[np.integer],
    rows: Sequence[int],
    budget: int,
    prepare: Callable[[list[int]], T],
    run: Callable[[list[int], T], None],
) -> None:
    """Call `run` with rows of similar length, longest first, and with what `prepare` made of them.

    lengths  tokens of every row
    budget   padded tokens in a batch; halved, and the batch repeated, when memory runs out
    prepare  called in a thread of its own, one batch ahead: tokenising while the model computes
    """
    order = sorted(rows, key=lambda row: (-int(lengths[row]), row))

    def batch_at(start: int) -> list[int]:
        longest = max(int(lengths[order[start]]), 1) if start < len(order) else 1
        return order[start : start + max(budget // longest, 1)]

    with ThreadPoolExecutor(1) as ahead:
        start, batch = 0, batch_at(0)
        ready = ahead.submit(prepare, batch)
        while batch:
            following = batch_at(start + len(batch))
            next_ready = ahead.submit(prepare, following) if following else ready
            try:
                run(batch, ready.result())
            except RuntimeError as error:
                if not out_of_memory(error) or len(batch) == 1:
                    raise
                budget = max(budget // 2, 1)
                batch = batch_at(start)
                ready = ahead.submit(prepare, batch)
                continue
            start += len(batch)
            batch, ready = following, next_ready


def out_of_memory(error: RuntimeError) -> bool:
    """Tell whether accelerator or, in the allocator's words, main memory is exhausted."""
    return any(words in str(error) for words in ("out of memory", "not enough memory", "can't allocate memory"))
