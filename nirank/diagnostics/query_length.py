"""D7, length: scores by how long queries are, and by how much of them an encoder sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.diagnostics.lists import JudgedLists, Part, average_part, measure_queries
from nirank.flow.ranking import Ranking

_SHARES = ((0.0, 0.1), (0.1, 0.25), (0.25, 0.5), (0.5, 1.0))  # of a query that an encoder sees, to below the second


@dataclass(frozen=True)
class LengthProfile:
    """Means by quartile of query length in words, and by the share of the query's tokens that an encoder reads.

    encoder   whose tokens are counted, and its limit; '' where the system has none
    seen      mean share of a query that it reads; None without one
    by_share  parts without queries are left out
    """

    by_length: tuple[Part, ...]
    encoder: str = ""
    seen: float | None = None
    by_share: tuple[Part, ...] = ()


def profile_length(
    judged: JudgedLists, ranking: Ranking, encoder: str = "", shares: NDArray[np.float64] | None = None
) -> LengthProfile:
    """Measure lists by the lengths of their queries.

    shares  of each query that the encoder reads, (n_queries,) to 1
    """
    values = measure_queries(ranking, judged.qrels)
    counted = ~np.isnan(next(iter(values.values())))
    texts = judged.queries.read(TextView(TITLE_AND_TEXT), np.arange(len(judged.queries)))
    words = np.array([len(text.split()) for text in texts], np.int64)
    by_length = tuple(
        average_part(f"{words[part].min():,} to {words[part].max():,} words", values, part)
        for part in _cut_quartiles(words, counted)
    )
    if shares is None:
        return LengthProfile(by_length)
    parts = [(f"{low:.0%} to below {high:.0%}", (shares >= low) & (shares < high)) for low, high in _SHARES]
    parts.append(("all of it", shares >= 1))
    by_share = tuple(average_part(name, values, inside) for name, inside in parts if (inside & counted).any())
    seen = float(shares[counted].mean()) if counted.any() else None
    return LengthProfile(by_length, encoder, seen, by_share)


def _cut_quartiles(words: NDArray[np.int64], counted: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Return the four quarters of the queries that count, from the shortest on; fewer where there are fewer queries."""
    order = np.flatnonzero(counted)[np.argsort(words[counted], kind="stable")]
    parts = []
    for rows in np.array_split(order, 4):
        if len(rows):
            parts.append(np.zeros(len(words), np.bool_))
            parts[-1][rows] = True
    return parts
