"""Details of queries, made of the lists of all systems: a few queries at a time, whatever the collection's size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nirank.collections.dates import UNDATED, Dates
from nirank.flow.pairs import concatenate_ranges
from nirank.results.judged_lists import DocumentList, JudgedLists, Places, SystemLists
from nirank.results.query_detail import DocumentDetail, ListDetail, MissedDocument, QueryDetail, StageList
from nirank.results.text_beginnings import read_beginnings

DEPTH = 20  # documents of a list
MISSED = 50  # documents of a list
JUDGED = 200  # judgements of a query, beside those of listed documents
QUERY_TEXT, DOCUMENT_TEXT = 5000, 1000  # characters
_TOGETHER = 20  # queries
_PLACES = 1 << 20  # of lists that are looked at together, some 50 bytes each
_DIGITS = 7  # of a score
_NOWHERE = -1  # the rank of a document that a list has not got
_LAST = np.iinfo(np.int64).max

MAX_QUERIES, MAX_LISTS = 2000, 20_000  # that have details


class ListDetails:
    """The details of a set's queries and of the documents in them, as `DetailSource` gives them.

    places  of the queries that are detailed among the evaluated ones; None: all
    """

    def __init__(self, lists: JudgedLists, places: Sequence[int] | None = None) -> None:
        self._lists = lists
        self._query_rows = lists.query_rows if places is None else lists.query_rows[np.array(places, np.int64)]
        self._rows_of: dict[str, int] = {}  # of the documents that were listed

    def iterate_queries(self) -> Iterator[QueryDetail]:
        """Yield the detail of every query, in order."""
        for start in range(0, len(self._query_rows), _TOGETHER):
            yield from _Chunk(self._lists, self._query_rows[start : start + _TOGETHER], self._rows_of).describe()

    def describe_documents(self, ids: Sequence[str]) -> Iterator[DocumentDetail]:
        """Yield what is known of documents that were listed; nothing of those that the collection lacks."""
        known = [(id, self._rows_of[id]) for id in ids if id in self._rows_of]
        if self._lists.texts is None:
            return
        _, texts = self._lists.texts
        rows = np.array([row for _, row in known], np.int64)
        dates = _format_dates(self._lists.dates[1], rows)
        beginnings = read_beginnings(texts, rows, DOCUMENT_TEXT)
        for (id, _), begun, date in zip(known, beginnings, dates, strict=True):
            yield DocumentDetail(id, begun.title, begun.text, begun.characters, date)


def choose_detailed(spread: NDArray[np.float64], hardness: NDArray[np.float64], n_systems: int) -> list[int] | None:
    """Return the places of the queries that get details; None: all.

    spread    (n_queries,) how much the systems differ on each: the greatest first
    hardness  (n_queries,) what decides where they differ alike: the greatest first
    """
    limit = max(min(MAX_QUERIES, MAX_LISTS // max(n_systems, 1)), 1)
    if len(spread) <= limit:
        return None
    return sorted(np.lexsort((-hardness, -spread))[:limit].tolist())


class _Found(NamedTuple):
    """Where the documents looked for stand in a list, (n,) each; `_NOWHERE`: they do not."""

    ranks: NDArray[np.int64]
    scores: NDArray[np.float64]


class _Judgements(NamedTuple):
    """Judgements of some queries, by query: the query, the document's row, its grade."""

    queries: NDArray[np.int64]
    rows: NDArray[np.int64]
    grades: NDArray[np.int64]

    def select(self, at: NDArray[np.bool_] | NDArray[np.int64]) -> _Judgements:
        return _Judgements(self.queries[at], self.rows[at], self.grades[at])


