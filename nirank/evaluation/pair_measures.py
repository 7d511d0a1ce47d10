"""Measures of candidate pairs, for blocking: how many matches are kept, and for how many comparisons.

C are the distinct candidate pairs, G the matches (pairs judged with at least the judgement set's grade, those of absent
records and those that the scope excludes included), N the pairs that are possible: all, or those that the scope allows.
In one table a pair counts once, whatever its order, and no record pairs with itself.

    PC               pair completeness, |C ∩ G| / |G|, the recall of a blocker
    PQ               pair quality, |C ∩ G| / |C|, its precision
    F1               harmonic mean of PC and PQ
    reduction_ratio  1 - |C| / N; the literature's RR
    CSSR             candidate set size ratio, |C| / N
    candidates       |C| / records that ask

All are micro: over pairs, not over queries. Papadakis, Skoutas, Thanos and Palpanas, ACM Computing Surveys 53(2), 2020;
Thirumuruganathan et al., PVLDB 14(11), 2021, for CSSR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nirank.errors import StageError
from nirank.evaluation.possible_pairs import count_possible_pairs
from nirank.evaluation.resampling import draw_sums
from nirank.flow.pairs import Pairs, merge_keys
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope

Counts = NDArray[np.int64] | NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PairCounts:
    """Matches and candidates of each record that asks; the measures follow from the sums.

    hits        (n_records,) matches among the candidates; means over seeds are not whole
    candidates  (n_records,) candidates
    matches     (n_records,) matches
    possible    N; None: it is not known
    asking      how many records ask
    In one table a pair is its lesser record's.
    """

    hits: Counts
    candidates: Counts
    matches: Counts
    possible: int | None
    asking: int

    @classmethod
    def average(cls, counts: Sequence[PairCounts]) -> PairCounts:
        """Return each record's mean counts over runs that differ by their seed."""
        hits, candidates = (np.mean([vars(count)[name] for count in counts], axis=0) for name in ("hits", "candidates"))
        return cls(hits, candidates, counts[0].matches, counts[0].possible, counts[0].asking)

    def measure(self, name: str) -> float | None:
        """Return a measure by name; None where it divides by nothing."""
        sums = np.array([self.hits.sum(), self.candidates.sum(), self.matches.sum()], np.float64)
        return _to_number(compute_measures(name, sums, self.possible, self.asking))

    def find_interval(self, name: str, draws: int, seed: int, alpha: float = 0.05) -> tuple[float, float] | None:
        """Return a percentile bootstrap interval: query records are drawn, with all their pairs.

        None where the measure is None. N is fixed.
        """
        if self.measure(name) is None:
            return None
        sums = draw_sums(self.table * mask_sums(name), draws, seed)
        values = compute_measures(name, sums, self.possible, self.asking)
        low, high = np.nanquantile(values, [alpha / 2, 1 - alpha / 2])
        return float(low), float(high)

    @property
    def table(self) -> NDArray[np.float64]:
        """Hits, candidates and matches of each record, (n_records, 3)."""
        return np.stack((self.hits, self.candidates, self.matches), axis=1).astype(np.float64)

    @property
    def reached(self) -> tuple[int, int]:
        """Of how many records with a match one at least is found, and how many there are."""
        return int((self.hits > 0).sum()), int((self.matches > 0).sum())


def mask_sums(name: str) -> NDArray[np.bool_]:
    """Tell which of hits, candidates and matches a measure reads, (3,)."""
    return np.array([name in ("PC", "PQ", "F1"), name != "PC", name in ("PC", "F1")])


def compute_measures(name: str, sums: NDArray[np.float64], possible: int | None, asking: int) -> NDArray[np.float64]:
    """Return a measure of sums of hits, candidates and matches, (…, 3); NaN where it divides by nothing."""
    hits, candidates, matches = (sums[..., at] for at in range(3))
    if name == "PC":
        return _divide(hits, matches)
    if name == "PQ":
        return _divide(hits, candidates)
    if name == "F1":  # of PC and PQ, with hits cancelled
        return np.where(matches > 0, _divide(2 * hits, candidates + matches), np.nan)
    if name == "candidates":
        return _divide(candidates, np.full_like(candidates, asking))
    ratio = _divide(candidates, np.full_like(candidates, possible or 0))
    return {"CSSR": ratio, "reduction_ratio": 1 - ratio}[name]


