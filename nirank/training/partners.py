"""Partners: records that match through others, so that no pair of them is a non-match."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nirank.collections.texts import Texts
from nirank.flow.pairs import concatenate_ranges

Rows = NDArray[np.int64]
_MOST = 1_000_000  # pairs of one entity that are listed; of more, a batch knows the labelled ones only


@dataclass(frozen=True, eq=False)
class Partners:
    """The entity of every record, as known matches tell: records of one text, and all that matches join, are one.

    queries, docs  (n_queries,) and (n_docs,) int64 entities; None where what is relevant does not join anything: two
                   queries with one relevant document are not the same query
    """

    queries: Rows | None = None
    docs: Rows | None = None

    @classmethod
    def of(cls, queries: Texts, docs: Texts, known: Rows, kind: str | None) -> Partners:
        """Find the entities.

        known  (n, 2) matching pairs as rows
        kind   'tables' where queries and documents are two tables of records, 'table' where they are one, else None
        """
        if kind is None:
            return cls()
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        sides = (np.asarray(queries.fingerprints), np.asarray(docs.fingerprints))
        n = len(queries) + len(docs)
        records = np.zeros(n, [("side", np.int64), ("print", np.uint64), ("row", np.int64)])
        records["print"] = np.concatenate(sides)
        if kind == "tables":
            records["side"][len(queries) :] = 1
        blank = np.flatnonzero(records["print"] == 0)
        records["row"][blank] = 1 + blank  # blank records are not one
        _, node = np.unique(records, return_inverse=True)
        query_nodes, doc_nodes = node[: len(queries)].astype(np.int64), node[len(queries) :].astype(np.int64)
        edges = (query_nodes[known[:, 0]], doc_nodes[known[:, 1]])
        graph = coo_array((np.ones(len(known), np.int8), edges), shape=(n, n))
        _, entity = connected_components(graph, directed=False)
        return cls(entity[query_nodes].astype(np.int64), entity[doc_nodes].astype(np.int64))

    def __bool__(self) -> bool:
        return self.queries is not None

    def are_linked(self, q: Rows, d: Rows) -> NDArray[np.bool_]:
        """Tell which pairs are of one entity, (n,)."""
        if self.queries is None or self.docs is None:
            return np.zeros(len(q), np.bool_)
        return np.asarray(self.queries[q] == self.docs[d])

    def add_known(self, known: Rows, counts: dict[str, int]) -> Rows:
        """Return known pairs, and every other pair of their records that is of one entity."""
        if self.queries is None or self.docs is None or not len(known):
            return known
        q, d = np.unique(known[:, 0]), np.unique(known[:, 1])
        d = d[np.argsort(self.docs[d], kind="stable")]
        starts = np.searchsorted(self.docs[d], self.queries[q])
        lengths = np.searchsorted(self.docs[d], self.queries[q], "right") - starts
        asking = np.bincount(self.queries[q], minlength=int(self.queries.max()) + 1)[self.queries[q]]
        lengths = np.where(lengths * asking > _MOST, 0, lengths)
        linked = np.column_stack((np.repeat(q, lengths), d[concatenate_ranges(starts, lengths)]))
        joined = np.unique(np.concatenate((known, linked)), axis=0)
        counts["matches through partners"] = len(joined) - len(known)
        return joined
