"""The lists of all systems for the queries of one judgement set, as signs and details read them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirank.collections.dates import Dates
from nirank.collections.texts import Texts
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs, concatenate_ranges
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking

log = logging.getLogger("nirank")

UNORDERED = 0  # stands for the rank of a candidate without order


class Places(NamedTuple):
    """Places of a list, query by query, best first.

    queries  (n,) ascending: which of the queries that were asked for
    rows, ranks, scores  (n,): the document, its rank from 1 (`UNORDERED`: there is none), its score (NaN likewise)
    """

    queries: NDArray[np.int64]
    rows: NDArray[np.int64]
    ranks: NDArray[np.int64]
    scores: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DocumentList:
    """A list of documents for every query; nothing of it is copied until it is read.

    pairs  the documents of each query, best first where they are ranked
    ranks  (n_pairs,) of a list that has left out some places; None: from 1 on in each query
    depth  how much of each query's list there is; None: all
    """

    pairs: Pairs
    ranks: NDArray[np.int64] | None = None
    depth: int | None = None

    @property
    def is_ordered(self) -> bool:
        """Tell whether it is a ranking."""
        return isinstance(self.pairs, Ranking)

    def read(self, query_rows: NDArray[np.int64], first: int | None = None) -> Places:
        """Return the places of some queries, or the first ones of each."""
        lengths = self.pairs.counts[query_rows]
        limits = [limit for limit in (first, self.depth if self.is_ordered else None) if limit is not None]
        if limits:
            lengths = np.minimum(lengths, min(limits))
        starts = self.pairs.offsets[query_rows]
        at = concatenate_ranges(starts, lengths)
        if not isinstance(self.pairs, Ranking):
            ranks, scores = np.full(len(at), UNORDERED), np.full(len(at), np.nan)
        else:
            ranks = at - np.repeat(starts, lengths) + 1 if self.ranks is None else self.ranks[at]
            scores = np.asarray(self.pairs.scores[at], np.float64)
        queries = np.repeat(np.arange(len(query_rows)), lengths)
        return Places(queries, np.asarray(self.pairs.rows[at], np.int64), ranks, scores)


OpenList = Callable[[], DocumentList]


@dataclass(frozen=True, eq=False)
class SystemLists:
    """The list of a system, and those on its way that are of the same queries and documents.

    stages  (label, what opens the list), in the order in which they come to be; the system's own is not among them
    """

    last: DocumentList
    stages: tuple[tuple[str, OpenList], ...] = ()

    @cached_property
    def opened_stages(self) -> tuple[tuple[str, DocumentList], ...]:
        """The lists of the stages; those that the store no longer has are left out, which is said."""
        opened = []
        for label, open_list in self.stages:
            try:
                opened.append((label, open_list()))
            except OSError as error:
                log.warning("the list of %s is no longer in the store; details of queries go without it", label)
                log.debug("%s", error)
        return tuple(opened)


@dataclass(eq=False)
class JudgedLists:
    """What systems returned for the queries of one judgement set.

    queries, docs  id tables of the two sides, of all lists alike
    qrels      None: nothing is judged
    texts      of the queries and of the documents; None: nobody knows them
    dates      likewise
    one_table  whether the queries are the documents, so that a pair counts once, whichever of both has the other
    systems    by name
    """

    queries: Ids
    docs: Ids
    qrels: Qrels | None
    texts: tuple[Texts, Texts] | None = None
    dates: tuple[Dates | None, Dates | None] = (None, None)
    one_table: bool = False
    systems: dict[str, SystemLists] = field(default_factory=dict)

    @cached_property
    def query_rows(self) -> NDArray[np.int64]:
        """The rows of the evaluated queries: those that are judged; all where nothing is."""
        if self.qrels is None:
            return np.arange(len(self.queries))
        return np.flatnonzero(self.qrels.counts > 0)

    def count_found(self, listed: DocumentList) -> NDArray[np.int64]:
        """Return how many relevant documents of each evaluated query a list has."""
        if self.qrels is None:
            return np.zeros(len(self.query_rows), np.int64)
        _, judgements = self.qrels.find_judged(listed.pairs)
        relevant = judgements[self.qrels.grades[judgements] >= self.qrels.min_rel]
        counts = np.bincount(self.qrels.query_rows[relevant], minlength=len(self.queries))
        return counts[self.query_rows].astype(np.int64)

    @cached_property
    def absent(self) -> dict[str, list[tuple[str, int]]]:
        """The relevant documents that the collection lacks, and their grades, by query."""
        absent: dict[str, list[tuple[str, int]]] = {}
        dangling, min_rel = ((), 1) if self.qrels is None else (self.qrels.dangling, self.qrels.min_rel)
        for query, document, grade in dangling:
            if grade >= min_rel:
                absent.setdefault(query, []).append((document, grade))
        return absent

    def count_relevant(self) -> tuple[int, ...]:
        """Return how many relevant documents each evaluated query has."""
        if self.qrels is None:
            return ()
        return tuple(self.qrels.count_relevant()[self.query_rows].tolist())


def keep_places(ranking: Ranking, qrels: Qrels, depth: int) -> DocumentList:
    """Return of a ranking the first places of each query, and those of its relevant documents."""
    judged_at, judgements = qrels.find_judged(ranking)
    keep = ranking.ranks <= depth
    keep[judged_at[qrels.grades[judgements] >= qrels.min_rel]] = True
    return DocumentList(ranking.select(keep), ranking.ranks[keep])


def join_tables(lists: Sequence[DocumentList], more: Ids) -> tuple[Ids, list[DocumentList]]:
    """Return lists over one table of the documents of all, and of some more."""
    import pyarrow as pa
    import pyarrow.compute as pc

    used = [np.unique(each.pairs.rows) for each in lists]
    tables = [each.pairs.docs.take_arrow(rows) for each, rows in zip(lists, used, strict=True)]
    docs = Ids(pc.unique(pa.chunked_array([chunk for table in [*tables, more.strings] for chunk in table.chunks])))
    joined = []
    for each, rows, table in zip(lists, used, tables, strict=True):
        pairs = each.pairs
        new_rows = docs.find_rows(table)[np.searchsorted(rows, pairs.rows)]
        if isinstance(pairs, Ranking):
            pairs = Ranking(pairs.queries, docs, pairs.offsets, new_rows, pairs.scores, pairs.depth)
        else:
            pairs = Pairs(pairs.queries, docs, pairs.offsets, new_rows)
        joined.append(DocumentList(pairs, each.ranks, each.depth))
    return docs, joined
