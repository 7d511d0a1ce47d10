"""Batches by token budget: items of similar length together, halved when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

CPU_TOKENS = 4096  # padded tokens in a batch: what fits a CPU's cache
ACCELERATOR_TOKENS = 65_536


def token_budget(device: str, asked: int | None) -> int:
    """Return how many padded tokens a batch may have."""
    return asked or (CPU_TOKENS if device == "cpu" else ACCELERATOR_TOKENS)


def in_batches(
    lengths: NDArray[np.integer], rows: Sequence[int], budget: int, run: Callable[[list[int]], None]
) -> None:
    """Call `run` with rows of similar length, longest first.

    lengths  tokens of every row
    budget   padded tokens in a batch; halved, and the batch repeated, when memory runs out
    """
    order = sorted(rows, key=lambda row: (-int(lengths[row]), row))
    start = 0
    while start < len(order):
        longest = max(int(lengths[order[start]]), 1)
        batch = order[start : start + max(budget // longest, 1)]
        try:
            run(batch)
        except RuntimeError as error:
            if not out_of_memory(error) or len(batch) == 1:
                raise
            budget = max(budget // 2, 1)
            continue
        start += len(batch)


def out_of_memory(error: RuntimeError) -> bool:
    """Tell whether accelerator or, in the allocator's words, main memory is exhausted."""
    return any(words in str(error) for words in ("out of memory", "not enough memory", "can't allocate memory"))
