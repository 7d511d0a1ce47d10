"""Scope: which documents each query may be given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.base.identity import Digester
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs, Rows

_RANGE_FIELDS = ("values", "low", "high", "always")


@dataclass(frozen=True, eq=False)
class ValueRange:
    """A value of every document that must lie between two bounds of the query, such as its date.

    Memory is one number a document and two a query, however many pairs are allowed.

    values     (n_docs,) int32
    low, high  (n_queries,) int64, both inclusive
    always     (n_docs,) bool, documents that are allowed whatever their value
    """

    values: NDArray[np.int32]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    always: NDArray[np.bool_]

    def allows(self, query_rows: Rows | int, doc_rows: Rows) -> NDArray[np.bool_]:
        """Tell for each (query, document), or for each document of one query, whether it is inside."""
        values = self.values[doc_rows]
        inside: NDArray[np.bool_] = (values >= self.low[query_rows]) & (values <= self.high[query_rows])
        return inside | self.always[doc_rows]

    def take_queries(self, query_rows: NDArray[np.integer]) -> ValueRange:
        """Return the same rule for some of the queries."""
        return ValueRange(self.values, self.low[query_rows], self.high[query_rows], self.always)

    def take_docs(self, parents: NDArray[np.integer] | slice) -> ValueRange:
        """Return the same rule for some documents, or for parts of documents, given each part's document row."""
        return ValueRange(self.values[parents], self.low, self.high, self.always[parents])


