"""What evaluation finds in long lists, block by block, is what a look at every place finds."""

from __future__ import annotations

from itertools import groupby, pairwise
from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.evaluation.kernels import JudgedResults
from nirank.evaluation.ties import order_ties
from nirank.flow import qrels as qrels_module
from nirank.flow import ranking as ranking_module
from nirank.flow.ids import Ids
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking

QUERIES, DOCS = Ids.of(["q1", "q2", "q3"]), Ids.of([f"d{i:02}" for i in range(14)])
pairs = st.tuples(st.integers(0, 2), st.integers(0, 13))


@settings(max_examples=120, deadline=None)
@given(
    scores=st.dictionaries(pairs, st.integers(0, 3), max_size=30),
    judged=st.dictionaries(pairs, st.integers(-1, 2), max_size=20),
    block=st.integers(1, 9),
)
def test_ties_of_judged_documents(
    scores: dict[tuple[int, int], int], judged: dict[tuple[int, int], int], block: int
) -> None:
    q, d = (np.array([pair[side] for pair in scores], int) for side in (0, 1))
    ranking = Ranking.build(QUERIES, DOCS, q, d, np.array([*scores.values()], float), source="test")
    judged_q, judged_d = (np.array([pair[side] for pair in judged], int) for side in (0, 1))
    qrels = Qrels.build(QUERIES, DOCS, judged_q, judged_d, np.array([*judged.values()], int))
    with patch.object(qrels_module, "_BLOCK", block):
        at, places = qrels.find_judged(ranking)
        orders = order_ties(ranking, JudgedResults.join(ranking, qrels))
    listed = [*zip(ranking.query_rows.tolist(), ranking.rows.tolist(), strict=True)]
    assert at.tolist() == [place for place, pair in enumerate(listed) if pair in judged]
    assert qrels.grades[places].tolist() == [judged[pair] for pair in listed if pair in judged]
    worst, best, tied = [], [], False
    for query in range(3):
        place = 1
        for _, group in groupby((p for p in listed if p[0] == query), key=lambda pair: scores[pair]):
            members = [*group]
            grades = [judged[pair] for pair in members if pair in judged]
            tied |= len(members) > 1 and bool(grades)
            for rank, grade in enumerate(sorted(grades, key=lambda grade: -max(grade, 0)), place):
                best.append((query, rank, max(grade, 0)))
            behind = place + len(members) - len(grades)
            for rank, grade in enumerate(sorted(grades, key=lambda grade: max(grade, 0)), behind):
                worst.append((query, rank, max(grade, 0)))
            place += len(members)
    assert (orders is not None) == tied
    for expected, order in zip((worst, best), orders or (), strict=False):
        grades = np.maximum(order.grade, 0).tolist()
        assert [*zip(order.query.tolist(), order.rank.tolist(), grades, strict=True)] == expected


@settings(max_examples=100, deadline=None)
@given(scores=st.dictionaries(pairs, st.integers(0, 5), max_size=30), block=st.integers(1, 9))
def test_scores_that_32_bits_cannot_tell_apart(scores: dict[tuple[int, int], int], block: int) -> None:
    q, d = (np.array([pair[side] for pair in scores], int) for side in (0, 1))
    values = np.array([1 + (value // 2) + (value % 2) * 1e-12 for value in scores.values()])
    ranking = Ranking.build(QUERIES, DOCS, q, d, values, source="test")
    with patch.object(ranking_module, "_BLOCK", block):
        count = ranking.count_float32_ties()
    listed = [*zip(ranking.query_rows.tolist(), ranking.scores.tolist(), strict=True)]
    assert count == sum(
        query == before and 0 < above - score < 1e-9 for (before, above), (query, score) in pairwise(listed)
    )
