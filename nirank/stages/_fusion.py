"""What fusing scored lists has in common: which documents there are, and how contributions add up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nirank.context import Context
from nirank.ranking import Ranking

Float64 = NDArray[np.float64]


def fuse(
    lists: Sequence[Ranking], shares: Sequence[Float64], absent: Sequence[Float64], ctx: Context, *, source: str
) -> Ranking:
    """Add up what each list gives a document, over all documents that any list has.

    lists   one or more rankings of the same queries
    shares  for each list (n_pairs,) float64: what it gives its own documents
    absent  for each list (n_queries,) float64: what it gives the documents that it lacks

    The result's depth is the shallowest input's: below it, a list that was cut might have had
    something to add. Contributions are added in order of size, so the order of `lists` cannot
    change a score, not even its last bit, and documents that tie on paper tie here.
    """
    first = lists[0]
    depths = {one.depth for one in lists}
    ctx.count("unequal_depths", sum(one.depth != _deepest(lists) for one in lists))
    keys = np.unique(np.concatenate([one.keys for one in lists]))
    q, d = np.divmod(keys, max(len(first.docs), 1))
    table = np.empty((len(lists), len(keys)), np.float64)
    for row, one, share, missing in zip(table, lists, shares, absent, strict=True):
        row[:] = missing[q]
        row[np.searchsorted(keys, one.keys)] = share
    scores = np.zeros(len(keys))
    for row in np.sort(table, axis=0):
        scores += row
    fused = Ranking.build(first.queries, first.docs, q, d, scores, source=source)
    depth = min((one for one in depths if one is not None), default=None)
    return Ranking(fused.queries, fused.docs, fused.offsets, fused.rows, fused.scores, depth)


def _deepest(lists: Sequence[Ranking]) -> int | None:
    depths = [one.depth for one in lists]
    return None if None in depths else max(depths)  # type: ignore[type-var]
