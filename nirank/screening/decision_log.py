"""The decisions of a review on disk: a log to which entries are added, and from which nothing is ever taken."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from nirank.errors import DataError

Answer = Literal["included", "excluded", "maybe", "skipped"]
ANSWERS: Sequence[Answer] = ("included", "excluded", "maybe", "skipped")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    record INTEGER NOT NULL,
    answer TEXT NOT NULL CHECK (answer IN ('included', 'excluded', 'maybe', 'skipped', 'undone')),
    token TEXT NOT NULL UNIQUE,
    undoes INTEGER UNIQUE REFERENCES entries (number),
    n_known INTEGER NOT NULL,
    CHECK ((answer = 'undone') = (undoes IS NOT NULL))
);
CREATE TRIGGER IF NOT EXISTS entries_stay BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
CREATE TRIGGER IF NOT EXISTS entries_hold BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
"""


@dataclass(frozen=True)
class Entry:
    """One line of the log.

    record   the record's row, from 0
    answer   what was decided; 'undone' where the entry takes an earlier one back
    token    of the page that was answered; no two entries have the same
    undoes   the number of the entry that is taken back
    n_known  how many decisions the order knew in which the record was shown
    """

    number: int
    at: str
    reviewer: str
    record: int
    answer: str
    token: str
    undoes: int | None
    n_known: int


class DecisionLog:
    """An SQLite file that is on disk, whole, before `append` returns.

    Write-ahead log with `synchronous=FULL`: a commit waits for the disk, so neither a killed process nor a power cut
    takes what was answered. Raises DataError where the file cannot be written, or is none of nirank's.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30.0)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:  # no room, no permission, held by another program
            raise DataError(f"{path}: cannot be opened or written ({error})") from None
        except sqlite3.DatabaseError as error:
            raise DataError(f"{path}: is no file of decisions that nirank wrote ({error})") from None

    def close(self) -> None:
        """Close the file; what was appended is in it."""
        self._connection.close()

    def read_settings(self) -> dict[str, str]:
        """Return what the project was made with."""
        return dict(self._connection.execute("SELECT name, value FROM settings").fetchall())

    def write_settings(self, settings: dict[str, str]) -> None:
        """Keep settings, all or none."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("INSERT OR REPLACE INTO settings VALUES (?, ?)", settings.items())

    def read_entries(self) -> list[Entry]:
        """Return all entries in the order in which they were made."""
        return [Entry(*row) for row in self._connection.execute("SELECT * FROM entries ORDER BY number").fetchall()]

    def append(
        self, reviewer: str, record: int, answer: str, token: str, *, undoes: int | None = None, n_known: int = 0
    ) -> Entry | None:
        """Add an entry and return it when it is on disk; None where its token, or what it undoes, is in the log."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        values = (at, reviewer, record, answer, token, undoes, n_known)
        try:
            cursor = self._connection.execute(
                "INSERT INTO entries (at, reviewer, record, answer, token, undoes, n_known)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                values,
            )
        except sqlite3.IntegrityError as error:
            if "UNIQUE" in str(error):
                return None
            raise
        return Entry(int(cursor.lastrowid or 0), *values)
