"""Judged: which judged queries something is trained on, tuned on, or watched by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nirank.base.values import fit_fields, to_expression
from nirank.errors import ConfigError

OnOverlap = Literal["refuse", "drop", "mark"]
_SPAN = 2**64
_SALT = 16  # bytes that BLAKE2b takes


@dataclass(frozen=True)
class Judged:
    """Judged queries of a collection, chosen by split and by hash of id.

    source      a folder or id, as `load` takes it; None: the collection that the system runs on
    split       None, without a source: in an experiment with folds, the queries outside the fold; with a source, its
                default split
    qrels       the judgement set, where a collection has several; None: the first
    part        the queries whose hash lies in this part of [0, 1): (0, 0.8) and (0.8, 1) are disjoint and together all
    sample      at most so many of them, chosen by hash of id
    on_overlap  where a query is, by id or text, among those that are evaluated: 'refuse', 'drop' it, or 'mark' the row;
                None: queries to train on are refused, those to tune on marked
    """

    source: str | None = None
    split: str | None = None
    qrels: str | None = None
    part: tuple[float, float] = (0.0, 1.0)
    sample: int | None = None
    on_overlap: OnOverlap | None = None

    def __post_init__(self) -> None:
        fit_fields(self, "judged queries")
        part = tuple(float(share) for share in self.part)
        object.__setattr__(self, "part", part)
        if len(part) != 2 or not 0 <= part[0] < part[1] <= 1:
            raise ConfigError(f"part: expected two numbers from 0 to 1, the lesser first, got {list(self.part)}")
        if self.sample is not None and self.sample < 1:
            raise ConfigError(f"sample: expected a number of queries, 1 or more, got {self.sample}")
        if self.on_overlap not in (None, "refuse", "drop", "mark"):
            raise ConfigError(f"on_overlap: expected refuse, drop or mark, got {self.on_overlap!r}")

    @property
    def outside_fold(self) -> bool:
        """Tell whether the queries outside the fold are meant."""
        return self.source is None and self.split is None

    @property
    def takes_all(self) -> bool:
        """Tell whether `part` and `sample` leave no query out."""
        return self.part == (0.0, 1.0) and self.sample is None

    def choose_rows(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Return the rows of the queries that `part` and `sample` choose, ascending."""
        low, high = (int(share * _SPAN) for share in self.part)
        rows = [row for row, id in enumerate(ids) if low <= hash_with_salt(id, "part") < high]
        if self.sample is not None:
            rows = sorted(sorted(rows, key=lambda row: hash_with_salt(ids[row], "sample"))[: self.sample])
        return np.array(rows, np.int64)

    def __repr__(self) -> str:
        return to_expression(self)


def hash_with_salt(text: str, salt: str) -> int:
    """Return a hash of a text from 0 to 2^64 - 1; other salts give independent ones."""
    seasoned = salt.encode()
    if len(seasoned) > _SALT:  # all of it counts
        seasoned = blake2b(seasoned, digest_size=_SALT).digest()
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8, salt=seasoned).digest())


def assign_folds(keys: Sequence[str], k: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of each key, 0 to k - 1, (n,); equal keys are in the same one.

    The distinct keys, in the order of their seeded hashes, are cut into k runs whose lengths differ by one at most: so
    a key more moves only keys at the borders.
    """
    ordered = sorted(set(keys), key=lambda key: (hash_with_salt(key, f"fold {seed}"), key))
    fold = {key: position * k // len(ordered) for position, key in enumerate(ordered)}
    return np.array([fold[key] for key in keys], np.int64)