@dataclass(frozen=True, eq=False)
class Scope:
    """What retrieval may return: everything, one mask for all queries, listed pairs, or all of these at once.

    queries, docs  id tables of the two sides
    mask           (n_docs,) bool, the documents that every query may see; None: all
    pairs          the documents that each query may see; None: all
    own            (n_queries,) document row of each query's own document, never returned; -1: none
    between        rules on a value of each document, relative to the query; all must hold
    without        the documents that each query has had before, never returned; None: none
    """

    queries: Ids
    docs: Ids
    mask: NDArray[np.bool_] | None = None
    pairs: Pairs | None = None
    own_rows: NDArray[np.integer] | None = None
    ranges: tuple[ValueRange, ...] = ()
    excluded: Pairs | None = None

    def __and__(self, other: Scope) -> Scope:
        """Return the scope that allows what both allow."""
        if self.own_rows is not None and other.own_rows is not None:
            raise ValueError("two scopes each name an own document")
        masks = [scope.mask for scope in (self, other) if scope.mask is not None]
        pairs = [scope.pairs for scope in (self, other) if scope.pairs is not None]
        without = [scope.excluded for scope in (self, other) if scope.excluded is not None]
        return Scope(
            self.queries,
            self.docs,
            masks[0] & masks[1] if len(masks) == 2 else next(iter(masks), None),
            pairs[0].intersection(pairs[1]) if len(pairs) == 2 else next(iter(pairs), None),
            other.own_rows if self.own_rows is None else self.own_rows,
            self.ranges + other.ranges,
            without[0].union(without[1]) if len(without) == 2 else next(iter(without), None),
        )

    def take(self, query_rows: NDArray[np.integer], queries: Ids) -> Scope:
        """Return the same scope for some queries, or for parts of queries; `queries` is their table, in that order."""
        return Scope(
            queries,
            self.docs,
            self.mask,
            None if self.pairs is None else self.pairs.take(query_rows, queries),
            None if self.own_rows is None else np.asarray(self.own_rows)[query_rows],
            tuple(rule.take_queries(query_rows) for rule in self.ranges),
            None if self.excluded is None else self.excluded.take(query_rows, queries),
        )

    def take_doc_range(self, first: int, last: int, docs: Ids) -> Scope:
        """Return the same scope for the documents from row `first` to below `last`; `docs` is their table."""
        own_rows = None if self.own_rows is None else np.asarray(self.own_rows, np.int64) - first
        return Scope(
            self.queries,
            docs,
            None if self.mask is None else self.mask[first:last],
            None if self.pairs is None else self.pairs.take_doc_range(first, last, docs),
            None if own_rows is None else np.where((own_rows >= 0) & (own_rows < last - first), own_rows, -1),
            tuple(rule.take_docs(slice(first, last)) for rule in self.ranges),
            None if self.excluded is None else self.excluded.take_doc_range(first, last, docs),
        )

    @cached_property
    def open_rows(self) -> NDArray[np.int64] | None:
        """Rows that the mask leaves, ascending; None: no mask."""
        return None if self.mask is None else np.flatnonzero(self.mask)

    def list_rows(self, query: int) -> Rows | None:
        """Return the rows that one query may see, ascending; None: every document.

        The query's own document and those that it has had are already taken out.
        """
        if self.pairs is not None:
            rows: Rows = np.sort(self.pairs.get_rows(query))
            if self.mask is not None:
                rows = rows[self.mask[rows]]
        elif self.open_rows is not None:
            rows = self.open_rows
        elif self._has_query_rules(query):
            rows = np.arange(len(self.docs))
        else:
            return None
        inside = self.filter_rows(query, rows)
        return rows if inside is None else rows[inside]

    def _has_query_rules(self, query: int) -> bool:
        """Tell whether a rule that differs by query takes anything from it."""
        owns = self.own_rows is not None and self.own_rows[query] >= 0
        return bool(self.ranges) or owns or (self.excluded is not None and len(self.excluded.get_rows(query)) > 0)

    def filter_rows(self, query: int, rows: Rows) -> NDArray[np.bool_] | None:
        """Tell which rows the rules that differ by query allow (`own_rows`, `ranges`, `excluded`); None: all.

        `mask` and `pairs` are not looked at.
        """
        masks = [rule.allows(query, rows) for rule in self.ranges]
        if self.own_rows is not None and self.own_rows[query] >= 0:
            masks.append(rows != self.own_rows[query])
        if self.excluded is not None and len(self.excluded.get_rows(query)):
            masks.append(np.isin(rows, self.excluded.get_rows(query), invert=True))
        return np.logical_and.reduce(masks) if masks else None

    def allows(self, query_rows: Rows, doc_rows: Rows) -> NDArray[np.bool_]:
        """Tell for each (query, document) whether it is inside."""
        inside = np.ones(len(doc_rows), np.bool_)
        if self.mask is not None:
            inside &= self.mask[doc_rows]
        if self.pairs is not None:
            inside &= self.pairs.contains(query_rows, doc_rows)
        if self.own_rows is not None:
            inside &= self.own_rows[query_rows] != doc_rows
        for rule in self.ranges:
            inside &= rule.allows(query_rows, doc_rows)
        if self.excluded is not None:
            inside &= ~self.excluded.contains(query_rows, doc_rows)
        return inside

    def count_rows(self) -> NDArray[np.int64]:
        """Return how many documents each query may see, (n_queries,) int64."""
        if self.pairs is not None:
            inside = self.pairs.select(self.allows(self.pairs.query_rows, self.pairs.rows))
            return inside.counts
        if self.ranges:
            row_lists = (self.list_rows(query) for query in range(len(self.queries)))
            return np.array([len(self.docs) if rows is None else len(rows) for rows in row_lists], np.int64)
        counts = np.full(len(self.queries), len(self.docs) if self.open_rows is None else len(self.open_rows))
        if self.own_rows is not None:
            has = np.flatnonzero(np.asarray(self.own_rows) >= 0)
            counts[has] -= 1 if self.mask is None else self.mask[self.own_rows[has]]
        if self.excluded is not None:
            rest = Scope(self.queries, self.docs, self.mask, own_rows=self.own_rows)
            taken = self.excluded.select(rest.allows(self.excluded.query_rows, self.excluded.rows))
            counts -= taken.counts
        return counts

    def list_pairs(self) -> Pairs:
        """Return all allowed pairs; the size is queries × documents where nothing restricts them."""
        row_lists = [self.list_rows(query) for query in range(len(self.queries))]
        full = np.arange(len(self.docs))
        rows = [full if allowed is None else allowed for allowed in row_lists]
        offsets = np.concatenate(([0], np.cumsum([len(allowed) for allowed in rows])))
        return Pairs(self.queries, self.docs, offsets, np.concatenate(rows) if rows else full[:0])

    @property
    def digest(self) -> str:
        """Content digest of what restricts; rows mean the two sides' own, whose digests must stand beside it."""
        running = Digester()
        arrays: dict[str, NDArray[Any] | None] = {"mask": self.mask, "own": self.own_rows}
        for name, pairs in (("pairs", self.pairs), ("without", self.excluded)):
            if pairs is not None:
                arrays |= {f"{name} offsets": pairs.offsets, f"{name} rows": pairs.rows}
        for at, rule in enumerate(self.ranges):
            arrays |= {f"between {at} {name}": getattr(rule, name) for name in _RANGE_FIELDS}
        for name, array in arrays.items():
            if array is not None:
                running.add([name, np.asarray(array).dtype.str, len(array)])
                running.add_bytes(np.ascontiguousarray(array).tobytes())
        return running.hexdigest()

    def save(self, folder: Path) -> None:
        """Write what restricts: `mask.npy`, `own.npy`, `pairs/`, `without/`, `between/`."""
        if self.mask is not None:
            np.save(folder / "mask.npy", self.mask)
        if self.own_rows is not None:
            np.save(folder / "own.npy", self.own_rows)
        for name, pairs in (("pairs", self.pairs), ("without", self.excluded)):
            if pairs is not None:
                (folder / name).mkdir()
                pairs.save(folder / name)
        for number, rule in enumerate(self.ranges):
            folder_of_rule = folder / "between" / str(number)
            folder_of_rule.mkdir(parents=True)
            for name in _RANGE_FIELDS:
                np.save(folder_of_rule / f"{name}.npy", getattr(rule, name))

    @classmethod
    def open(cls, folder: Path, queries: Ids, docs: Ids) -> Scope:
        """Map what `save` wrote."""
        mask, own_rows, pairs, excluded = (folder / name for name in ("mask.npy", "own.npy", "pairs", "without"))
        rules = sorted((folder / "between").glob("*"), key=lambda place: int(place.name))
        return cls(
            queries,
            docs,
            np.load(mask) if mask.exists() else None,
            Pairs.open(pairs, queries, docs) if pairs.exists() else None,
            np.load(own_rows) if own_rows.exists() else None,
            tuple(
                ValueRange(*(np.load(place / f"{name}.npy", mmap_mode="r") for name in _RANGE_FIELDS))
                for place in rules
            ),
            Pairs.open(excluded, queries, docs) if excluded.exists() else None,
        )


def intersect_scopes(queries: Ids, docs: Ids, parts: Iterable[Scope | Pairs]) -> Scope:
    """Return what all scopes and lists of pairs allow together."""
    allowed = Scope(queries, docs)
    for part in parts:
        allowed &= part if isinstance(part, Scope) else Scope(queries, docs, pairs=part.drop_scores())
    return allowed
