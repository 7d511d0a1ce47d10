"""What a review has come to: the log of decisions, read from its beginning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nirank.feedback.policy import Labels, Rows
from nirank.screening.decision_log import Entry

_LABELS = {"included": 1, "excluded": 0}  # maybe and skipped are no labels: neither relevant nor not


@dataclass
class ReviewState:
    """Which records have which answers.

    n      how many records there are
    known  labels from before the review, by row: never asked for, never counted as read

    A record's answer is its latest entry that nobody took back; its place in the order of judging is that of the first
    that includes or excludes it, for before it counts as not read. What was only put off, or maybe, stands where it
    first was.
    """

    n: int
    known: Mapping[int, int] = field(default_factory=dict)
    _entries: dict[int, Entry] = field(default_factory=dict)
    _of_record: dict[int, list[int]] = field(default_factory=dict)
    _counts: Counter[int] = field(default_factory=Counter)

    @classmethod
    def of(cls, n: int, known: Mapping[int, int], entries: Iterable[Entry]) -> ReviewState:
        """Read a log."""
        state = cls(n, dict(known))
        for entry in entries:
            state.add(entry)
        return state

    def add(self, entry: Entry) -> None:
        """Take an entry that was added to the log."""
        self._entries[entry.number] = entry
        self._counts[entry.record] += 1
        if entry.undoes is None:
            self._of_record.setdefault(entry.record, []).append(entry.number)
        else:
            self._of_record[entry.record].remove(entry.undoes)

    @property
    def entries(self) -> list[Entry]:
        """All entries, those taken back and those that take back too."""
        return list(self._entries.values())

    def get_entry(self, number: int) -> Entry | None:
        """Return an entry by its number."""
        return self._entries.get(number)

    def find_answer(self, record: int) -> Entry | None:
        """Return the entry that holds of a record, None where there is none."""
        numbers = self._of_record.get(record)
        return self._entries[numbers[-1]] if numbers else None

    def count_entries(self, record: int) -> int:
        """Return how many entries concern a record, those that take back too."""
        return self._counts[record]

    def find_last(self, reviewer: str) -> Entry | None:
        """Return a reviewer's latest entry that can be taken back."""
        live = {number for numbers in self._of_record.values() for number in numbers}
        own = (entry for entry in reversed(self._entries.values()) if entry.reviewer == reviewer)
        return next((entry for entry in own if entry.number in live), None)

    def list_answers(self) -> list[Entry]:
        """Return the entries that hold, in the order of judging."""
        places = sorted((self._find_place(numbers), numbers[-1]) for numbers in self._of_record.values() if numbers)
        return [self._entries[last] for _, last in places]

    def _find_place(self, numbers: Sequence[int]) -> int:
        """Return the number of the entry with which a record was judged first."""
        return next((number for number in numbers if self._entries[number].answer in _LABELS), numbers[0])

    def list_skipped(self) -> list[int]:
        """Return the records that were put off, the earliest first."""
        skipped = [entry for entry in self.list_answers() if entry.answer == "skipped"]
        return [entry.record for entry in sorted(skipped, key=lambda entry: entry.number)]

    def find_open(self) -> NDArray[np.bool_]:
        """Return which records nobody has answered, and nobody knew before: (n,)."""
        is_open = np.ones(self.n, dtype=np.bool_)
        is_open[list(self.known)] = False
        is_open[[record for record, numbers in self._of_record.items() if numbers]] = False
        return is_open

    def collect_labels(self) -> tuple[Rows, Labels]:
        """Return the labelled records, those known before first and in the file's order, then in the order of judging.

        Where the review disagrees with what was known before, its answer holds.
        """
        rows, labels = self.collect_judged()
        before = dict(sorted(self.known.items()))
        for record in self.known:
            answer = self.find_answer(record)
            if answer is not None:
                del before[record]
                if answer.answer in _LABELS:
                    before[record] = _LABELS[answer.answer]
        known = np.array(list(before.values()), dtype=np.int8)
        return np.concatenate([np.array(list(before), dtype=np.int64), rows]), np.concatenate([known, labels])

    def collect_judged(self) -> tuple[Rows, Labels]:
        """Return the records that the review itself labelled, in the order of judging."""
        answers = [entry for entry in self.list_answers() if entry.answer in _LABELS and entry.record not in self.known]
        rows = np.array([entry.record for entry in answers], dtype=np.int64)
        return rows, np.array([_LABELS[entry.answer] for entry in answers], dtype=np.int8)

    def count_answers(self) -> dict[str, int]:
        """Return how many records have each answer, and how many have none."""
        counts = dict.fromkeys(("included", "excluded", "maybe", "skipped"), 0)
        for entry in self.list_answers():
            counts[entry.answer] += 1
        counts["open"] = int(self.find_open().sum())
        return counts
