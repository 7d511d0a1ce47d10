"""Duplicates among bibliographic records: groups of one work, why each pair joined, and what was held apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nirank.records.record import BibliographicRecord, Verdict
from nirank.screening.comparable_records import ComparableRecord
from nirank.screening.duplicate_candidates import pair_by_numbers, pair_by_titles
from nirank.screening.duplicate_rule import (
    TITLE,
    By,
    Comparison,
    compare_by_number,
    compare_by_text,
    contradict,
)

_ORDER = ("doi", "pmid", "text")  # what is surer joins first


@dataclass(frozen=True)
class DuplicatePair:
    """Two records, by their places in what was given (from 0), and what was found of them."""

    left: int
    right: int
    comparison: Comparison


@dataclass(frozen=True)
class DuplicateGroup:
    """Records of one work.

    members  places in what was given (from 0), ascending, two at least
    why      the pairs that joined them
    """

    members: tuple[int, ...]
    why: tuple[DuplicatePair, ...]


@dataclass(frozen=True)
class Duplicates:
    """The groups by their first member, and the pairs that are like duplicates but were held apart."""

    groups: Sequence[DuplicateGroup]
    held_apart: Sequence[DuplicatePair]


def find_duplicates(records: Sequence[BibliographicRecord]) -> list[DuplicateGroup]:
    """Return the groups of records that are one work, by their first member; what is alone is in none.

    No group holds two DOIs, nor two PMIDs: chains that would join them are cut where they are weakest.
    """
    return list(compare_records(records).groups)


def compare_records(records: Sequence[BibliographicRecord]) -> Duplicates:
    """Return the groups, and beside them the pairs that something speaks against."""
    comparable = [ComparableRecord.of(record) for record in records]
    pairs = sorted(_compare_candidates(comparable), key=_rank_pair)
    clusters = _Clusters(comparable)
    joined: list[DuplicatePair] = []
    held_apart: list[DuplicatePair] = []
    for pair in pairs:
        comparison = pair.comparison
        against = comparison.against or clusters.contradict(pair.left, pair.right, comparison.by)
        if against:
            held_apart.append(replace(pair, comparison=replace(comparison, against=against)))
        elif clusters.unite(pair.left, pair.right):
            joined.append(pair)
    why: defaultdict[int, list[DuplicatePair]] = defaultdict(list)
    for pair in joined:
        why[clusters.find(pair.left)].append(pair)
    groups = [DuplicateGroup(tuple(sorted(clusters.members[root])), tuple(why[root])) for root in why]
    groups.sort(key=lambda group: group.members)
    apart = {(pair.left, pair.right): pair for pair in reversed(held_apart)}  # the surest reason of each pair
    distinct = [pair for pair in apart.values() if clusters.find(pair.left) != clusters.find(pair.right)]
    return Duplicates(groups, sorted(distinct, key=lambda pair: (pair.left, pair.right)))


def find_conflicts(
    groups: Iterable[DuplicateGroup], records: Sequence[BibliographicRecord]
) -> list[tuple[DuplicateGroup, frozenset[Verdict]]]:
    """Return the groups whose records were decided differently, and the decisions."""
    conflicts: list[tuple[DuplicateGroup, frozenset[Verdict]]] = []
    for group in groups:
        verdicts: frozenset[Verdict] = frozenset(
            decision.verdict
            for row in group.members
            for decision in records[row].decisions
            if decision.verdict != "not_seen"
        )
        if len(verdicts) > 1:
            conflicts.append((group, verdicts))
    return conflicts


def _compare_candidates(records: Sequence[ComparableRecord]) -> Iterable[DuplicatePair]:
    for left, right, by in pair_by_numbers(records):
        yield DuplicatePair(left, right, compare_by_number(records[left], records[right], by))
    rows = pair_by_titles(records)
    for left, right in rows[_find_like_titles(records, rows)].tolist():
        comparison = compare_by_text(records[left], records[right])
        if comparison:
            yield DuplicatePair(left, right, comparison)


def _find_like_titles(records: Sequence[ComparableRecord], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which pairs have titles that are alike enough to be compared further."""
    from rapidfuzz import fuzz
    from rapidfuzz.process import cpdist

    letters = np.array([record.letters for record in records], object)
    scores = cpdist(letters[rows[:, 0]], letters[rows[:, 1]], scorer=fuzz.ratio, score_cutoff=TITLE * 100)
    return np.flatnonzero(scores >= TITLE * 100)


def _rank_pair(pair: DuplicatePair) -> tuple[int, float, float, int, int]:
    comparison = pair.comparison
    place = _ORDER.index(comparison.by)
    return place, -comparison.likeness, -(comparison.abstracts or 0.0), pair.left, pair.right


class _Clusters:
    """Records united step by step; of each cluster the members, and one member for each set of facts."""

    def __init__(self, records: Sequence[ComparableRecord]) -> None:
        self.members = {row: [row] for row in range(len(records))}
        self._parents = list(range(len(records)))
        self._facts = {row: {record.facts: record} for row, record in enumerate(records)}

    def find(self, row: int) -> int:
        """Return the row that stands for the record's cluster."""
        while self._parents[row] != row:
            self._parents[row] = self._parents[self._parents[row]]
            row = self._parents[row]
        return row

    def contradict(self, left: int, right: int, by: By) -> str:
        """Say what speaks against one cluster of both records' clusters, "" where nothing does."""
        first, second = self.find(left), self.find(right)
        if first == second:
            return ""
        reasons = (
            contradict(one_side, other_side, by)
            for one_side in self._facts[first].values()
            for other_side in self._facts[second].values()
        )
        return next((f"of their groups {reason}" for reason in reasons if reason), "")

    def unite(self, left: int, right: int) -> bool:
        """Make one cluster of two; tell whether they were two."""
        first, second = sorted((self.find(left), self.find(right)), key=lambda row: (-len(self.members[row]), row))
        if first == second:
            return False
        self._parents[second] = first
        self.members[first] += self.members.pop(second)
        self._facts[first] |= self._facts.pop(second)
        return True
