"""Qrels: the judged documents of each query, with grades."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirank.base.identity import digest
from nirank.errors import DataError
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs, Rows, compute_offsets, concatenate_ranges, flatten_mapping

_GREATEST = 10**9  # labels are below, as in files
_BLOCK = 1 << 20  # pairs of a list that are looked at together


class Judgement(NamedTuple):
    """One judgement, in ir_measures' shape."""

    query_id: str
    doc_id: str
    relevance: int


def _parse_grade(query: str, doc: str, given: Any) -> int:
    """Return a caller's label as a whole number: 1, 1.0 and True alike; raise DataError for what is none."""
    try:
        number = float(given)
    except (TypeError, ValueError, OverflowError):
        number = np.nan
    if not number.is_integer() or abs(number) >= _GREATEST:
        raise DataError(f"judgements: query '{query}', document '{doc}' has label {given!r}; expected an integer")
    return int(number)


class Qrels:
    """Judgements of one named set, over a collection's id tables.

    queries, docs  id tables of the two sides
    offsets        (n_queries + 1,) int64
    rows           (n,) int64 document rows; -1 where the corpus lacks the document (dangling):
                   such a judgement matches nothing, but counts among what should be found
    grades         (n,) int64; below 0 means judged not relevant, with gain 0
    min_rel        the least grade that binary measures take as relevant
    name           of the set ('abstract', 'content', …; 'qrels' where a collection has one set)
    """

    def __init__(
        self,
        queries: Ids,
        docs: Ids,
        offsets: Rows,
        rows: Rows,
        grades: Rows,
        *,
        name: str = "qrels",
        min_rel: int = 1,
        dangling: tuple[Judgement, ...] = (),
    ) -> None:
        self.queries, self.docs = queries, docs
        self.offsets = np.asarray(offsets, np.int64)
        self.rows = np.asarray(rows, np.int64)
        self.grades = np.asarray(grades, np.int64)
        self.name, self.min_rel = name, min_rel
        self.dangling = dangling

    @classmethod
    def build(
        cls,
        queries: Ids,
        docs: Ids,
        query_rows: Rows,
        doc_rows: Rows,
        grades: Rows,
        *,
        name: str = "qrels",
        min_rel: int = 1,
        dangling: tuple[Judgement, ...] = (),
    ) -> Qrels:
        """Sort loose judgements by query and document; pairs must be distinct."""
        order = np.lexsort((doc_rows, query_rows))
        q = np.asarray(query_rows)[order]
        return cls(
            queries,
            docs,
            compute_offsets(q, len(queries)),
            np.asarray(doc_rows)[order],
            np.asarray(grades)[order],
            name=name,
            min_rel=min_rel,
            dangling=dangling,
        )

    @classmethod
    def from_dict(
        cls,
        judged: Mapping[str, Mapping[str, int]],
        queries: Ids | None = None,
        docs: Ids | None = None,
        *,
        name: str = "qrels",
        min_rel: int = 1,
    ) -> Qrels:
        """Make judgements from {query id: {document id: grade}}; sides default to the ids that occur."""
        rows = flatten_mapping(judged, "label", "judgements")
        judgements = [Judgement(query, doc, _parse_grade(query, doc, given)) for query, doc, given in rows]
        queries = Ids.of(judged) if queries is None else queries
        docs = Ids.of(dict.fromkeys(judgement.doc_id for judgement in judgements)) if docs is None else docs
        q = queries.find_rows([judgement.query_id for judgement in judgements])
        if (q < 0).any():
            raise DataError(f"judgements: query '{judgements[int(np.argmin(q))].query_id}' is not among the queries")
        d = docs.find_rows([judgement.doc_id for judgement in judgements])
        dangling = tuple(judgements[i] for i in np.flatnonzero(d < 0))
        grades = np.array([judgement.relevance for judgement in judgements], np.int64)
        return cls.build(queries, docs, q, d, grades, name=name, min_rel=min_rel, dangling=dangling)

    def save(self, folder: Path) -> None:
        """Write the arrays, name and threshold; the id tables belong to the collection and are not repeated."""
        for name in ("offsets", "rows", "grades"):
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)
        header = {"name": self.name, "min_rel": self.min_rel, "dangling": self.dangling}
        (folder / "judgements.json").write_text(json.dumps(header, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def open(cls, folder: Path, queries: Ids, docs: Ids) -> Qrels:
        """Read what `save` wrote, over the two sides that it was made for."""
        arrays = [np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("offsets", "rows", "grades")]
        header = json.loads((folder / "judgements.json").read_text(encoding="utf-8"))
        dangling = tuple(Judgement(*fields) for fields in header.pop("dangling"))
        return cls(queries, docs, *arrays, **header, dangling=dangling)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<Qrels {self.name}: {int((self.counts > 0).sum())} judged queries, {len(self)} judgements>"

    @property
    def counts(self) -> NDArray[np.int64]:
        """Judgements of each query, (n_queries,) int64."""
        return np.diff(self.offsets)

    @cached_property
    def query_rows(self) -> NDArray[np.int64]:
        """The query row of every judgement, (n,) int64."""
        return np.repeat(np.arange(len(self.queries)), self.counts)

    def count_relevant(self, min_rel: int | None = None) -> NDArray[np.int64]:
        """Count each query's relevant documents, dangling ones included, (n_queries,) int64."""
        hit = self.grades >= (self.min_rel if min_rel is None else min_rel)
        return np.bincount(self.query_rows[hit], minlength=len(self.queries))

    @cached_property
    def _keys(self) -> NDArray[np.int64]:
        """One integer a judgement, ascending; dangling ones meet no pair's."""
        keys: NDArray[np.int64] = self.query_rows * (len(self.docs) + 1) + self.rows + 1
        return keys

    def find_positions(self, query_rows: Rows, doc_rows: Rows) -> NDArray[np.int64]:
        """Join on pairs: for each (query, document) the place of its judgement, -1 where there is none."""
        wanted = np.asarray(query_rows, np.int64) * (len(self.docs) + 1) + doc_rows + 1
        if not len(self):
            return np.full(len(wanted), -1)
        at = np.minimum(np.searchsorted(self._keys, wanted), len(self) - 1)
        return np.where(self._keys[at] == wanted, at, -1)

    @cached_property
    def _judged_docs(self) -> NDArray[np.bool_]:
        """Which documents are judged for any query, (n_docs,)."""
        judged = np.zeros(len(self.docs), np.bool_)
        judged[self.rows[self.rows >= 0]] = True
        return judged

    def find_judged(self, listed: Pairs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where judged pairs stand in a list, ascending, and the places of their judgements, (n_found,) each.

        Most documents of a long ranking are judged for no query at all; those are kept out of the join. Memory is that
        of what is found, and of a block of the list.
        """
        found = [np.empty((2, 0), np.int64)]
        for start in range(0, len(listed), _BLOCK):
            at = start + np.flatnonzero(self._judged_docs[listed.rows[start : start + _BLOCK]])
            places = self.find_positions(listed.get_query_rows(at), listed.rows[at])
            found.append(np.stack((at, places))[:, places >= 0])
        at, places = np.concatenate(found, axis=1)
        return at, places

    def take(self, query_rows: Rows, queries: Ids) -> Qrels:
        """Return the judgements of some queries; `queries` is their table, in the same order."""
        lengths = self.counts[query_rows]
        at = concatenate_ranges(self.offsets[query_rows], lengths)
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        kept = set(queries)
        return Qrels(
            queries,
            self.docs,
            offsets,
            self.rows[at],
            self.grades[at],
            name=self.name,
            min_rel=self.min_rel,
            dangling=tuple(judgement for judgement in self.dangling if judgement.query_id in kept),
        )

    def count_unordered(self) -> int:
        """Count the pairs of one table, which are judged in both orders; those that name absent records count once."""
        return int(((self.query_rows <= self.rows) | (self.rows < 0)).sum())

    def select(self, keep: NDArray[np.bool_]) -> Qrels:
        """Return the judgements where `keep`, (n,) bool, is true; dangling ones must be kept."""
        return Qrels(
            self.queries,
            self.docs,
            compute_offsets(self.query_rows[keep], len(self.queries)),
            self.rows[keep],
            self.grades[keep],
            name=self.name,
            min_rel=self.min_rel,
            dangling=self.dangling,
        )

    def list_judgements(self) -> list[Judgement]:
        """Return all judgements with their ids, dangling ones included."""
        known = self.rows >= 0
        queries = self.queries.take(self.query_rows[known])
        docs = self.docs.take(self.rows[known])
        grades = self.grades[known].tolist()
        return [Judgement(*row) for row in zip(queries, docs, grades, strict=True)] + list(self.dangling)

    @cached_property
    def digest(self) -> str:
        """Content digest of the judgements and the threshold."""
        return digest_judgements(self.list_judgements(), self.min_rel)


def digest_judgements(judgements: Iterable[tuple[str, str, int]], min_rel: int) -> str:
    """Return a digest of judgements, in whatever order they are listed, and of the threshold."""
    return digest({"judgements": sorted(judgements), "min_rel": min_rel})
