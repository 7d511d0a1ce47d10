"""How many tokens texts have, counted once: truncation is reported even where nothing is computed again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.base.memo import Keys
from nirank.inference.remembered import compute_locally, compute_missing_pairs, split_by_number

_SHARD_TEXTS = 4096


def count_text_tokens(
    texts: Sequence[str], keys: Keys, count: Callable[[list[str]], list[int]], space: Mapping[str, Any], ctx: Context
) -> NDArray[np.int64]:
    """Return how many tokens each text has, before any is cut; from a memo where it knows.

    keys   the texts' own
    count  what counts: texts → numbers
    space  what the numbers depend on beside the text
    """
    kind = np.dtype("<u4")

    def compute(shard: NDArray[np.int64]) -> NDArray[np.uint32]:
        return np.array(count([texts[row] for row in shard.tolist()]), kind)

    memo = ctx.open_memo({"tokens": dict(space)}, kind)
    separate = Context()  # counts are not among the items that are scored
    return compute_missing_pairs(
        keys, memo, partial(split_by_number, _SHARD_TEXTS), compute_locally(compute), kind, separate
    ).astype(np.int64)
