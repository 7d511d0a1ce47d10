"""What is made by blocks is the same however small they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nirank.algebra.context import Context
from nirank.algebra.stage import Combiner, TextMap
from nirank.collections.text_view import TextView
from nirank.collections.texts import Texts
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.stages import _blocks, _fusion
from nirank.stages.comb import Comb
from nirank.stages.complete import Complete
from nirank.stages.first_words import FirstWords
from nirank.stages.rrf import RRF
from nirank.stages.sentences import Sentences
from nirank.stages.weighted_sum import WeightedSum
from nirank.stages.windows import Windows

N_QUERIES, N_DOCS = 7, 40
QUERIES, DOCS = Ids.of(f"q{at}" for at in range(N_QUERIES)), Ids.of(f"d{at * 7 % N_DOCS}" for at in range(N_DOCS))


def draw_ranking(seed: int, share: float, depth: int | None = None) -> Ranking:
    random = np.random.default_rng(seed)
    is_chosen = random.random((N_QUERIES, N_DOCS)) < share
    is_chosen[3] = False
    q, d = np.nonzero(is_chosen)
    scores = random.integers(-3, 4, len(q)).astype(np.float32)
    return Ranking.build(QUERIES, DOCS, q, d, scores, source="t", depth=depth)


@pytest.mark.parametrize("stage", [RRF(), Comb("med"), Comb("mnz"), WeightedSum((0.7, 0.3, 2.0), "zscore")], ids=repr)
def test_fusion(stage: Combiner, monkeypatch: pytest.MonkeyPatch) -> None:
    lists = [draw_ranking(1, 0.5), draw_ranking(2, 0.3, depth=9), draw_ranking(3, 0.9)]
    ctx, limited = Context(), Context()
    fused = stage.combine(lists, ctx)
    parts: list[int] = []
    for ceiling in (1, 60, 120):
        monkeypatch.setattr(_fusion, "_BLOCK_PAIRS", ceiling)
        assert stage.combine(lists, limited) == fused
        parts.append(len(list(_fusion._cut_into_blocks(np.sum([ranking.counts for ranking in lists], axis=0)))))
    assert parts[0] == N_QUERIES > parts[2] > 1 and fused.depth == 9
    assert ctx.counts["unequal_depths"] == 1, "all but the deepest"


@pytest.mark.parametrize("stage", [Windows(3, overlap=1), Sentences(1), FirstWords(2)], ids=repr)
def test_texts(stage: TextMap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = {
        f"d{at}": {"title": f"t{at}", "text": "One two. Three four five. Six. " * (at % 4), "metadata": {"n": at}}
        for at in range(20)
    }
    texts = Texts.of(records)
    ctx = Context(scratch=tmp_path / "scratch")
    expected = stage.map(texts, None, ctx)
    for characters, rows in ((1, 4096), (60, 4096), (1 << 20, 3)):
        monkeypatch.setattr(_blocks, "BLOCK_CHARACTERS", characters)
        monkeypatch.setattr(_blocks, "_BLOCK_ROWS", rows)
        texts_by_blocks = stage.map(texts, None, ctx)
        assert [texts_by_blocks[row] for row in range(len(texts_by_blocks))] == [
            expected[row] for row in range(len(expected))
        ]
        assert texts_by_blocks.digest == expected.digest and np.array_equal(texts_by_blocks.parents, expected.parents)
    assert list((tmp_path / "scratch").iterdir()) == [], "what is mapped has no name"
    empty = stage.map(Texts.of({}), None, ctx)
    assert len(empty) == 0 and list(empty.parents) == []


def test_long_texts_are_read_a_few_at_a_time() -> None:
    texts = Texts.of({f"d{at}": "word " * 2_000_000 for at in range(4)})
    assert texts._slice_rows == 1 and Texts.of(dict.fromkeys("abc", "short"))._slice_rows == 4096
    assert [len(text) for text in texts.read(TextView("text"))] == [9_999_999] * 4


@pytest.mark.parametrize("scoped", [False, True])
def test_complete_appends_what_the_scope_allows_in_order(scoped: bool) -> None:
    head = draw_ranking(1, 0.2)
    scope = Scope(QUERIES, DOCS)
    if scoped:
        random = np.random.default_rng(9)
        allowed = random.random((N_QUERIES, N_DOCS)) < 0.5
        allowed[head.query_rows, head.rows] = True
        pairs = Pairs.build(QUERIES, DOCS, *np.nonzero(allowed), source="t")
        own_rows = np.array([row if not allowed[at, row] else -1 for at, row in enumerate(range(N_QUERIES))])
        scope = Scope(QUERIES, DOCS, pairs=pairs, own_rows=own_rows)
    completed = Complete().combine([head], Context(scope=scope))
    for query in range(N_QUERIES):
        part, old = completed.get_rows(query), head.get_rows(query)
        rows = scope.list_rows(query)
        assert set(part.tolist()) == set(range(N_DOCS) if rows is None else rows.tolist())
        assert part[: len(old)].tolist() == old.tolist()
    rebuilt = Ranking.build(QUERIES, DOCS, completed.query_rows, completed.rows, completed.scores, source="t")
    assert rebuilt == completed, "in standard order"
    end = completed.offsets[1:][head.counts > 0] - 1
    assert (completed.scores[end] < head.scores[head.offsets[1:][head.counts > 0] - 1]).all()
    assert completed.scores[completed.offsets[3]] == 0, "nothing was found"
