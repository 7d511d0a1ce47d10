"""The tail of a list whose head was ranked anew."""

from __future__ import annotations

import numpy as np

from nirank.flow.ranking import Ranking


def append_tail(head: Ranking, ranking: Ranking, depth: int) -> Ranking:
    """Append what lies below `depth` in a ranking, with scores that continue below the head's least."""
    below = ranking.ranks > depth
    tail_q, tail_rows, tail_ranks = ranking.query_rows[below], ranking.rows[below], ranking.ranks[below]
    least = head.scores[head.offsets[1:][tail_q] - 1].astype(np.float64)
    # One unit a rank, or more where the type is so coarse at this size that a unit would vanish.
    step = np.maximum(1.0, 4 * np.spacing((np.abs(least) + len(ranking)).astype(head.scores.dtype)).astype(np.float64))
    tail_scores = (least - step * (tail_ranks - depth)).astype(head.scores.dtype)
    return Ranking.build(
        ranking.queries,
        ranking.docs,
        np.concatenate((head.query_rows, tail_q)),
        np.concatenate((head.rows, tail_rows)),
        np.concatenate((head.scores, tail_scores)),
        source="tail",
        depth=ranking.depth,
    )
