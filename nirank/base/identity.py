"""Canonical JSON and digests: the one way in which nirank names content and recipes.

These rules can never change without changing every address in every store.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nirank.errors import ConfigError

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

ADDRESSING = 2  # raised when what addresses are made of changes everywhere: stores pass over what has an earlier one
_BYTES = 16  # 128 bits: a collision among 10^15 artifacts has probability below 10^-8


@dataclass(frozen=True)
class Placeholder:
    """A value that is known only later (`SEED`); it must be substituted before addressing."""

    name: str

    def __repr__(self) -> str:
        return self.name


SEED = Placeholder("SEED")


def to_canonical_json(value: Any) -> str:
    """Write a JSON-like value in its one canonical form.

    Keys are sorted, no blanks; an integral float is written as an integer, so `k1=1` and
    `k1=1.0` are one address. Raises ConfigError for NaN, infinities, unsubstituted
    placeholders and anything that is not JSON.
    """
    return json.dumps(_to_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _to_plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ConfigError(f"{value} cannot be part of an identity: numbers must be finite")
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {str(key): _to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_plain(item) for item in value]
    if isinstance(value, Placeholder):
        raise ConfigError(f"{value} must be substituted before anything can be addressed")
    raise ConfigError(f"a {type(value).__name__} cannot be part of an identity: expected JSON values")


def digest(value: Any) -> str:
    """Return the 128-bit BLAKE2b digest of a JSON-like value, as 32 hexadecimal digits."""
    return hashlib.blake2b(to_canonical_json(value).encode(), digest_size=_BYTES).hexdigest()


class Digester:
    """A running digest of records, for content that streams by."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=_BYTES)

    def add(self, record: Any) -> None:
        """Add one JSON record; the order of records counts."""
        self._hash.update(json.dumps(record, ensure_ascii=False, sort_keys=True).encode() + b"\n")

    def add_bytes(self, chunk: bytes | memoryview) -> None:
        """Add raw bytes."""
        self._hash.update(chunk)

    def hexdigest(self) -> str:
        """Return the digest so far."""
        return self._hash.hexdigest()


def digest_files(paths: Iterable[Path]) -> str:
    """Return one digest over the bytes of files, in the given order; names and places do not count."""
    total = Digester()
    for path in paths:
        content = Digester()
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                content.add_bytes(chunk)
        total.add(content.hexdigest())
    return total.hexdigest()
