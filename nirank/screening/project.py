"""A review as a folder: its records, its question, its decisions. It is taken up again wherever it stopped."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from nirank.base.identity import digest_files
from nirank.errors import ConfigError, DataError
from nirank.records.files import read_record_file
from nirank.records.record import RecordFile
from nirank.screening.decision_log import DecisionLog
from nirank.screening.review_state import ReviewState

_LOG, _LOCK, _COPY = "decisions.sqlite", ".nirank.lock", "source"
_FORM = "1"  # of the folder; a later nirank that writes another says so


@dataclass(frozen=True)
class ReviewPlan:
    """What a review was begun with.

    question  "" where the order begins with labels alone
    model     a model for zero-shot ranking beside BM25; "" for none
    policy    the name of the feedback policy
    order     rows of the zero-shot ranking, best first
    known     labels from before the review, by row
    """

    question: str
    model: str
    policy: str
    seed: int
    order: Sequence[int]
    known: Mapping[int, int]


class Project:
    """A folder that one process at a time works on. Use as a context manager.

    folder   with a copy of the record file as it was given, and the log of decisions
    secret   what the page's tokens are made with; it stays the same, so a page survives a restart
    """

    def __init__(self, folder: Path, log: DecisionLog, lock: FileLock, file: RecordFile) -> None:
        self.folder, self.file, self.log, self._lock = folder, file, log, lock
        settings = log.read_settings()
        self.plan = _read_plan(settings)
        self.secret = bytes.fromhex(settings["secret"])
        self.source = settings["source"]
        self.state = ReviewState.of(len(file.records), self.plan.known, log.read_entries())

    @classmethod
    def open(cls, folder: Path, records: Path | None = None) -> Self:
        """Take up a review.

        records  the file that the caller believes the review to be about; None takes the folder's

        Raises ConfigError where there is no review, another process works on it, or its records are others.
        """
        if not exists(folder):
            raise ConfigError(
                f"{folder}: holds no review; begin one with 'nirank screen FILE --question … --project DIR'"
            )
        lock = _hold(folder)
        try:
            log = DecisionLog(folder / _LOG)
            settings = log.read_settings()
            if settings.get("form") != _FORM:
                raise ConfigError(f"{folder}: was written by another version of nirank; open it with that version")
            if records is not None and digest_files([records]) != settings["digest"]:
                raise ConfigError(
                    f"{folder}: is a review of {settings['source']}, whose records are others than those of {records};"
                    " leave the file out, or name another folder"
                )
            return cls(folder, log, lock, read_record_file(folder / settings["records"]))
        except BaseException:
            lock.release()
            raise

    @classmethod
    def begin(cls, folder: Path, file: RecordFile, plan: ReviewPlan) -> Self:
        """Begin a review in a new or empty folder; raises ConfigError where it holds something."""
        require_place(folder)
        folder.mkdir(parents=True, exist_ok=True)
        lock = _hold(folder)
        try:
            log = DecisionLog(folder / _LOG)
            if log.read_settings():
                raise ConfigError(f"{folder}: holds a review already")
            copy = _COPY + file.path.suffix.lower()
            shutil.copyfile(file.path, folder / copy)
            log.write_settings(
                {
                    "form": _FORM,
                    "records": copy,
                    "source": str(file.path.absolute()),
                    "digest": digest_files([folder / copy]),
                    "secret": secrets.token_hex(32),
                    "plan": json.dumps(
                        {**vars(plan), "order": [int(row) for row in plan.order], "known": list(plan.known.items())}
                    ),
                }
            )
            return cls(folder, log, lock, file)
        except BaseException:
            lock.release()
            raise

    def close(self) -> None:
        """Give the folder free."""
        self.log.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def exists(folder: Path) -> bool:
    """Tell whether a folder holds a review; one that was cut short before its settings were kept is none."""
    if not (folder / _LOG).is_file():
        return False
    log = DecisionLog(folder / _LOG)
    try:
        return bool(log.read_settings())
    finally:
        log.close()


def require_place(folder: Path) -> None:
    """Raise ConfigError unless a review can be begun in a folder: there is none, or nothing is in it."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; name a folder for the review")
    if folder.exists() and any(folder.iterdir()) and not (folder / _LOG).exists():
        raise ConfigError(f"{folder}: holds other things than a review; name a new folder for it")


def _hold(folder: Path) -> FileLock:
    lock = FileLock(folder.resolve() / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigError(
            f"{folder}: another nirank works on this review; end it first, or name another folder"
        ) from None
    return lock


def _read_plan(settings: Mapping[str, str]) -> ReviewPlan:
    try:
        values = json.loads(settings["plan"])
        return ReviewPlan(**{**values, "known": {int(row): int(label) for row, label in values["known"]}})
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(f"{_LOG}: what the review was begun with cannot be read ({error})") from None
