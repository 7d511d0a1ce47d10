"""Scope: which documents each query may be given."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nirank.ids import Ids
from nirank.pairs import Pairs, Rows


@dataclass(frozen=True, eq=False)
class Scope:
    """What retrieval may return: everything, one mask for all queries, listed pairs, or all of these at once.

    queries, docs  id tables of the two sides
    mask           (n_docs,) bool, the documents that every query may see; None: all
    pairs          the documents that each query may see; None: all
    own            (n_queries,) document row of each query's own document, never returned; -1: none
    """

    queries: Ids
    docs: Ids
    mask: NDArray[np.bool_] | None = None
    pairs: Pairs | None = None
    own: NDArray[np.integer] | None = None

    def __and__(self, other: Scope) -> Scope:
        """Return the scope that allows what both allow."""
        if self.own is not None and other.own is not None:
            raise ValueError("two scopes each name an own document")
        masks = [scope.mask for scope in (self, other) if scope.mask is not None]
        pairs = [scope.pairs for scope in (self, other) if scope.pairs is not None]
        return Scope(
            self.queries,
            self.docs,
            masks[0] & masks[1] if len(masks) == 2 else next(iter(masks), None),
            pairs[0].intersection(pairs[1]) if len(pairs) == 2 else next(iter(pairs), None),
            other.own if self.own is None else self.own,
        )

    @cached_property
    def open_rows(self) -> NDArray[np.int64] | None:
        """Rows that the mask leaves, ascending; None: no mask."""
        return None if self.mask is None else np.flatnonzero(self.mask)

    def rows(self, query: int) -> Rows | None:
        """Return the rows that one query may see, ascending; None: every document.

        The query's own document is already taken out.
        """
        own = -1 if self.own is None else int(self.own[query])
        if self.pairs is not None:
            rows: Rows = np.sort(self.pairs.of(query))
            if self.mask is not None:
                rows = rows[self.mask[rows]]
        elif self.open_rows is not None:
            rows = self.open_rows
        elif own >= 0:
            return np.delete(np.arange(len(self.docs)), own)
        else:
            return None
        return rows[rows != own] if own >= 0 else rows

    def allows(self, query_rows: Rows, doc_rows: Rows) -> NDArray[np.bool_]:
        """Tell for each (query, document) whether it is inside."""
        inside = np.ones(len(doc_rows), np.bool_)
        if self.mask is not None:
            inside &= self.mask[doc_rows]
        if self.pairs is not None:
            inside &= self.pairs.contains(query_rows, doc_rows)
        if self.own is not None:
            inside &= self.own[query_rows] != doc_rows
        return inside

    def counts(self) -> NDArray[np.int64]:
        """Return how many documents each query may see, (n_queries,) int64."""
        if self.pairs is not None:
            inside = self.pairs.select(self.allows(self.pairs.query_rows, self.pairs.rows))
            return inside.counts
        found = np.full(len(self.queries), len(self.docs) if self.open_rows is None else len(self.open_rows))
        if self.own is not None:
            has = np.flatnonzero(np.asarray(self.own) >= 0)
            found[has] -= 1 if self.mask is None else self.mask[self.own[has]]
        return found

    def everything(self) -> Pairs:
        """Return all allowed pairs; the size is queries × documents where nothing restricts them."""
        listed = [self.rows(query) for query in range(len(self.queries))]
        full = np.arange(len(self.docs))
        rows = [full if one is None else one for one in listed]
        offsets = np.concatenate(([0], np.cumsum([len(one) for one in rows])))
        return Pairs(self.queries, self.docs, offsets, np.concatenate(rows) if rows else full[:0])

    def save(self, folder: Path) -> None:
        """Write what restricts: `mask.npy`, `own.npy`, `pairs/`."""
        if self.mask is not None:
            np.save(folder / "mask.npy", self.mask)
        if self.own is not None:
            np.save(folder / "own.npy", self.own)
        if self.pairs is not None:
            (folder / "pairs").mkdir()
            self.pairs.save(folder / "pairs")

    @classmethod
    def open(cls, folder: Path, queries: Ids, docs: Ids) -> Scope:
        """Map what `save` wrote."""
        mask, own, pairs = folder / "mask.npy", folder / "own.npy", folder / "pairs"
        return cls(
            queries,
            docs,
            np.load(mask) if mask.exists() else None,
            Pairs.open(pairs, queries, docs) if pairs.exists() else None,
            np.load(own) if own.exists() else None,
        )
