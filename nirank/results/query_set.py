"""The queries of a leaderboard one by one: what each system's values are, and what is odd about its first results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nirank.evaluation.pair_measures import PairCounts

SetKey = tuple[str, str | None, str | None]  # collection, split, judgement set

HEAD = 10  # results of a list that signs are about


@dataclass(frozen=True)
class Signs:
    """Counts of each query, as (n_queries,) integers, about the first `HEAD` results of one system.

    unjudged  results without a judgement
    lost      relevant documents that some list on the system's way had among its first `HEAD` and the last one has not
    later     results dated after the query; None: nothing is dated
    """

    unjudged: NDArray[np.int64]
    lost: NDArray[np.int64]
    later: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class QuerySet:
    """The evaluated queries of one collection, split and judgement set.

    folder    of their detail scripts, below `details/`; None: none were written
    detailed  places, in `ids`, of the queries that have details; None: all have
    per_chunk queries of a detail script: the query at place `at` of the detailed ones (of all, where all are) stands in
              `lists-{at // per_chunk:04}.js`
    ids, texts, relevant  of each query: its id, the beginning of its text, how many relevant documents it has
    values    {system: {measure: (n_queries,) float64}}; NaN where a measure leaves a query out; a measure that is no
              mean over queries has none
    signs     {system: signs}; nothing of systems without order
    pair_counts  {system: {measure of pairs: what each record adds to it}}, records in the collection's order
    """

    collection: str
    split: str | None
    qrels: str | None
    ids: tuple[str, ...]
    texts: tuple[str, ...] = ()
    relevant: tuple[int, ...] = ()
    values: Mapping[str, Mapping[str, NDArray[np.float64]]] = field(default_factory=dict)
    signs: Mapping[str, Signs] = field(default_factory=dict)
    pair_counts: Mapping[str, Mapping[str, PairCounts]] = field(default_factory=dict)
    folder: str | None = None
    detailed: tuple[int, ...] | None = None
    per_chunk: int = 20

    @property
    def key(self) -> SetKey:
        """Collection, split and judgement set."""
        return self.collection, self.split, self.qrels
