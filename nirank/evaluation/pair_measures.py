"""Measures of candidate pairs, for blocking: how many matches are kept, and for how many comparisons.

C are the distinct candidate pairs, G the matches (pairs judged with at least the judgement set's grade, absent records
included), N all possible pairs. In one table a pair counts once, whatever its order, and no record pairs with itself.

    PC     pair completeness, |C ∩ G| / |G|, the recall of a blocker
    PQ     pair quality, |C ∩ G| / |C|, its precision
    F1     harmonic mean of PC and PQ
    RR     reduction ratio, 1 - |C| / N
    CSSR   candidate set size ratio, |C| / N

All are micro: over pairs, not over queries. Papadakis, Skoutas, Thanos and Palpanas, ACM Computing Surveys 53(2), 2020;
Thirumuruganathan et al., PVLDB 14(11), 2021, for CSSR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking

PAIR_MEASURES = ("PC", "PQ", "F1", "RR", "CSSR")


@dataclass(frozen=True, eq=False)
class PairCounts:
    """Matches and candidates of each query record; the measures follow from the sums.

    hits        (n_queries,) matches among the candidates
    candidates  (n_queries,) candidates
    matches     (n_queries,) matches
    possible    N
    """

    hits: NDArray[np.int64]
    candidates: NDArray[np.int64]
    matches: NDArray[np.int64]
    possible: int

    def measure(self, name: str) -> float | None:
        """Return a measure by name; None where it divides by nothing."""
        return compute_measure(
            name, int(self.hits.sum()), int(self.candidates.sum()), int(self.matches.sum()), self.possible
        )

    def find_interval(self, name: str, draws: int, seed: int, alpha: float = 0.05) -> tuple[float, float] | None:
        """Return a percentile bootstrap interval: query records are drawn, with all their pairs.

        None where the measure is None. RR and CSSR have N fixed.
        """
        if self.measure(name) is None:
            return None
        asked = np.flatnonzero((self.candidates > 0) | (self.matches > 0))
        random = np.random.default_rng(seed)
        values = []
        for _ in range(draws):
            drawn = asked[random.integers(0, len(asked), len(asked))] if len(asked) else asked
            hits, candidates, matches = (int(of[drawn].sum()) for of in (self.hits, self.candidates, self.matches))
            value = compute_measure(name, hits, candidates, matches, self.possible)
            if value is not None:
                values.append(value)
        low, high = np.quantile(values, [alpha / 2, 1 - alpha / 2])
        return float(low), float(high)


def compute_measure(name: str, hits: int, candidates: int, matches: int, possible: int) -> float | None:
    """Return a measure of sums; None where it divides by nothing."""
    if name == "PC":
        return hits / matches if matches else None
    if name == "PQ":
        return hits / candidates if candidates else None
    if name == "F1":
        return 2 * hits / (candidates + matches) if matches else None  # of PC and PQ, with hits cancelled
    ratio = candidates / possible if possible else None
    return None if ratio is None else ratio if name == "CSSR" else 1 - ratio


def count_pairs(pairs: Pairs, qrels: Qrels, *, one_table: bool = False) -> PairCounts:
    """Count the matches that candidate pairs keep.

    one_table  whether both sides are the same records, in the same order: a pair counts once, for its lesser record
    """
    found, matched = (
        _list_pairs(pairs.query_rows, pairs.rows, len(pairs.docs), one_table),
        _list_matches(qrels, one_table),
    )
    n_queries, n_docs = len(pairs.queries), len(pairs.docs)
    width = n_docs + 1
    hits = np.intersect1d(found, matched, assume_unique=True) // width
    absent = np.bincount(qrels.query_rows[(qrels.rows < 0) & (qrels.grades >= qrels.min_rel)], minlength=n_queries)
    return PairCounts(
        np.bincount(hits, minlength=n_queries),
        np.bincount(found // width, minlength=n_queries),
        np.bincount(matched // width, minlength=n_queries) + absent,
        n_docs * (n_docs - 1) // 2 if one_table else n_queries * n_docs,
    )


def find_least_depth(ranking: Ranking, qrels: Qrels, target: float, *, one_table: bool = False) -> int | None:
    """Return the least k for which the first k of each list reach a pair completeness; None if none does."""
    deepest = int(ranking.counts.max(initial=0))
    low, high = 1, deepest
    if not deepest or _completeness(ranking.cut(deepest), qrels, one_table) < target:
        return None
    while low < high:  # PC never falls with k
        middle = (low + high) // 2
        if _completeness(ranking.cut(middle), qrels, one_table) >= target:
            high = middle
        else:
            low = middle + 1
    return low


def list_lost(pairs: Pairs, qrels: Qrels, *, one_table: bool = False) -> Sequence[tuple[str, str]]:
    """Return the matches that candidate pairs lack, as ids of query and document; absent records are not listed."""
    found = _list_pairs(pairs.query_rows, pairs.rows, len(pairs.docs), one_table)
    lost = np.setdiff1d(_list_matches(qrels, one_table), found, assume_unique=True)
    queries, docs = np.divmod(lost, len(pairs.docs) + 1)
    return list(zip(pairs.queries.take(queries), pairs.docs.take(docs), strict=True))


def _completeness(pairs: Pairs, qrels: Qrels, one_table: bool) -> float:
    return count_pairs(pairs, qrels, one_table=one_table).measure("PC") or 0.0


def _list_matches(qrels: Qrels, one_table: bool) -> NDArray[np.int64]:
    match = (qrels.grades >= qrels.min_rel) & (qrels.rows >= 0)
    return _list_pairs(qrels.query_rows[match], qrels.rows[match], len(qrels.docs), one_table)


def _list_pairs(
    queries: NDArray[np.integer], docs: NDArray[np.integer], n_docs: int, one_table: bool
) -> NDArray[np.int64]:
    """Return distinct pairs as integers, ascending; in one table with the lesser record first, and none with itself."""
    first, second = np.asarray(queries, np.int64), np.asarray(docs, np.int64)
    if one_table:
        different = first != second
        first, second = first[different], second[different]
        first, second = np.minimum(first, second), np.maximum(first, second)
    return np.unique(first * (n_docs + 1) + second)
