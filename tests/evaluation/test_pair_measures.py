"""Measures of candidate pairs equal their definitions over sets of pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.evaluation.pair_measures import compute_measure, count_pairs, find_least_depth, list_lost
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking

N = 6
TABLE = Ids.of([str(row) for row in range(N)])
edges = st.sets(st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)), max_size=12)


def make_pairs(found: set[tuple[int, int]]) -> Pairs:
    listed = sorted(found)
    return Pairs.build(
        TABLE, TABLE, np.array([q for q, _ in listed], int), np.array([d for _, d in listed], int), source="x"
    )


def make_qrels(gold: set[tuple[int, int]], more: dict[str, dict[str, int]] | None = None) -> Qrels:
    judged: dict[str, dict[str, int]] = {str(row): {} for row in range(N)}
    for q, d in gold:
        judged[str(q)][str(d)] = 1
    for query, graded in (more or {}).items():
        judged[query] |= graded
    return Qrels.from_dict(judged, TABLE, TABLE)


@given(edges, edges, st.booleans())
@settings(max_examples=300, deadline=None)
def test_measures_equal_sets(found: set[tuple[int, int]], gold: set[tuple[int, int]], one_table: bool) -> None:
    counts = count_pairs(make_pairs(found), make_qrels(gold), one_table=one_table)
    if one_table:
        found, gold = ({(min(pair), max(pair)) for pair in side if pair[0] != pair[1]} for side in (found, gold))
    possible = N * (N - 1) // 2 if one_table else N * N
    hits = len(found & gold)
    assert counts.measure("PC") == (hits / len(gold) if gold else None)
    assert counts.measure("PQ") == (hits / len(found) if found else None)
    assert counts.measure("RR") == pytest.approx(1 - len(found) / possible)
    assert counts.measure("CSSR") == pytest.approx(len(found) / possible)
    pc, pq = counts.measure("PC"), counts.measure("PQ")
    if pc and pq:
        assert counts.measure("F1") == pytest.approx(2 * pc * pq / (pc + pq))
    elif gold:
        assert counts.measure("F1") == 0


def test_trap_49_blocking_figures_over_the_wrong_pairs() -> None:
    """80 of 80 training pairs and 5 of 20 held out: over the held-out ones 0.25, not 0.85."""
    table = Ids.of([str(row) for row in range(100)])
    rows = np.arange(85)
    pairs = Pairs.build(table, table, rows, rows, source="x")
    held_out = Qrels.from_dict({str(row): {str(row): 1} for row in range(80, 100)}, table, table)
    assert count_pairs(pairs, held_out).measure("PC") == 0.25
    one_to_many = Qrels.from_dict({"0": {"1": 1, "2": 1}}, TABLE, TABLE)
    kept = count_pairs(make_pairs({(0, 1)}), one_to_many)
    assert kept.measure("PC") == 0.5
    assert (kept.hits > 0).sum() / (kept.matches > 0).sum() == 1.0  # queries with a hit
    twice = count_pairs(make_pairs({(0, 1), (1, 0), (2, 2)}), make_qrels({(0, 1)}), one_table=True)
    assert twice.measure("PQ") == 1.0  # one pair, whatever its order, and none with itself


def test_matches_of_absent_records_are_lost() -> None:
    counts = count_pairs(make_pairs({(0, 1)}), make_qrels({(0, 1)}, {"0": {"absent": 1}, "1": {"3": 0}}))
    assert counts.measure("PC") == 0.5


def test_inversion_of_published_figures() -> None:
    """Property 01.6.12: F1 from queries, k, matches and PC."""
    for queries, matches, k, pc, f1 in ((2294, 2220, 2, 0.9968, 65.0), (1092, 1028, 1, 0.9445, 91.6)):
        found = compute_measure("F1", round(pc * matches), k * queries, matches, 1)
        assert found is not None
        assert 100 * found == pytest.approx(f1, abs=0.05)


def test_least_depth_and_nesting() -> None:
    """Property 01.6.9."""
    random = np.random.default_rng(3)
    q, d = np.divmod(np.arange(N * N), N)
    ranking = Ranking.build(TABLE, TABLE, q, d, random.random(N * N), source="x")
    qrels = make_qrels({(row, int(random.integers(N))) for row in range(N)})
    completeness = [count_pairs(ranking.cut(k), qrels).measure("PC") for k in range(1, N + 1)]
    assert completeness == sorted(completeness, key=float)  # type: ignore[arg-type]
    assert completeness[-1] == 1
    assert [int(count_pairs(ranking.cut(k), qrels).candidates.sum()) for k in range(1, N + 1)] == [
        k * N for k in range(1, N + 1)
    ]
    for target in (0.2, 0.5, 1.0):
        least = next(k for k, pc in enumerate(completeness, 1) if pc is not None and pc >= target)
        assert find_least_depth(ranking, qrels, target) == least
    assert find_least_depth(ranking.cut(1), make_qrels({(0, 0), (0, 1)}), 1.0) is None


def test_lost_matches_are_listed() -> None:
    assert list_lost(make_pairs({(0, 1)}), make_qrels({(0, 1), (2, 3)})) == [("2", "3")]
    assert list_lost(make_pairs({(1, 0)}), make_qrels({(0, 1), (3, 2)}), one_table=True) == [("2", "3")]


def test_intervals_resample_records() -> None:
    counts = count_pairs(make_pairs({(0, 0), (1, 1), (2, 2)}), make_qrels({(row, row) for row in range(N)}))
    low, high = counts.find_interval("PC", 500, seed=1) or (0, 0)
    assert low < 0.5 < high
    assert counts.find_interval("PC", 500, seed=1) == (low, high)
    assert count_pairs(make_pairs(set()), make_qrels(set())).find_interval("PC", 10, seed=1) is None
