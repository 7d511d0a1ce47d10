"""What fusing scored lists has in common: which documents there are, and how contributions add up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.base.memory import fit_block_size
from nirank.flow.pairs import choose_row_type, merge_keys
from nirank.flow.ranking import Ranking

Float64 = NDArray[np.float64]
FuseLists = Callable[[Sequence[Ranking]], Ranking]

_BLOCK_PAIRS = 1 << 20  # of all lists together that are fused at a time,
_A_PAIR = 120  # each of so many bytes while it is


def fuse_by_blocks(lists: Sequence[Ranking], fuse_block: FuseLists, ctx: Context) -> Ranking:
    """Fuse lists some queries at a time: memory is that of the result, 12 bytes a pair, and one block.

    fuse_block  makes one list of those of some queries, in standard order; its depth does not count

    The result's depth is the shallowest list's: below it, a list that was cut might have had something to add.
    """
    first = lists[0]
    depths = {ranking.depth for ranking in lists}
    ctx.count("unequal_depths", sum(ranking.depth != _find_deepest(lists) for ranking in lists))
    counts: list[NDArray[np.int64]] = []
    rows: list[NDArray[np.integer]] = [np.empty(0, choose_row_type(len(first.docs)))]
    scores: list[NDArray[np.floating]] = [np.empty(0, np.float64)]
    for begin, end in _cut_into_blocks(np.sum([ranking.counts for ranking in lists], axis=0)):
        block = fuse_block([ranking.slice_queries(begin, end) for ranking in lists])
        counts.append(block.counts)
        rows.append(block.rows)
        scores.append(block.scores)
    offsets = np.append(0, np.cumsum(np.concatenate([np.empty(0, np.int64), *counts])))
    depth = min((known for known in depths if known is not None), default=None)
    return Ranking(first.queries, first.docs, offsets, np.concatenate(rows), np.concatenate(scores), depth)


def add_shares(
    lists: Sequence[Ranking], shares: Sequence[Float64], absent: Sequence[Float64], *, source: str
) -> Ranking:
    """Add up what each list gives a document, over all documents that any list has.

    lists   one or more rankings of the same queries
    shares  for each list (n_pairs,) float64: what it gives its own documents
    absent  for each list (n_queries,) float64: what it gives the documents that it lacks

    Contributions are added in order of size, so the order of `lists` cannot
    change a score, not even its last bit, and documents that tie on paper tie here.
    """
    first = lists[0]
    keys = merge_keys([ranking.keys for ranking in lists])
    q, d = np.divmod(keys, max(len(first.docs), 1))
    table = np.empty((len(lists), len(keys)), np.float64)
    for row, ranking, share, missing in zip(table, lists, shares, absent, strict=True):
        row[:] = missing[q]
        row[np.searchsorted(keys, ranking.keys)] = share
    table.sort(axis=0)
    scores = np.zeros(len(keys))
    for row in table:
        scores += row
    return Ranking.build(first.queries, first.docs, q, d, scores, source=source)


def _cut_into_blocks(counts: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Cut queries with so many pairs into blocks, each of one query at least."""
    most = fit_block_size(_BLOCK_PAIRS, _A_PAIR)
    ends, begin = np.cumsum(counts), 0
    while begin < len(counts):
        before = int(ends[begin - 1]) if begin else 0
        end = max(int(np.searchsorted(ends, before + most, side="right")), begin + 1)
        yield begin, end
        begin = end


def _find_deepest(lists: Sequence[Ranking]) -> int | None:
    depths = [ranking.depth for ranking in lists]
    return None if None in depths else max(depths)  # type: ignore[type-var]
