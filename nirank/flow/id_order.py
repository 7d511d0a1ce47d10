"""The byte order of very many ids, found block by block: memory is one block's, however many there are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

BLOCK = 1 << 19  # ids sorted at a time, roughly
_SAMPLED = 64  # ids of a block that are looked at to find where blocks should end


def iterate_order(strings: pa.ChunkedArray) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of ids in ascending byte order, a block at a time; equal ids are in one block, in row order.

    Each block is collected by a scan of all ids, which costs little beside sorting it: ten scans for ten millions.
    """
    column = strings.cast(pa.large_binary())
    ends = _choose_ends(column)
    for low, high in zip([None, *ends], [*ends, None], strict=True):
        rows, ids = _select_between(column, low, high)
        yield rows[np.asarray(pc.sort_indices(ids), np.int64)]


def _choose_ends(column: pa.ChunkedArray) -> list[pa.Scalar]:
    """Return the ids before which blocks end, ascending and distinct: every so many of an evenly spaced sample."""
    n_blocks = -(-len(column) // BLOCK)
    at = np.linspace(0, len(column) - 1, n_blocks * _SAMPLED).astype(np.int64) if n_blocks > 1 else ()
    sample = sorted(column[row].as_py() for row in at)
    return [pa.scalar(end, pa.large_binary()) for end in dict.fromkeys(sample[_SAMPLED::_SAMPLED])]


def _select_between(
    column: pa.ChunkedArray, low: pa.Scalar | None, high: pa.Scalar | None
) -> tuple[NDArray[np.int64], pa.ChunkedArray]:
    """Return the ids from `low` to below `high`, and their rows, ascending; None: no bound."""
    if low is None and high is None:
        return np.arange(len(column)), column
    rows, parts, start = [], [], 0
    for chunk in column.chunks:
        inside = True if low is None else pc.greater_equal(chunk, low)
        if high is not None:
            below = pc.less(chunk, high)
            inside = below if low is None else pc.and_(inside, below)
        found = np.flatnonzero(np.asarray(inside))
        rows.append(found + start)
        parts.append(chunk.take(pa.array(found)))
        start += len(chunk)
    return np.concatenate(rows), pa.chunked_array(parts, pa.large_binary())
