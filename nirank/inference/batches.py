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


def choose_token_budget(device: str, requested: int | None) -> int:
    """Return how many padded tokens a batch may have."""
    return requested or (CPU_TOKENS if device == "cpu" else ACCELERATOR_TOKENS)


def run_in_batches(
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

    def choose_batch(start: int) -> list[int]:
        longest = max(int(lengths[order[start]]), 1) if start < len(order) else 1
        return order[start : start + max(budget // longest, 1)]

    with ThreadPoolExecutor(1) as executor:
        start, batch = 0, choose_batch(0)
        ready = executor.submit(prepare, batch)
        while batch:
            following = choose_batch(start + len(batch))
            next_ready = executor.submit(prepare, following) if following else ready
            try:
                run(batch, ready.result())
            except RuntimeError as error:
                if not is_out_of_memory(error) or len(batch) == 1:
                    raise
                budget = max(budget // 2, 1)
                batch = choose_batch(start)
                ready = executor.submit(prepare, batch)
                continue
            start += len(batch)
            batch, ready = following, next_ready


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether an error says that memory, of an accelerator or main, is exhausted."""
    return any(words in str(error) for words in ("out of memory", "not enough memory", "can't allocate memory"))
