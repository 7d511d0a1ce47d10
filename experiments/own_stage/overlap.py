"""A stage of one's own: 25 lines, outside nirank, added by an entry point."""

import numpy as np

from nirank import Context, Pairs, Scorer, option, stage
from nirank.collections.text_view import TextView


@stage
class Overlap(Scorer):
    """Score a pair by the share of the query's words that the document contains."""

    lower: bool = option(default=True, help="ignore case")

    name = "overlap"

    def score(self, pairs: Pairs, ctx: Context) -> np.ndarray:
        view = TextView(("title", "text"))
        words = [set((t.lower() if self.lower else t).split()) for t in ctx.queries.read(view)]
        rows, at = np.unique(pairs.rows, return_inverse=True)
        docs = [set((t.lower() if self.lower else t).split()) for t in ctx.docs.read(view, rows)]
        shares = [len(words[q] & docs[d]) / max(len(words[q]), 1) for q, d in zip(pairs.query_rows, at, strict=True)]
        return np.array(shares, np.float32)
