"""The texts of pairs, each read once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.collections.text_view import TextView
from nirank.flow.pairs import Pairs


def read_pair_texts(
    pairs: Pairs, ctx: Context, query_view: TextView, doc_view: TextView
) -> tuple[list[str], list[str], NDArray[np.int64]]:
    """Return the distinct query and document texts of pairs, and each pair's positions in them, (n_pairs, 2)."""
    queries, q = np.unique(pairs.query_rows, return_inverse=True)
    docs, d = np.unique(pairs.rows, return_inverse=True)
    assert ctx.queries is not None and ctx.docs is not None
    query_texts = list(ctx.queries.read(query_view, queries))
    doc_texts = list(ctx.docs.read(doc_view, docs))
    ctx.count("empty_documents", sum(not text.strip() for text in doc_texts))
    return query_texts, doc_texts, np.stack((q, d), axis=1).astype(np.int64)
