"""Exact nearest neighbours: every score a function of its two vectors, every list in standard order."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.errors import ConfigError, StageError
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking, select_best
from nirank.flow.scope import Scope, ValueRange
from nirank.inference import candidates, knn
from nirank.inference.knn import search_nearest
from nirank.inference.similarity import compute_norms, normalise, score_vectors

SIMILARITIES = ["cosine", "dot", "euclidean"]


def make_scope(n_queries: int, n_docs: int) -> Scope:
    return Scope(Ids.of(f"q{i}" for i in range(n_queries)), Ids.of(f"d{i:04}" for i in range(n_docs)))


def test_trap_32_cosine_dot_and_euclidean_are_told_apart() -> None:
    docs = np.array([[3, 0], [1, 1], [0, 0]], np.float32)
    query = np.array([[1, 0.9]], np.float32)
    orders = {
        name: Pairs.to_dict(search_nearest(query, docs, make_scope(1, 3), None, name))["q0"]
        for name in ("dot", "cosine")
    }
    assert orders == {"dot": ["d0000", "d0001", "d0002"], "cosine": ["d0001", "d0000", "d0002"]}
    assert search_nearest(query, docs, make_scope(1, 3), None, "cosine").scores[-1] == 0
    far = search_nearest(query, docs, make_scope(1, 3), None, "euclidean")
    assert far.to_dict()["q0"]["d0001"] == pytest.approx(-0.1, abs=1e-6)
    with pytest.raises(ConfigError, match="similarity 'manhattan'"):
        search_nearest(query, docs, make_scope(1, 3), None, "manhattan")


def test_trap_23_fewer_documents_than_k() -> None:
    docs = np.array([[0.9, 0], [0.5, 0], [0.1, 0]], np.float32)
    ranking = search_nearest(np.array([[1, 0]], np.float32), docs, make_scope(1, 3), 5, "dot")
    assert ranking.counts.tolist() == [3]
    assert ranking.scores[0] == np.float32(0.9)
    assert ranking.depth is None


def test_trap_24_lists_do_not_depend_on_k_or_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    docs, query = np.ones((2000, 4), np.float32), np.ones((1, 4), np.float32)
    lists = {}
    for block in (10**6, 300):
        monkeypatch.setattr(knn, "choose_block_docs", lambda _, block=block: block)
        for k in (10, 500):
            lists[block, k] = search_nearest(query, docs, make_scope(1, 2000), k, "cosine").rows[:10].tolist()
    assert len({tuple(rows) for rows in lists.values()}) == 1
    assert lists[300, 10] == list(range(1999, 1989, -1))


@pytest.mark.parametrize("k", [1, 3, 39, 40, None])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_equal_queries_are_searched_once_and_get_what_each_would(
    k: int | None, own: bool, masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(2)
    docs = random.integers(0, 2, (40, 3)).astype(np.float32)
    open_scope = make_scope(40, 40)
    scope = replace(
        open_scope,
        own_rows=np.where(np.arange(40) % 5 > 0, np.arange(40), -1) if own else None,
        mask=random.random(40) < 0.7 if masked else None,
    )
    searched: list[int] = []
    each = knn._search_each

    def count_queries(queries: np.ndarray, *more: object) -> object:
        searched.append(len(queries))
        return each(queries, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(knn, "_search_each", count_queries)
    for similarity in ("cosine", "dot", "euclidean"):
        shared = search_nearest(docs, docs, scope, k, similarity)
        assert searched == [8]  # corners of a cube
        assert shared == each(docs, docs, scope, k, similarity, None)
        searched.clear()


@given(
    seed=st.integers(0, 99),
    similarity=st.sampled_from(SIMILARITIES),
    with_pairs=st.booleans(),
    with_own_rows=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_scoped_search_is_the_whole_search_masked(
    seed: int, similarity: str, with_pairs: bool, with_own_rows: bool
) -> None:
    rng = np.random.default_rng(seed)
    docs, queries = rng.normal(size=(40, 6)).astype(np.float32), rng.normal(size=(5, 6)).astype(np.float32)
    open_scope = make_scope(5, 40)
    mask = rng.random(40) < 0.5
    pairs = None
    if with_pairs:
        q, d = np.nonzero(rng.random((5, 40)) < 0.3)
        pairs = Pairs.build(open_scope.queries, open_scope.docs, q, d, source="test")
    scope = Scope(open_scope.queries, open_scope.docs, mask, pairs, np.arange(5) if with_own_rows else None)
    full_ranking = search_nearest(queries, docs, open_scope, None, similarity)
    masked = full_ranking.select(scope.allows(full_ranking.query_rows, full_ranking.rows))
    scoped = search_nearest(queries, docs, scope, None, similarity)
    assert scoped.rows.tolist() == masked.rows.tolist()
    assert np.abs(scoped.scores - masked.scores).max(initial=0) < 1e-5
    assert search_nearest(queries, docs, scope, 3, similarity).rows.tolist() == scoped.cut(3).rows.tolist()


def search_one_by_one(queries: np.ndarray, docs: np.ndarray, scope: Scope, k: int | None, similarity: str) -> Ranking:
    """Score every document with every query by itself, and sort what the scope leaves."""
    if similarity == "cosine":
        queries = normalise(queries, compute_norms(queries))
    parts = []
    for query in range(len(queries)):
        rows = scope.list_rows(query)
        rows = np.arange(len(docs)) if rows is None else rows
        vectors = docs[rows].astype(np.float32)
        scores = score_vectors(queries[query], vectors, compute_norms(vectors), similarity)
        best = select_best(scores, scope.docs.rank[rows], k)
        parts.append((np.full(len(best), query), rows[best], scores[best]))
    depth = k if k is not None and k < len(docs) else None
    flat = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Ranking.build(scope.queries, scope.docs, *flat, source="test", depth=depth)


@given(
    seed=st.integers(0, 9999),
    similarity=st.sampled_from(SIMILARITIES),
    k=st.sampled_from([1, 4, 30, None]),
    kind=st.sampled_from([np.float32, np.float16]),
    blocks=st.sampled_from([(3, 5), (4, 64), (1024, 4096)]),
    spare=st.sampled_from([0, 8, 1024]),
)
@settings(max_examples=120, deadline=None)
def test_blocks_give_the_bytes_of_one_by_one(
    seed: int, similarity: str, k: int | None, kind: type, blocks: tuple[int, int], spare: int
) -> None:
    """Whatever the rules of a scope, copies among documents and queries, sizes of blocks, and when rounding is settled."""
    rng = np.random.default_rng(seed)
    docs, queries = rng.normal(size=(150, 9)).astype(kind), rng.normal(size=(11, 9)).astype(np.float32)
    docs[rng.random(150) < rng.choice([0, 0.4])] = docs[0]
    docs[rng.random(150) < rng.choice([0, 0.2])] = 0
    queries[rng.random(11) < rng.choice([0, 0.5])] = docs[0]
    ids = Ids.of(f"d{row}" for row in rng.permutation(150).tolist())
    scope = replace(make_scope(11, 150), docs=ids)
    rules = rng.random(5) < 0.4
    q, d = np.nonzero(rng.random((11, 150)) < rng.choice([0.05, 0.5]))
    some = Pairs.build(scope.queries, ids, q, d, source="test")
    values, low = rng.integers(0, 100, 150).astype(np.int32), rng.integers(0, 90, 11)
    rule = ValueRange(values, low, low + rng.integers(0, 60), rng.random(150) < 0.05)
    scope = Scope(
        scope.queries,
        ids,
        mask=rng.random(150) < rng.choice([0, 0.1, 0.8]) if rules[0] else None,
        own_rows=np.where(rng.random(11) < 0.8, rng.integers(0, 150, 11), -1) if rules[1] else None,
        ranges=(rule, rule) if rules[2] else (),
        excluded=some if rules[3] else None,
        pairs=some if rules[4] else None,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(knn, "_BLOCK_QUERIES", blocks[0])
        patch.setattr(knn, "choose_block_docs", lambda _: blocks[1])
        patch.setattr(candidates, "_SPARE", spare)
        ranking = search_nearest(queries, docs, scope, k, similarity)
    assert ranking == search_one_by_one(queries, docs, scope, k, similarity)


def test_pairs_of_a_ranking_are_scored_as_those_of_a_list() -> None:
    rng = np.random.default_rng(7)
    docs, queries = rng.normal(size=(30, 5)).astype(np.float32), rng.normal(size=(4, 5)).astype(np.float32)
    scope = make_scope(4, 30)
    q, d = np.nonzero(rng.random((4, 30)) < 0.6)
    ranked = Ranking.build(scope.queries, scope.docs, q, d, rng.random(len(q)), source="test")
    lists = [replace(scope, pairs=pairs) for pairs in (ranked, ranked.drop_scores())]
    expected = search_one_by_one(queries, docs, lists[1], 5, "dot")
    assert [search_nearest(queries, docs, listed, 5, "dot") for listed in lists] == [expected] * 2


def score_by_definition(query: np.ndarray, docs: np.ndarray, similarity: str) -> np.ndarray:
    """Score in float64, by the definition."""
    query, docs = query.astype(np.float64), docs.astype(np.float64)
    if similarity == "euclidean":
        return -np.linalg.norm(docs - query, axis=1)
    products = docs @ query
    return products if similarity == "dot" else products / (np.linalg.norm(docs, axis=1) * np.linalg.norm(query))


@given(
    seed=st.integers(0, 999),
    similarity=st.sampled_from(SIMILARITIES),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    k=st.sampled_from([1, 7, 50, None]),
    block=st.sampled_from([16, 10**6]),
)
@settings(max_examples=60, deadline=None)
def test_scores_and_order_are_those_of_the_definition(
    seed: int, similarity: str, scale: float, k: int | None, block: int
) -> None:
    rng = np.random.default_rng(seed)
    docs, queries = (rng.normal(size=(n, 24)).astype(np.float32) * np.float32(scale) for n in (90, 3))
    docs[::9] = queries[0]  # near and equal ones, where differences of squares lose every digit
    docs[1::9] = queries[0] * np.float32(1.0001)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(knn, "choose_block_docs", lambda _: block)
        ranking = search_nearest(queries, docs, make_scope(3, 90), k, similarity)
    for query in range(3):
        expected = score_by_definition(queries[query], docs, similarity)
        size = np.abs(expected).max()
        rows, scores = ranking.get_rows(query), ranking.scores[ranking.offsets[query] : ranking.offsets[query + 1]]
        assert len(rows) == (k or 90)
        assert np.abs(scores - expected[rows]).max() <= 1e-5 * size
        worst_kept, best_left = expected[rows].min(), np.delete(expected, rows).max(initial=-np.inf)
        assert best_left <= worst_kept + 1e-5 * size


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("n_docs", [97, 2003])
def test_a_score_depends_on_its_two_vectors_alone(n_docs: int, similarity: str) -> None:
    rng = np.random.default_rng(n_docs)
    docs, queries = rng.normal(size=(n_docs, 384)).astype(np.float32), rng.normal(size=(70, 384)).astype(np.float32)
    docs[5:60] = docs[5]
    open_scope = make_scope(70, n_docs)
    full_ranking = search_nearest(queries, docs, open_scope, None, similarity)
    for query in (0, 3, 69):
        is_equal = np.isin(full_ranking.get_rows(query), np.arange(5, 60))
        of_query = slice(full_ranking.offsets[query], full_ranking.offsets[query + 1])
        assert len(np.unique(full_ranking.scores[of_query][is_equal])) == 1  # equal documents tie …
        assert full_ranking.get_rows(query)[is_equal].tolist() == list(range(59, 4, -1))  # … in descending id order
        single_query = search_nearest(queries[query : query + 1], docs, make_scope(1, n_docs), 10, similarity)
        assert single_query.rows.tolist() == full_ranking.get_rows(query)[:10].tolist()
        assert single_query.scores.tolist() == full_ranking.scores[of_query][:10].tolist()
    all_listed = Scope(open_scope.queries, open_scope.docs, pairs=open_scope.list_pairs())
    listed_ranking = search_nearest(queries, docs, all_listed, None, similarity)
    assert listed_ranking.rows.tolist() == full_ranking.rows.tolist()
    assert listed_ranking.scores.tolist() == full_ranking.scores.tolist()


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_is_named_and_never_just_missing(number: float, similarity: str) -> None:
    vectors = np.ones((6, 3), np.float32)
    broken = vectors.copy()
    broken[4, 1] = number
    listed = Pairs.build(make_scope(2, 6).queries, make_scope(2, 6).docs, np.array([1]), np.array([4]), source="test")
    for scope in (make_scope(2, 6), Scope(make_scope(2, 6).queries, make_scope(2, 6).docs, pairs=listed)):
        with np.errstate(invalid="ignore"), pytest.raises(StageError, match="document 'd0004' has score"):
            search_nearest(vectors[:2], broken, scope, 2, similarity)
    with np.errstate(invalid="ignore"), pytest.raises(StageError, match="query 'q1', document 'd0000'"):
        search_nearest(broken[3:5], vectors, make_scope(2, 6), 2, similarity)


def test_no_documents_no_queries_nothing_allowed() -> None:
    vectors = np.ones((3, 2), np.float32)
    assert search_nearest(vectors, vectors[:0], make_scope(3, 0), 5, "cosine").counts.tolist() == [0, 0, 0]
    assert len(search_nearest(vectors[:0], vectors, make_scope(0, 3), 5, "cosine")) == 0
    open_scope = make_scope(3, 3)
    closed_scope = Scope(open_scope.queries, open_scope.docs, np.zeros(3, np.bool_))
    assert search_nearest(vectors, vectors, closed_scope, 5, "cosine").counts.tolist() == [0, 0, 0]


def test_trap_42_leaving_out_own_documents_takes_no_list_of_all_pairs() -> None:
    vectors = np.random.default_rng(0).normal(size=(8_000, 4)).astype(np.float32)
    ids = Ids.of(f"d{i:05}" for i in range(8_000))
    tracemalloc.start()
    ranking = search_nearest(vectors, vectors, Scope(ids, ids, own_rows=np.arange(8_000)), 3, "cosine")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6  # bytes; every query's list of the other rows would be 512e6
    assert (ranking.rows.reshape(-1, 3) != np.arange(8_000)[:, None]).all()


def test_trap_42_memory_is_a_block_whatever_the_number_of_pairs() -> None:
    random = np.random.default_rng(42)
    docs, queries = (random.standard_normal((n, 8)).astype(np.float32) for n in (50_000, 5_000))
    scope = Scope(Ids.of(f"q{i}" for i in range(5_000)), Ids.of(f"d{i:05}" for i in range(50_000)))
    tracemalloc.start()
    ranking = search_nearest(queries, docs, scope, 10, "dot")  # all pairs at once would be 1 GB
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300e6
    products = queries[:50] @ docs.T
    best = -np.sort(-products, axis=1)[:, :10]
    assert np.abs(ranking.scores[: 50 * 10].reshape(50, 10) - best).max() < 1e-4


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("block", [8, 10**6])
def test_products_choose_with_a_margin_for_their_rounding(
    similarity: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever products err, within the bound, what is chosen and in which order stays the same."""
    rng = np.random.default_rng(4)
    docs = np.tile(rng.normal(size=16), (200, 1)).astype(np.float32)
    docs += rng.normal(size=docs.shape).astype(np.float32) * np.float32(2e-6)  # scores that differ in their last bits
    queries = (docs[:2] + np.float32(0.25)).astype(np.float32)
    monkeypatch.setattr(knn, "choose_block_docs", lambda _: block)
    exact = search_nearest(queries, docs, make_scope(2, 200), None, similarity)
    original = knn.compute_rough_scores

    def compute_imprecisely(part: np.ndarray, chooser: np.ndarray, kind: str) -> np.ndarray:
        allowed = knn.bound_errors(part, np.linalg.norm(chooser, axis=1).astype(np.float32), kind)[:, None]
        signs = rng.choice([-0.9, 0.9], (len(part), len(chooser)))
        return (original(part, chooser, kind) + signs * allowed).astype(np.float32)

    monkeypatch.setattr(knn, "compute_rough_scores", compute_imprecisely)
    ranking = search_nearest(queries, docs, make_scope(2, 200), 7, similarity)
    for query in range(2):
        assert ranking.get_rows(query).tolist() == exact.get_rows(query)[:7].tolist()
