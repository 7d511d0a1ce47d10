"""Citations among documents: co-citation, bibliographic coupling, and a random walk with restart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from nirank.flow.pairs import concatenate_ranges

Direction = Literal["cited", "citing", "both"]
_TOLERANCE = 1e-12  # of the sum of all changes; with a restart of c the steps needed are log(tolerance) / log(1 - c)


class CitationGraph:
    """Which documents cite which.

    offsets, rows  document i cites rows[offsets[i]:offsets[i + 1]], each once, itself never
    """

    def __init__(self, offsets: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        self.offsets, self.rows = offsets, rows

    @classmethod
    def of(cls, cited: Sequence[Sequence[int]]) -> Self:
        """Make a graph of the rows that each document cites, repeats and itself left out."""
        lists = [sorted(set(rows) - {row}) for row, rows in enumerate(cited)]
        offsets = np.concatenate(([0], np.cumsum([len(rows) for rows in lists], dtype=np.int64)))
        return cls(offsets.astype(np.int64), np.array([row for rows in lists for row in rows], np.int64))

    def __len__(self) -> int:
        """Return how many documents there are."""
        return len(self.offsets) - 1

    @cached_property
    def _citing(self) -> CitationGraph:
        """The same citations, from cited to citing."""
        order = np.argsort(self.rows, kind="stable")
        ends = np.searchsorted(self.rows[order], np.arange(len(self) + 1)).astype(np.int64)
        return CitationGraph(ends, self._sources[order])

    @cached_property
    def _sources(self) -> NDArray[np.int64]:
        return np.repeat(np.arange(len(self), dtype=np.int64), np.diff(self.offsets))

    def _list_neighbours(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        return self.rows[concatenate_ranges(self.offsets[rows], lengths)]

    def _count_allowed(self, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return how many allowed neighbours each document has, (n_docs,)."""
        sums = np.concatenate(([0], np.cumsum(allowed[self.rows])))
        return np.asarray(sums[self.offsets[1:]] - sums[self.offsets[:-1]], np.int64)

    def couple(self, cited: NDArray[np.int64], allowed: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return each document's bibliographic coupling with a text that cites some documents, (n_docs,).

        |C(q) ∩ C(d)| / √(|C(q)| · |C(d)|), C(x) the allowed documents that x cites. Others have no score.
        """
        cited = cited[allowed[cited]]
        shared = np.bincount(self._citing._list_neighbours(cited), minlength=len(self)).astype(np.float64)
        return _divide(shared, np.sqrt(len(cited) * self._count_allowed(allowed)), allowed)

    def co_cite(self, cited: NDArray[np.int64], allowed: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return each document's mean co-citation with the documents that a text cites, (n_docs,).

        Of two documents: |Z(c) ∩ Z(d)| / √(|Z(c)| · |Z(d)|), Z(x) the allowed documents that cite x.
        """
        cited = cited[allowed[cited]]
        sizes = self._citing._count_allowed(allowed)
        total = np.zeros(len(self))
        for row in cited.tolist():
            citing = self._citing.rows[self._citing.offsets[row] : self._citing.offsets[row + 1]]
            citing = citing[allowed[citing]]
            shared = np.bincount(self._list_neighbours(citing), minlength=len(self)).astype(np.float64)
            total += _divide(shared, np.sqrt(sizes[row] * sizes), allowed)
        return total / max(len(cited), 1)

    def walk(
        self, start: NDArray[np.float64], allowed: NDArray[np.bool_], restart: float, direction: Direction
    ) -> NDArray[np.float64]:
        """Return how often a random walk is at each document, (n_docs,), summing to 1.

        p ← (1 - c) · A p + c · p₀ until it stands still. A goes from a document to each that it cites, or that cites
        it, alike; from one without such neighbours, and whenever it restarts, the walk goes to p₀.

        start    p₀, (n_docs,), summing to 1 over allowed documents
        restart  c, above 0
        """
        from scipy.sparse import csr_matrix

        kept = allowed[self._sources] & allowed[self.rows]
        sources, targets = self._sources[kept], self.rows[kept]
        if direction == "citing":
            sources, targets = targets, sources
        elif direction == "both":
            sources, targets = np.concatenate((sources, targets)), np.concatenate((targets, sources))
        degrees = np.bincount(sources, minlength=len(self)).astype(np.float64)
        shape = (len(self), len(self))
        steps = csr_matrix((1 / degrees[sources], (targets, sources)), shape=shape)
        dangling = degrees == 0
        p = start
        while True:
            following = (1 - restart) * (steps @ p + p[dangling].sum() * start) + restart * start
            if np.abs(following - p).sum() < _TOLERANCE:
                return np.asarray(following)
            p = following

    def save(self, folder: Path) -> None:
        """Write the arrays."""
        np.save(folder / "offsets.npy", self.offsets)
        np.save(folder / "rows.npy", self.rows)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map what `save` wrote."""
        return cls(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("offsets", "rows")))


def _divide(
    shared: NDArray[np.float64], sizes: NDArray[np.floating], allowed: NDArray[np.bool_]
) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = np.zeros(len(shared))
    np.divide(shared, sizes, out=scores, where=allowed & (sizes > 0) & (shared > 0))
    return scores
