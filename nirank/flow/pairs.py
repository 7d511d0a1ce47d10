"""Pairs: for each query, a set of documents. Candidates, scopes, pools and LSH buckets are Pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nirank.base.identity import Digester
from nirank.errors import DataError, StageError, StoreError
from nirank.flow.ids import Ids, as_id

Rows = NDArray[np.integer]


def choose_row_type(count: int) -> type[np.signedinteger]:
    """Return the integer type that holds `count` rows: int32, past 2^31 int64."""
    return np.int64 if count > np.iinfo(np.int32).max else np.int32


def concatenate_ranges(starts: NDArray[np.integer], lengths: NDArray[np.integer]) -> NDArray[np.int64]:
    """Concatenate the ranges start … start+length-1 into one index array."""
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if len(ends) else 0
    positions: NDArray[np.int64] = np.arange(total, dtype=np.int64) + np.repeat(starts - (ends - lengths), lengths)
    return positions


class Pairs:
    """For each query row a set of document rows, in ascending row order.

    queries, docs  id tables of the two sides
    offsets        (n_queries + 1,) int64; query q owns rows[offsets[q]:offsets[q + 1]]
    rows           (n_pairs,) int32 (int64 past 2^31 documents)

    Immutable. A query without documents stays, with zero rows. Build with `Pairs.build`,
    which sorts and checks; the constructor trusts its arguments.
    """

    def __init__(self, queries: Ids, docs: Ids, offsets: Rows, rows: Rows) -> None:
        self.queries = queries
        self.docs = docs
        self.offsets: NDArray[np.int64] = np.asarray(offsets, np.int64)
        self.rows: Rows = np.asarray(rows, choose_row_type(len(docs)))

    @classmethod
    def build(cls, queries: Ids, docs: Ids, query_rows: Rows, doc_rows: Rows, *, source: str) -> Pairs:
        """Sort loose pairs into order; raise StageError, naming `source`, for a pair given twice."""
        order = np.lexsort((doc_rows, query_rows))
        q, d = np.asarray(query_rows)[order], np.asarray(doc_rows)[order]
        check_rows(queries, docs, q, d, source)
        refuse_repeats(queries, docs, q, d, source)
        return cls(queries, docs, compute_offsets(q, len(queries)), d)

    @classmethod
    def from_ids(cls, queries: Ids, docs: Ids, pairs: Mapping[str, Iterable[str]], *, source: str) -> Pairs:
        """Make Pairs from ids; raise DataError for an id that a side does not have."""
        flat = [(query, doc) for query, documents in pairs.items() for doc in documents]
        q = require_rows(queries, [query for query, _ in flat], f"{source}: query")
        d = require_rows(docs, [doc for _, doc in flat], f"{source}: document")
        return cls.build(queries, docs, q, d, source=source)

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.rows)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Documents of each query, (n_queries,) int64."""
        return np.diff(self.offsets)

    @cached_property
    def query_rows(self) -> NDArray[np.int64]:
        """The query row of every pair, (n_pairs,) int64."""
        return np.repeat(np.arange(len(self.queries)), self.counts)

    def get_query_rows(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the query row of the pairs at some places, without making those of all pairs."""
        return np.searchsorted(self.offsets, at, side="right") - 1

    @cached_property
    def keys(self) -> NDArray[np.int64]:
        """One integer a pair, query row × n_docs + document row; equal pairs have equal keys."""
        return self.query_rows * max(len(self.docs), 1) + self.rows

    def get_rows(self, query: int) -> Rows:
        """Return the document rows of one query."""
        return self.rows[self.offsets[query] : self.offsets[query + 1]]

    def slice_queries(self, first: int, last: int) -> Self:
        """Return the pairs of the queries from row `first` to below `last`, over these queries; nothing is copied."""
        begin, end = int(self.offsets[first]), int(self.offsets[last])
        some = self._replace(self.offsets[first : last + 1] - begin, self.rows[begin:end], slice(begin, end))
        some.queries = self.queries.slice_rows(first, last)
        return some

    def drop_caches(self) -> None:
        """Give up what was worked out of the arrays, 16 bytes a pair; it is worked out again where it is asked for."""
        for name in ("query_rows", "keys"):
            vars(self).pop(name, None)

    def take(self, query_rows: Rows, queries: Ids) -> Self:
        """Return the pairs of some queries, any of them twice too; `queries` is their table, in the same order."""
        lengths = self.counts[query_rows]
        at = concatenate_ranges(self.offsets[query_rows], lengths)
        taken = self._replace(np.concatenate(([0], np.cumsum(lengths))), self.rows[at], at)
        taken.queries = queries
        return taken

    def select(self, keep: NDArray[np.bool_]) -> Self:
        """Return the pairs where `keep`, (n_pairs,) bool, is true, in the same order."""
        kept = np.concatenate(([0], np.cumsum(keep)))
        return self._replace(kept[self.offsets], self.rows[keep], keep)

    def _replace(self, offsets: Rows, rows: Rows, at: NDArray[np.bool_] | Rows | slice) -> Self:
        """Make the same kind of value with other pairs; `at` selects what goes along with each pair."""
        return type(self)(self.queries, self.docs, offsets, rows)

    def take_doc_range(self, first: int, last: int, docs: Ids) -> Pairs:
        """Return the pairs of the documents from row `first` to below `last`, without scores; `docs` is their table."""
        pairs = self.drop_scores() if type(self) is not Pairs else self
        inside = pairs.select((pairs.rows >= first) & (pairs.rows < last))
        return Pairs(pairs.queries, docs, inside.offsets, inside.rows - first)

    def contains(self, query_rows: Rows, doc_rows: Rows) -> NDArray[np.bool_]:
        """Tell for each (query, document) whether it is among the pairs."""
        wanted = np.asarray(query_rows, np.int64) * max(len(self.docs), 1) + doc_rows
        keys = self.keys if type(self) is Pairs else np.sort(self.keys)
        if not len(keys):
            return np.zeros(len(wanted), np.bool_)
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.asarray(keys[at] == wanted)

    def drop_scores(self) -> Pairs:
        """Return the same pairs as plain Pairs, without scores or order."""
        order = np.argsort(self.keys, kind="stable")
        return Pairs(self.queries, self.docs, self.offsets, self.rows[order])

    def transpose(self) -> Pairs:
        """Return the same pairs with queries and documents in each other's place."""
        order = np.lexsort((self.query_rows, self.rows))
        return Pairs(
            self.docs,
            self.queries,
            compute_offsets(np.asarray(self.rows)[order], len(self.docs)),
            self.query_rows[order],
        )

    def count_unpaired(self) -> tuple[int, int]:
        """Return how many queries have no pair, and how many documents."""
        paired = np.zeros(len(self.docs), np.bool_)
        paired[self.rows] = True
        return int((self.counts == 0).sum()), int((~paired).sum())

    def union(self, *others: Pairs) -> Pairs:
        """Return the pairs that are in any; all are sorted once, however many there are."""
        return self._from_keys(merge_keys([self.keys, *(other.keys for other in others)]))

    def intersection(self, other: Pairs) -> Pairs:
        """Return the pairs that are in both."""
        return self._from_keys(np.intersect1d(self.keys, other.keys, assume_unique=True))

    def _from_keys(self, keys: NDArray[np.int64]) -> Pairs:
        q, d = np.divmod(keys, max(len(self.docs), 1))
        return Pairs(self.queries, self.docs, compute_offsets(q, len(self.queries)), d)

    @cached_property
    def digest(self) -> str:
        """Content digest: of the ids of both sides' pairs, independent of how the sides are numbered otherwise."""
        running = Digester()
        for query, documents in self.to_dict().items():
            running.add([query, sorted(documents)])
        return running.hexdigest()

    def to_dict(self) -> dict[str, list[str]]:
        """Return {query id: [document ids]}, in this value's order."""
        ids = self.docs.take(self.rows)
        return {query: ids[self.offsets[i] : self.offsets[i + 1]] for i, query in enumerate(self.queries)}

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self._equals(other)

    __hash__ = None  # type: ignore[assignment]

    def _equals(self, other: object) -> bool:
        return (
            isinstance(other, Pairs)
            and self.queries == other.queries
            and self.docs == other.docs
            and np.array_equal(self.offsets, other.offsets)
            and np.array_equal(self.rows, other.rows)
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self.queries)} queries, {len(self)} pairs>"

    def save(self, folder: Path) -> None:
        """Write the arrays; the id tables belong to the collection and are not repeated."""
        np.save(folder / "offsets.npy", self.offsets)
        np.save(folder / "rows.npy", self.rows)

    @classmethod
    def open(cls, folder: Path, queries: Ids, docs: Ids) -> Self:
        """Map what `save` wrote, over the two sides that it was made for."""
        offsets = np.load(folder / "offsets.npy")
        if len(offsets) != len(queries) + 1:
            raise StoreError(f"{folder}: holds {len(offsets) - 1} queries, expected {len(queries)}")
        return cls(queries, docs, offsets, np.load(folder / "rows.npy", mmap_mode="r"))


