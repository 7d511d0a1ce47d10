"""The documents that may be among the k best of some queries, while blocks of rough scores pass by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nirank.flow.ids import Ids
from nirank.flow.pairs import choose_row_type
from nirank.flow.ranking import make_sort_keys, select_best_pairs
from nirank.inference.blocks import list_hits
from nirank.inference.similarity import Vectors

Hits = tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.floating]]  # places of queries, rows, scores
Scorer = Callable[[NDArray[np.integer], NDArray[np.integer]], Vectors]  # places of queries and rows of documents

_MIN_SCORE = np.finfo(np.float32).min
_SAMPLE = 1024  # the first bound of a query comes from so many documents, or four times k
_SPARE = 1024  # candidates beyond k that a query may have before they are scored


class Candidates:
    """Candidates of a block of queries, in flat arrays.

    A document whose rough score is more than two margins below the k-th best rough score has an exact score below the
    k-th best exact one. `bounds` are the least rough scores that still count, one a query; they only rise.

    margins  (n_queries,) how far a rough and an exact score can lie apart, the greatest so far
    score    gives exact scores; what is scored so early is what rounding leaves open, as copies of a document are
    """

    def __init__(self, n_queries: int, docs: Ids, k: int, score: Scorer) -> None:
        self.docs, self.k, self.score = docs, k, score
        self.margins = np.zeros(n_queries)
        self.bounds = np.full((n_queries, 1), _MIN_SCORE, np.float32)
        self._row_type = choose_row_type(len(docs))
        nothing = np.empty(0, np.int64), np.empty(0, self._row_type), np.empty(0, np.float32)
        self._parts: list[Hits] = [nothing]
        self._count, self._limit = 0, 2 * n_queries * k

    def add(self, rough: Vectors, rows: NDArray[np.int64], margins: NDArray[np.float64]) -> None:
        """Add what counts of a block's (n_queries, n_docs) rough scores; minus infinity is no candidate."""
        np.maximum(self.margins, margins, out=self.margins)
        width = min(rough.shape[1], max(_SAMPLE, 4 * self.k))
        new = np.flatnonzero(self.bounds[:, 0] == _MIN_SCORE)
        if len(new) and width > self.k:
            sample = rough[:, :width] if len(new) == len(rough) else rough[new, :width]
            self._raise_bounds(new, np.partition(sample, width - self.k, axis=1)[:, width - self.k], 2)
        for at, columns in list_hits(rough >= self.bounds):
            self._parts.append((at, rows[columns].astype(self._row_type), rough[at, columns]))
            self._count += len(at)
            if self._count > self._limit:
                self._prune()

    def take_best(self) -> Hits:
        """Return each query's k best in standard order: places of queries, rows of documents, exact scores."""
        self._prune()
        at, rows, _ = self._parts.pop()
        return select_best_pairs(self.docs, at, rows, self.score(at, rows), self.k)

    def _raise_bounds(self, queries: NDArray[np.int64], kth_scores: Vectors, margins: int) -> None:
        lowest = kth_scores.astype(np.float64) - margins * self.margins[queries]
        bounds = np.nextafter(lowest.astype(np.float32), np.float32(-np.inf))
        self.bounds[queries, 0] = np.maximum(self.bounds[queries, 0], bounds)

    def _prune(self) -> None:
        """Drop what cannot be among the best any more; where much is left, score it."""
        at, rows, scores = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        order = np.argsort(make_sort_keys(at, scores))
        at, rows, scores = at[order], rows[order], scores[order]
        starts = np.searchsorted(at, np.arange(len(self.bounds) + 1))
        full = np.flatnonzero(np.diff(starts) >= self.k)
        self._raise_bounds(full, scores[starts[full] + self.k - 1], 2)
        kept = np.flatnonzero(scores >= self.bounds[at, 0])
        at, rows, scores = at[kept], rows[kept], scores[kept]
        is_crowded = np.bincount(at, minlength=len(self.bounds)) > self.k + _SPARE
        if is_crowded.any():
            open_pairs = is_crowded[at]
            crowd_at, crowd_rows = at[open_pairs], rows[open_pairs]
            best = select_best_pairs(self.docs, crowd_at, crowd_rows, self.score(crowd_at, crowd_rows), self.k)
            crowded = np.flatnonzero(is_crowded)
            self._raise_bounds(crowded, best[2][self.k - 1 :: self.k], 1)
            rest = at[~open_pairs], rows[~open_pairs], scores[~open_pairs]
            at, rows, scores = (np.concatenate(pair) for pair in zip(rest, best, strict=True))
        self._parts = [(at, rows, scores)]
        self._count, self._limit = len(at), 2 * len(at) + len(self.bounds)
