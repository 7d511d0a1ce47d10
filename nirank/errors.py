"""What can go wrong, as one tree of exceptions.

NirankError
├── ConfigError      a configuration, an option or a composition that cannot work
├── DataError        a collection, a run file or judgements that cannot be trusted
├── StageError       a stage broke its contract (NaN, a document twice, outside its scope)
├── StoreError       the store cannot be read or written
├── ModelError       a model that cannot be found or read
└── MissingExtra     an optional library is not installed

Every message is one sentence that says where, what was found and what was expected;
`ConfigError` and `DataError` may carry several such sentences, since all mistakes
are reported at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class NirankError(Exception):
    """The root: everything that nirank raises on purpose."""

    exit_code = 1

    def __init__(self, *messages: str) -> None:
        super().__init__("\n".join(messages))
        self.messages: Sequence[str] = messages


class ConfigError(NirankError, ValueError):
    """The user asked for something that cannot be built."""

    exit_code = 2


class DataError(NirankError, ValueError):
    """A file holds something that would make a number wrong."""

    exit_code = 2


class ModelError(NirankError):
    """A model cannot be found, reached or read."""

    exit_code = 2


class MissingExtra(NirankError, ImportError):
    """An optional library is needed and absent."""

    exit_code = 2


class StageError(NirankError):
    """A stage gave a result that breaks its contract."""


class StoreError(NirankError, OSError):
    """The store cannot be read or written."""


def suggest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` with the nearest known spelling, or an empty string."""
    lowered = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), list(lowered), n=1, cutoff=0.5)
    return f"; did you mean '{lowered[near[0]]}'?" if near else ""
