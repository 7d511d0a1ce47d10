"""What supervised a system: the judged queries that it was trained and tuned on, and what they share with its row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.sides import Use
from nirank.collections.collection import Collection
from nirank.flow.qrels import Qrels
from nirank.results.row_training import SeenRecords, TrainingQueries


@dataclass(frozen=True, eq=False)
class Supervision:
    """Judged queries that something was trained or tuned on.

    overlap    how many of them are evaluated: queries by text, and pairs of records; `dropped` tells whether they
               were left out
    grade      the least grade of what is relevant
    held_out   the rows of the evaluated queries that this was for, in a fold; None: all
    questions  the queries that are left, normalised; of pairs of records, the pairs
    seen       of pairs of records: how many evaluated matches have their records here
    """

    use: Use
    title: str
    collection: Collection
    qrels: Qrels
    overlap: int
    dropped: bool
    grade: int
    held_out: NDArray[np.int64] | None = None
    questions: frozenset[str] = frozenset()
    seen: SeenRecords | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        """What equal supervision in the same fold has in common."""
        return (self.use, self.collection.queries.digest, self.qrels.digest, self.grade, self.fold)

    @property
    def fold(self) -> bytes | None:
        """The fold's queries as a key; None without folds."""
        return None if self.held_out is None else self.held_out.tobytes()

    def describe(self) -> TrainingQueries:
        """Return what a row says."""
        return TrainingQueries(
            what=self.title,
            overlap=self.overlap,
            dropped=self.dropped,
            collection=self.collection.name,
            split=self.collection.split,
            queries=len(self.qrels.queries),
            relevant_pairs=int(((self.qrels.grades >= self.grade) & (self.qrels.rows >= 0)).sum()),
            evaluated_matches=self.seen,
        )

    def find_relevant_fingerprints(self) -> NDArray[np.uint64]:
        """Return the fingerprints of the documents that are relevant to one of the queries."""
        relevant = (self.qrels.grades >= self.grade) & (self.qrels.rows >= 0)
        rows = np.unique(self.qrels.rows[relevant])
        return np.unique(np.asarray(self.collection.docs.fingerprints)[rows])


def find_seen_queries(
    supervision: Iterable[Supervision], collection: Collection, qrels: Qrels
) -> NDArray[np.bool_] | None:
    """Tell which queries have a relevant document whose text is relevant in training too, (n_queries,).

    None where nothing was trained on judged queries.
    """
    training = [query_set for query_set in supervision if query_set.use == "trained"]
    if not training:
        return None
    relevant = (qrels.grades >= qrels.min_rel) & (qrels.rows >= 0)
    queries, fingerprints = qrels.query_rows[relevant], np.asarray(collection.docs.fingerprints)[qrels.rows[relevant]]
    seen = np.zeros(len(qrels.queries), np.bool_)
    for query_set in training:
        in_fold = True if query_set.held_out is None else np.isin(queries, query_set.held_out)
        seen[queries[in_fold & np.isin(fingerprints, query_set.find_relevant_fingerprints())]] = True
    return seen


def count_trained_too(tuning: Supervision, supervision: Iterable[Supervision]) -> int:
    """Count the queries of a choice that the same fold's models were trained on."""
    trained = [query_set for query_set in supervision if query_set.use == "trained"]
    same_fold = [query_set.questions for query_set in trained if query_set.fold == tuning.fold]
    return len(tuning.questions & frozenset().union(*same_fold))