def _divide(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    quotient: NDArray[np.float64] = np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)
    return quotient


def _to_number(value: NDArray[np.float64]) -> float | None:
    return None if np.isnan(value) else float(value)


def count_pairs(
    pairs: Pairs, qrels: Qrels, *, one_table: bool = False, both_ask: bool = False, scope: Scope | None = None
) -> PairCounts:
    """Count the matches that candidate pairs keep.

    one_table  whether the queries are records of the documents' table: a pair counts once, for its lesser record
    both_ask   whether the documents ask too: the pairs are what either side found
    scope      which pairs are possible; None: all
    Raises StageError where pairs and judgements are of different records.
    """
    if pairs.queries != qrels.queries or pairs.docs != qrels.docs:
        raise StageError("the candidate pairs and the judgements are over different queries or documents")
    records = find_records(pairs, one_table)
    candidates = list_pairs(pairs.query_rows, pairs.rows, len(pairs.docs), records)
    matched = list_matches(qrels, records)
    n_queries, n_docs = len(pairs.queries), len(pairs.docs)
    width = n_docs + 1
    hits = matched[are_among(matched, candidates)]
    absent = qrels.query_rows[(qrels.rows < 0) & (qrels.grades >= qrels.min_rel)]
    absent = absent if records is None else records[absent]
    n_records = n_queries if records is None else n_docs
    return PairCounts(
        np.bincount(hits // width, minlength=n_records),
        np.bincount(candidates // width, minlength=n_records),
        np.bincount(matched // width, minlength=n_records) + np.bincount(absent, minlength=n_records),
        count_possible_pairs(pairs.queries, pairs.docs, records, scope),
        n_queries + (n_docs if both_ask else 0),
    )


def find_least_depth(ranking: Ranking, qrels: Qrels, target: float, *, one_table: bool = False) -> int | None:
    """Return the least k for which the first k of each list reach a pair completeness; None if none does."""
    deepest = int(ranking.counts.max(initial=0))
    low, high = 1, deepest
    if not deepest or _compute_completeness(ranking.cut(deepest), qrels, one_table) < target:
        return None
    while low < high:  # PC never falls with k
        middle = (low + high) // 2
        if _compute_completeness(ranking.cut(middle), qrels, one_table) >= target:
            high = middle
        else:
            low = middle + 1
    return low


def find_records(pairs: Pairs | Qrels, one_table: bool) -> NDArray[np.int64] | None:
    """Return each query's row among the documents, (n_queries,), for one table; None for two."""
    if not one_table:
        return None
    rows = pairs.docs.find_rows(list(pairs.queries))
    if len(rows) and rows.min() < 0:
        absent = pairs.queries[int(np.argmin(rows))]
        raise StageError(f"query '{absent}' is not in the table; pairs of one table have both records in it")
    return rows


def list_matches(qrels: Qrels, at: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Return the matches as `list_pairs` does; those of absent records are not among them."""
    match = (qrels.grades >= qrels.min_rel) & (qrels.rows >= 0)
    return list_pairs(qrels.query_rows[match], qrels.rows[match], len(qrels.docs), at)


def list_pairs(
    queries: NDArray[np.integer], docs: NDArray[np.integer], n_docs: int, at: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """Return distinct pairs as integers, ascending: query × (n_docs + 1) + document.

    at  of one table, each query's row among the documents: the lesser record comes first, and none with itself
    """
    first, second = np.asarray(queries, np.int64), np.asarray(docs, np.int64)
    if at is not None:
        first = at[first]
        different = first != second
        first, second = first[different], second[different]
        first, second = np.minimum(first, second), np.maximum(first, second)
    keys = first * (n_docs + 1) + second
    return keys if (keys[1:] > keys[:-1]).all() else merge_keys([keys])


def are_among(wanted: NDArray[np.int64], pairs: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which pairs are among others, ascending, as `list_pairs` gives them."""
    at = np.searchsorted(pairs, wanted)
    is_found: NDArray[np.bool_] = pairs[np.minimum(at, len(pairs) - 1)] == wanted if len(pairs) else at > 0
    return is_found


def _compute_completeness(pairs: Pairs, qrels: Qrels, one_table: bool) -> float:
    return count_pairs(pairs, qrels, one_table=one_table).measure("PC") or 0.0