def merge_keys(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the keys that are in any of the parts, ascending, each once."""
    keys = np.concatenate(parts)
    keys.sort()
    first: NDArray[np.bool_] = np.append(True, keys[1:] != keys[:-1])[: len(keys)]
    return np.asarray(keys[first])


def compute_offsets(sorted_queries: Rows, n_queries: int) -> NDArray[np.int64]:
    """Return the offsets of query rows that are sorted ascending."""
    return np.searchsorted(sorted_queries, np.arange(n_queries + 1)).astype(np.int64)


def flatten_mapping(given: Any, what: str, where: str) -> list[tuple[str, str, Any]]:
    """Return {query id: {document id: value}} as rows; raise DataError, begun by `where`, for another shape.

    what  the values are called in messages
    """
    if not isinstance(given, Mapping):
        raise DataError(f"{where}: expected {{query id: {{document id: {what}}}}}, got {type(given).__name__}")
    rows = []
    for query, inner in given.items():
        if not isinstance(inner, Mapping):
            raise DataError(f"{where}: query '{query}': expected {{document id: {what}}}, got {type(inner).__name__}")
        query_id = as_id(query, where)
        rows += [(query_id, as_id(doc, where), value) for doc, value in inner.items()]
    return rows


def require_rows(table: Ids, ids: Sequence[str], what: str) -> NDArray[np.int64]:
    """Return the rows of ids; raise DataError, beginning with `what`, for one that the table does not have."""
    rows = table.find_rows(ids)
    if len(rows) and rows.min() < 0:
        raise DataError(f"{what} '{ids[int(np.argmin(rows))]}' is not in the collection")
    return rows


def check_rows(queries: Ids, docs: Ids, query_rows: Rows, doc_rows: Rows, source: str) -> None:
    """Raise StageError where a row is outside its side's table."""
    for rows, table, side in ((query_rows, queries, "query"), (doc_rows, docs, "document")):
        if len(rows) and (rows.min() < 0 or rows.max() >= len(table)):
            bad = rows[(rows < 0) | (rows >= len(table))][0]
            raise StageError(f"{source}: {side} row {bad} does not exist; expected 0 to {len(table) - 1}")


def refuse_repeats(queries: Ids, docs: Ids, query_rows: Rows, doc_rows: Rows, source: str) -> None:
    """Raise StageError where neighbouring pairs (sorted by query, then document) are equal."""
    twice = np.flatnonzero((query_rows[1:] == query_rows[:-1]) & (doc_rows[1:] == doc_rows[:-1]))
    if len(twice):
        query, doc = queries[query_rows[twice[0]]], docs[doc_rows[twice[0]]]
        raise StageError(
            f"{source}: query '{query}' has document '{doc}' twice; expected each once ({len(twice)} such pairs)"
        )
