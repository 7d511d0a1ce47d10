"""Folds: parts of a collection's queries; each is ranked by what was trained or tuned on the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.judged import assign_folds
from nirank.base.values import fit_fields
from nirank.collections.collection import Collection
from nirank.collections.text_view import TITLE_AND_TEXT, TextView
from nirank.errors import ConfigError
from nirank.training.questions import normalise_question


@dataclass(frozen=True)
class Folds:
    """How queries are split: into k parts by a seeded hash, queries with one text in the same part.

    Each part's list comes from systems that saw the other parts' judgements only; all parts are evaluated together.
    """

    k: int
    seed: int = 0

    def __post_init__(self) -> None:
        fit_fields(self, "folds")
        if self.k < 2:
            raise ConfigError(f"folds: expected 2 folds or more, got {self.k!r}")

    def split_queries(self, collection: Collection) -> list[NDArray[np.int64]]:
        """Return the query rows of each fold."""
        if len(collection.queries) < self.k:
            raise ConfigError(f"collection {collection.name}: {len(collection.queries)} queries for {self.k} folds")
        texts = [normalise_question(text) for text in collection.queries.read(TextView(TITLE_AND_TEXT))]
        first: dict[str, str] = {}  # queries without words are each their own
        keys = [
            first.setdefault(text, id) if text else id for text, id in zip(texts, collection.queries.ids, strict=True)
        ]
        fold = assign_folds(keys, self.k, self.seed)
        return [np.flatnonzero(fold == number) for number in range(self.k)]