class _Chunk:
    """A few queries, and every document that one of their lists shows, or should have shown."""

    def __init__(self, lists: JudgedLists, query_rows: NDArray[np.int64], rows_of: dict[str, int]) -> None:
        self.lists, self.query_rows = lists, query_rows
        self.heads = {name: system.last.read(query_rows, DEPTH) for name, system in lists.systems.items()}
        self.judged = self._read_judgements()
        relevant = self.judged.select(self._is_relevant(self.judged))
        self.relevant = relevant
        keys = [self._make_keys(head.queries, head.rows) for head in self.heads.values()]
        keys.append(self._make_keys(relevant.queries, relevant.rows))
        self.wanted = np.unique(np.concatenate(keys))
        rows = self.wanted % max(len(lists.docs), 1)
        self.names = lists.docs.take(rows)
        rows_of.update(zip(self.names, rows.tolist(), strict=True))
        self.found: dict[int, _Found] = {}

    def describe(self) -> Iterator[QueryDetail]:
        ids = self.lists.queries.take(self.query_rows)
        texts = self._read_texts()
        dates = _format_dates(self.lists.dates[0], self.query_rows)
        absent = [self.lists.absent.get(id, ()) for id in ids]
        judged = self._list_judged(absent)
        described = {name: self._describe_lists(name, absent) for name in self.lists.systems}
        for at, id in enumerate(ids):
            text, characters = texts[at]
            lists = {name: details[at] for name, details in described.items()}
            yield QueryDetail(id, text, characters, dates[at], judged[at], lists)

    def _read_texts(self) -> list[tuple[str, int]]:
        if self.lists.texts is None:
            return [("", 0)] * len(self.query_rows)
        begun = read_beginnings(self.lists.texts[0], self.query_rows, QUERY_TEXT)
        return [(each.join(), each.characters + (len(each.title) + 1 if each.title else 0)) for each in begun]

    def _read_judgements(self) -> _Judgements:
        """Return the judgements of documents that the collection has."""
        qrels = self.lists.qrels
        if qrels is None:
            return _Judgements(*(np.empty(0, np.int64) for _ in range(3)))
        queries = np.repeat(np.arange(len(self.query_rows)), qrels.counts[self.query_rows])
        at = concatenate_ranges(qrels.offsets[self.query_rows], qrels.counts[self.query_rows])
        known = qrels.rows[at] >= 0
        return _Judgements(queries[known], qrels.rows[at][known], qrels.grades[at][known])

    def _is_relevant(self, judged: _Judgements) -> NDArray[np.bool_]:
        return judged.grades >= (1 if self.lists.qrels is None else self.lists.qrels.min_rel)

    def _make_keys(self, queries: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return queries * max(len(self.lists.docs), 1) + rows

    def _find(self, listed: DocumentList) -> _Found:
        """Return where the wanted documents stand in a list; each list is read once, however many systems share it."""
        if id(listed.pairs) not in self.found:
            ranks, scores = np.full(len(self.wanted), _NOWHERE), np.full(len(self.wanted), np.nan)
            lengths = np.cumsum(listed.pairs.counts[self.query_rows])
            parts = np.split(np.arange(len(lengths)), np.flatnonzero(np.diff(lengths // _PLACES)) + 1)
            for part in parts if len(self.wanted) else ():
                places = listed.read(self.query_rows[part])
                keys = self._make_keys(part[places.queries], places.rows)
                at = np.minimum(np.searchsorted(self.wanted, keys), len(self.wanted) - 1)
                hits = self.wanted[at] == keys
                ranks[at[hits]], scores[at[hits]] = places.ranks[hits], places.scores[hits]
            self.found[id(listed.pairs)] = _Found(ranks, _round_scores(scores))
        return self.found[id(listed.pairs)]

    def _list_judged(self, absent: Sequence[Sequence[tuple[str, int]]]) -> list[dict[str, int]]:
        """Return {document: grade} of each query: of listed documents, then of others, relevant ones first."""
        keys = self._make_keys(self.judged.queries, self.judged.rows)
        heads = [self._make_keys(head.queries, head.rows) for head in self.heads.values()]
        listed = np.isin(keys, np.concatenate([np.empty(0, np.int64), *heads]))
        order = np.lexsort((-self.judged.grades, ~listed, self.judged.queries))
        queries = self.judged.queries[order]
        kept = order[(_count_up(queries) < JUDGED) | listed[order]]
        names = self.lists.docs.take(self.judged.rows[kept])
        judged: list[dict[str, int]] = [{} for _ in absent]
        grades = self.judged.grades[kept].tolist()
        for query, name, grade in zip(self.judged.queries[kept].tolist(), names, grades, strict=True):
            judged[query][name] = grade
        for query, missing in enumerate(absent):
            judged[query] |= dict(missing[: max(JUDGED - len(judged[query]), 0)])
        return judged

    def _describe_lists(self, name: str, absent: Sequence[Sequence[tuple[str, int]]]) -> list[ListDetail]:
        system, head = self.lists.systems[name], self.heads[name]
        at = np.searchsorted(self.wanted, self._make_keys(head.queries, head.rows))
        stages = [(label, self._find(listed)) for label, listed in system.opened_stages]
        missed = self._list_missed(system, head, stages)
        names = [self.names[place] for place in at.tolist()]
        scores = _blank_numbers(_round_scores(head.scores))
        columns = [(label, _blank_ranks(found.ranks[at]), _blank_numbers(found.scores[at])) for label, found in stages]
        ends = np.searchsorted(head.queries, np.arange(len(self.query_rows) + 1)).tolist()
        details = []
        for query, (start, end) in enumerate(pairwise(ends)):
            stage_lists = tuple(
                StageList(label, tuple(ranks[start:end]), tuple(found[start:end])) for label, ranks, found in columns
            )
            gone = [MissedDocument(document, grade, None, None, None) for document, grade in absent[query]]
            details.append(
                ListDetail(
                    tuple(names[start:end]),
                    tuple(scores[start:end]),
                    stage_lists,
                    tuple([*missed[query], *gone][:MISSED]),
                )
            )
        return details

    def _list_missed(
        self, system: SystemLists, head: Places, stages: Sequence[tuple[str, _Found]]
    ) -> list[list[MissedDocument]]:
        """Return of each query the relevant documents that are not among the first, the best grades first."""
        relevant = self.relevant
        keys = self._make_keys(relevant.queries, relevant.rows)
        at = np.searchsorted(self.wanted, keys)
        last = self._find(system.last).ranks[at]
        missing = ~np.isin(keys, self._make_keys(head.queries, head.rows))
        if not system.last.is_ordered:
            missing &= last == _NOWHERE  # candidates that are not shown are not lost
        if self.lists.one_table:
            missing &= ~((last == _NOWHERE) & self._find_turned(system.last, relevant))
        order = np.lexsort((np.where(last == _NOWHERE, _LAST, last), -relevant.grades, relevant.queries))
        order = order[missing[order]]
        order = order[_count_up(relevant.queries[order]) < MISSED]
        last_stage, last_rank = np.full(len(order), -1), np.full(len(order), _NOWHERE)
        for number, (_, found) in enumerate(stages):
            before = found.ranks[at[order]]
            had = before != _NOWHERE
            last_stage[had], last_rank[had] = number, before[had]
        missed: list[list[MissedDocument]] = [[] for _ in self.query_rows]
        columns = (relevant.queries[order], at[order], relevant.grades[order], last_stage)
        ranks, stage_ranks = _blank_ranks(last[order]), _blank_ranks(last_rank)
        listed = zip(*(column.tolist() for column in columns), ranks, stage_ranks, strict=True)
        for query, place, grade, stage, rank, stage_rank in listed:
            last_in = None if stage < 0 else stages[stage][0]
            missed[query].append(MissedDocument(self.names[place], grade, rank, last_in, stage_rank))
        return missed

    def _find_turned(self, listed: DocumentList, relevant: _Judgements) -> NDArray[np.bool_]:
        """Tell which pairs of one table the list has under the other record."""
        asked, where = np.unique(relevant.rows, return_inverse=True)
        if not len(asked):
            return np.zeros(0, np.bool_)
        places = listed.read(asked)
        turned = self._make_keys(places.queries, places.rows)
        return np.isin(self._make_keys(where, self.query_rows[relevant.queries]), turned)


def _count_up(sorted_queries: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0, 1, 2, … within each query."""
    return np.arange(len(sorted_queries)) - np.searchsorted(sorted_queries, sorted_queries)


def _round_scores(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores with as many digits as single precision has, which take less room in a file."""
    sizes = np.abs(scores)
    usual = (sizes > 1e-100) & (sizes < 1e100)
    digits = _DIGITS - 1 - np.floor(np.log10(sizes, where=usual, out=np.zeros_like(scores)))
    scales = 10.0 ** np.abs(digits)
    large = np.where(digits >= 0, np.rint(scores * scales) / scales, np.rint(scores / scales) * scales)
    return np.where(usual, large, scores)


def _blank_numbers(numbers: NDArray[np.float64]) -> list[float | None]:
    return [None if number != number else number for number in numbers.tolist()]


def _blank_ranks(ranks: NDArray[np.int64]) -> list[int | None]:
    return [None if rank == _NOWHERE else rank for rank in ranks.tolist()]


def _format_dates(dates: Dates | None, rows: NDArray[np.int64]) -> list[str | None]:
    """Return dates as they are known: a day, a month, a year."""
    if dates is None:
        return [None] * len(rows)
    first, last = dates.first[rows].astype(np.int64), dates.last[rows].astype(np.int64)
    undated = first == UNDATED
    days = np.where(undated, 0, first).astype("datetime64[D]")
    texts = days.astype(str)
    lengths = np.select([last == first, last - first < 31], [10, 7], 4)
    return [
        None if missing else str(text)[:length]
        for missing, text, length in zip(undated.tolist(), texts, lengths, strict=True)
    ]
