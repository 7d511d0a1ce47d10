"""Who is shown which record, and what becomes of an answer: nothing lost, nothing twice."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock
from typing import Literal, TypeVar

import numpy as np

from nirank.feedback.policy import Rows
from nirank.screening.decision_log import ANSWERS, Answer, Entry
from nirank.screening.project import Project
from nirank.screening.review_state import ReviewState

Value = TypeVar("Value")
Outcome = Literal["kept", "repeated", "stale", "elsewhere", "nothing"]


@dataclass(frozen=True)
class QueueOrder:
    """The order in which records are shown.

    rows     rows, best first; those that have been answered meanwhile are passed over
    n_known  how many labels it was made from
    """

    rows: Rows
    n_known: int


@dataclass(frozen=True)
class Showing:
    """What one reviewer has before their eyes.

    record  None where nothing is left for them
    token   goes with the answer; a page's token is worth something until its record has another entry
    held    records that others have on their screens, and nobody has answered
    """

    record: int | None
    token: str
    held: tuple[tuple[str, int], ...] = ()


class ReviewQueue:
    """Hands out records and takes answers, for any number of reviewers at once.

    A reviewer's record stays theirs until they answer; others get other records. Answers are in the log before they
    count. A token names reviewer, record and number of the record's entries, so it needs no memory: it holds across
    restarts, and whatever is sent again, late or from another tab finds that the number has changed.
    """

    def __init__(self, project: Project, order: QueueOrder, on_change: Callable[[ReviewState], None]) -> None:
        self.project = project
        self._order, self._on_change = order, on_change
        self._lock = RLock()
        self._held: dict[str, int] = {}

    def set_order(self, order: QueueOrder) -> None:
        """Show records in another order from now on; those on screens stay there."""
        with self._lock:
            self._order = order

    def read(self, look: Callable[[ReviewState], Value]) -> Value:
        """Return what a function finds in the state while nothing changes it."""
        with self._lock:
            return look(self.project.state)

    def show(self, reviewer: str) -> Showing:
        """Return the record that a reviewer is to judge: the one they have, else the best that nobody has."""
        with self._lock:
            record = self._held.get(reviewer)
            if record is None or not self._waits(record):
                record = self._find_next(reviewer)
            if record is None:
                self._held.pop(reviewer, None)
                held = tuple(sorted((name, row) for name, row in self._held.items() if self._waits(row)))
                return Showing(None, "", held)
            self._held[reviewer] = record
            return Showing(record, self.make_token(reviewer, record))

    def make_token(self, reviewer: str, record: int) -> str:
        """Return the token of a page that shows a record as it stands."""
        with self._lock:
            return self._sign(f"answer|{record}|{self.project.state.count_entries(record)}|{reviewer}")

    def make_undo_token(self, reviewer: str) -> str:
        """Return the token that takes back a reviewer's last answer as it stands; "" where there is none."""
        with self._lock:
            last = self.project.state.find_last(reviewer)
            return "" if last is None else self._sign(f"undo|{last.number}|{reviewer}")

    def answer(self, reviewer: str, record: int, answer: Answer, token: str) -> tuple[Outcome, Entry | None]:
        """Keep an answer if its page is still true; tell what holds otherwise."""
        with self._lock:
            if answer not in ANSWERS or not 0 <= record < self.project.state.n:
                return "stale", None
            if not _are_equal(token, self.make_token(reviewer, record)):
                return self._find_repeated(token, record)
            if any(row == record and name != reviewer for name, row in self._held.items()) and self._waits(record):
                return "elsewhere", None
            entry = self._append(reviewer, record, answer, token)
            if entry is None:
                return self._find_repeated(token, record)
            if self._held.get(reviewer) == record:
                del self._held[reviewer]
            return "kept", entry

    def undo(self, reviewer: str, token: str) -> tuple[Outcome, Entry | None]:
        """Take back a reviewer's last answer, and show its record to them again."""
        with self._lock:
            last = self.project.state.find_last(reviewer)
            if last is None:
                return "nothing", None
            if not _are_equal(token, self.make_undo_token(reviewer)):
                return "stale", None
            entry = self._append(reviewer, last.record, "undone", token, undoes=last.number)
            if entry is None:
                return "repeated", None
            if self._waits(last.record):
                self._held[reviewer] = last.record
            return "kept", entry

    def take_over(self, reviewer: str, record: int) -> None:
        """Show a record that another reviewer has, and has left, to this one."""
        with self._lock:
            if self._waits(record):
                self._held = {name: row for name, row in self._held.items() if row != record} | {reviewer: record}

    def _append(
        self, reviewer: str, record: int, answer: str, token: str, *, undoes: int | None = None
    ) -> Entry | None:
        entry = self.project.log.append(reviewer, record, answer, token, undoes=undoes, n_known=self._order.n_known)
        if entry is not None:
            self.project.state.add(entry)
            self._on_change(self.project.state)
        return entry

    def _find_repeated(self, token: str, record: int) -> tuple[Outcome, Entry | None]:
        entries = reversed(self.project.state.entries)
        same = next((entry for entry in entries if (entry.token, entry.record) == (token, record)), None)
        return ("stale", self.project.state.find_answer(record)) if same is None else ("repeated", same)

    def _waits(self, record: int) -> bool:
        """Tell whether a record has no answer, or was put off."""
        entry = self.project.state.find_answer(record)
        return record not in self.project.plan.known and (entry is None or entry.answer == "skipped")

    def _find_next(self, reviewer: str) -> int | None:
        elsewhere = {row for name, row in self._held.items() if name != reviewer}
        is_free = self.project.state.find_open()
        is_free[list(elsewhere)] = False
        rows = self._order.rows[is_free[self._order.rows]]
        if len(rows):
            return int(rows[0])
        missed = np.flatnonzero(is_free)  # of an order that leaves some out
        skipped = [row for row in self.project.state.list_skipped() if row not in elsewhere]
        return next((int(row) for row in (*missed, *skipped)), None)

    def _sign(self, text: str) -> str:
        return hmac.new(self.project.secret, text.encode(), hashlib.sha256).hexdigest()[:32]


def _are_equal(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())
