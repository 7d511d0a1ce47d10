"""Keep the best pairs of parts of each query and document."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.stage import Combiner, option, stage
from nirank.base.memory import MemoryNeed, Sizes
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.pairs import Rows
from nirank.flow.ranking import Ranking

_A_PAIR = 64  # bytes: its whole query and document as a key, what it is sorted by, its place, and all of that sorted


@stage
class BestParts(Combiner):
    """Keep each document's best parts: `fold(Windows(200), BM25(k=5000) >> BestParts(3) >> CrossEncoder(model))`.

    Inside `fold` a list is of parts: of documents, of queries (`side="queries"`), or of both. Of each whole query and
    whole document the n pairs of parts with the greatest scores stay, so a scorer behind reads at most n pairs for a
    document, however long both are. Of equal scores the list's order decides, then that of the query's parts. A list of
    whole documents for whole queries stays as it is.
    """

    n: int = option(default=3, help="how many pairs of parts a query and a document keep")

    name = "best_parts"

    def check(self) -> None:
        if self.n < 1:
            raise ConfigError(f"best_parts: n must be 1 or more, got {self.n}")

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return MemoryNeed(_A_PAIR * sizes.listed_pairs)

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        ranking = lists[0]
        assert ctx.queries is not None and ctx.docs is not None
        queries, docs = _find_wholes(ctx.queries), _find_wholes(ctx.docs)
        n_docs = int(docs.max(initial=0)) + 1
        keys = queries[ranking.query_rows].astype(np.int64) * n_docs + docs[ranking.rows]
        order = np.lexsort((ranking.query_rows, ranking.ranks, -np.asarray(ranking.scores, np.float64), keys))
        starts = np.searchsorted(keys[order], keys[order])
        keep = np.zeros(len(keys), np.bool_)
        keep[order] = np.arange(len(keys)) - starts < self.n
        ctx.count("parts_left_out", int((~keep).sum()))
        kept = ranking.select(keep)
        was_cut = ranking.counts >= (np.inf if ranking.depth is None else ranking.depth)
        depth = max(int(kept.counts[was_cut].min()), 1) if was_cut.any() else None
        return Ranking(kept.queries, kept.docs, kept.offsets, kept.rows, kept.scores, depth)


def _find_wholes(texts: Texts) -> Rows:
    """Return the row of what each text is a part of; its own where it is whole."""
    return np.arange(len(texts)) if texts.parents is None else np.asarray(texts.parents)
