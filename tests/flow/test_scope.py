"""Scopes: what retrieval may return, and that retrievers keep to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nirank.algebra.application import within
from nirank.collections.collection import Collection
from nirank.experiment.experiment import Experiment
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope, ValueRange
from nirank.inference.knn import search_nearest
from nirank.stages.bm25 import BM25
from nirank.stages.complete import Complete
from nirank.stages.only import Only
from nirank.store import LocalStore

N_QUERIES, N_DOCS = 5, 60
SIDES = (Ids.of(f"q{i}" for i in range(N_QUERIES)), Ids.of(f"d{i:03}" for i in range(N_DOCS)))


@st.composite
def scopes(draw: st.DrawFn) -> Scope:
    """Draw any mixture of a mask, listed pairs, own documents, documents had before and up to two rules on values."""
    random = np.random.default_rng(draw(st.integers(0, 999)))
    mask = random.random(N_DOCS) < 0.7 if draw(st.booleans()) else None
    rows_by_query = [np.flatnonzero(random.random(N_DOCS) < 0.4) for _ in range(N_QUERIES)]
    pairs = Pairs.from_ids(
        *SIDES, {f"q{q}": SIDES[1].take(rows) for q, rows in enumerate(rows_by_query)}, source="drawn"
    )
    own_rows = random.integers(-1, N_DOCS, N_QUERIES)
    rules = tuple(
        ValueRange(
            random.integers(0, 9, N_DOCS).astype(np.int32),
            random.integers(0, 6, N_QUERIES),
            random.integers(3, 9, N_QUERIES),
            random.random(N_DOCS) < 0.1,
        )
        for _ in range(draw(st.integers(0, 2)))
    )
    known_pairs = Pairs.build(*SIDES, *np.nonzero(random.random((N_QUERIES, N_DOCS)) < 0.2), source="drawn")
    use_pairs, use_own, use_had = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    excluded = known_pairs if use_had else None
    return Scope(*SIDES, mask, pairs if use_pairs else None, own_rows if use_own else None, rules, excluded)


def make_table(scope: Scope) -> np.ndarray:
    """Return what is inside, (n_queries, n_docs) bool, by the definition alone."""
    allowed = np.ones((N_QUERIES, N_DOCS), np.bool_)
    for query in range(N_QUERIES):
        for doc in range(N_DOCS):
            if scope.mask is not None:
                allowed[query, doc] &= scope.mask[doc]
            if scope.pairs is not None:
                allowed[query, doc] &= doc in scope.pairs.get_rows(query)
            if scope.own_rows is not None:
                allowed[query, doc] &= scope.own_rows[query] != doc
            if scope.excluded is not None:
                allowed[query, doc] &= doc not in scope.excluded.get_rows(query)
            for rule in scope.ranges:
                allowed[query, doc] &= rule.always[doc] or rule.low[query] <= rule.values[doc] <= rule.high[query]
    return allowed


@given(scopes())
@settings(max_examples=40, deadline=None)
def test_all_views_of_a_scope_agree(scope: Scope) -> None:
    allowed = make_table(scope)
    for query in range(N_QUERIES):
        rows = scope.list_rows(query)
        assert (np.arange(N_DOCS) if rows is None else rows).tolist() == np.flatnonzero(allowed[query]).tolist()
    q, d = (axis.ravel() for axis in np.indices(allowed.shape))
    assert (scope.allows(q, d) == allowed.ravel()).all()
    assert scope.count_rows().tolist() == allowed.sum(1).tolist()
    assert scope.list_pairs().counts.tolist() == allowed.sum(1).tolist()


@given(scope=scopes(), other=scopes())
@settings(max_examples=20, deadline=None)
def test_both_together_and_read_back(scope: Scope, other: Scope, tmp_path_factory: pytest.TempPathFactory) -> None:
    conjunction = scope & Scope(*SIDES, other.mask, other.pairs, None, other.ranges, other.excluded)
    expected = make_table(scope) & make_table(
        Scope(*SIDES, other.mask, other.pairs, None, other.ranges, other.excluded)
    )
    assert (make_table(conjunction) == expected).all()
    folder = tmp_path_factory.mktemp("scope")
    conjunction.save(folder)
    stored = Scope.open(folder, *SIDES)
    assert (make_table(stored) == expected).all()
    assert stored.digest == conjunction.digest
    assert (scope.digest == other.digest) == (
        make_table(scope) == make_table(other)
    ).all() or scope.digest != other.digest


def mask_ranking(ranking: Ranking, scope: Scope, k: int) -> dict[str, dict[str, float]]:
    allowed = ranking.select(scope.allows(ranking.query_rows, ranking.rows))
    assert isinstance(allowed, Ranking)
    return allowed.cut(k).to_dict()


@given(scope=scopes(), k=st.sampled_from([1, 7, 60]), similarity=st.sampled_from(["cosine", "dot", "euclidean"]))
@settings(max_examples=40, deadline=None)
def test_scoped_dense_is_the_masked_whole(scope: Scope, k: int, similarity: Any) -> None:
    random = np.random.default_rng(7)
    docs, queries = (random.standard_normal((n, 8)).astype(np.float32) for n in (N_DOCS, N_QUERIES))
    full_ranking = search_nearest(queries, docs, Scope(*SIDES), None, similarity)
    assert search_nearest(queries, docs, scope, k, similarity).to_dict() == mask_ranking(full_ranking, scope, k)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> tuple[Collection, LocalStore]:
    random = np.random.default_rng(3)
    letters = np.array(list("bcdfghjklm"))
    docs = {id: " ".join(f"{letter}ax" for letter in random.choice(letters, 12)) for id in SIDES[1]}
    queries = {id: " ".join(f"{letter}ax" for letter in random.choice(letters, 3)) for id in SIDES[0]}
    return Collection.of(docs, queries, {"q0": {"d000": 1}}), LocalStore(tmp_path_factory.mktemp("store"))


@given(scope=scopes(), k=st.sampled_from([1, 7, 60]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_scoped_bm25_is_the_masked_whole(scope: Scope, k: int, words: tuple[Collection, LocalStore]) -> None:
    from nirank.lexical.analysis import Analyzer
    from nirank.lexical.postings import Index, build_index
    from nirank.lexical.scoring import search

    collection, store = words
    folder = Path(store.root) / "index"  # built once for all examples
    if not folder.exists():
        folder.mkdir(parents=True)
        build_index({"": iter(collection.docs.columns["text"].to_pylist())}, N_DOCS, "english", folder)
    index = Index.open(folder)
    query_tokens = list(Analyzer("english").tokenize(collection.queries.columns["text"].to_pylist()))
    options: dict[str, Any] = {"k1": 0.9, "b": 0.4}
    full_ranking = search(index.fields, {"": 1.0}, query_tokens, Scope(*SIDES), k=None, **options)
    assert search(index.fields, {"": 1.0}, query_tokens, scope, k=k, **options).to_dict() == mask_ranking(
        full_ranking, scope, k
    )


# -- in experiments ------------------------------------------------------------------------------

DOCS = {f"d{i}": f"red {'wine ' * i}" for i in range(6)}


def test_candidates_are_never_left_and_all_of_them_given(tmp_path: Path) -> None:
    candidates = {"q": ["d1", "d3", "d5"], "r": []}
    collection = Collection.of(DOCS, {"q": "wine", "r": "red"}, {"q": {"d1": 1}, "r": {"d1": 1}}, candidates=candidates)
    systems = {
        "all": BM25(),
        "deep": BM25(k=1),
        "complete": BM25() >> Complete(),
        "within": within(Only(("d1", "d2")), BM25()),
    }
    result = Experiment(collection, systems, ["R@1"], store=LocalStore(tmp_path)).run()
    lists = {name: {q: sorted(docs) for q, docs in result.ranking(name).to_dict().items()} for name in systems}
    assert lists["all"] == {"q": ["d1", "d3", "d5"], "r": []}
    assert result.ranking("all").depth is None, "with candidates, all of them"
    assert [len(lists["deep"][q]) for q in "qr"] == [1, 0]
    assert lists["complete"]["q"] == ["d1", "d3", "d5"]
    assert lists["within"] == {"q": ["d1"], "r": []}


def test_trap_17_k_results_remain_without_the_own_document(tmp_path: Path) -> None:
    docs = {"a": "red wine", "b": "red wine too", "c": "red"}
    queries = {"q": {"text": "red wine", "metadata": {"of": "a"}}}
    collection = Collection.of(docs, queries, {"q": {"b": 1}}, self_match={"key": "of"})
    result = Experiment(collection, {"BM25": BM25(k=2)}, ["RR@1"], store=LocalStore(tmp_path)).run()
    assert list(result.ranking("BM25").to_dict()["q"]) == ["b", "c"]
    assert result.rows[0].measures["RR@1"] == 1


def test_every_part_of_a_scope_is_in_its_digest() -> None:
    """One part after the other is changed in one place; no two of the scopes have one digest."""
    queries, docs = SIDES
    mask = np.arange(N_DOCS) % 2 == 0
    own_rows = np.zeros(N_QUERIES, np.int64)
    rows = np.zeros(N_QUERIES, np.int64)
    pairs = Pairs.build(queries, docs, np.arange(N_QUERIES), rows, source="here")
    no_pairs = Pairs.build(queries, docs, rows[:0], rows[:0], source="here")
    rule = ValueRange(
        np.arange(N_DOCS, dtype=np.int32),
        np.zeros(N_QUERIES, np.int64),
        np.ones(N_QUERIES, np.int64),
        np.zeros(N_DOCS, np.bool_),
    )
    other_rules = [
        replace(rule, values=rule.values + 1),
        replace(rule, low=rule.low + 1),
        replace(rule, high=rule.high + 1),
        replace(rule, always=~rule.always),
    ]
    different = [
        {},
        {"mask": mask},
        {"mask": ~mask},
        {"own_rows": own_rows},
        {"own_rows": own_rows - 1},
        {"pairs": pairs},
        {"pairs": no_pairs},
        {"pairs": Pairs.build(queries, docs, np.arange(N_QUERIES), rows + 1, source="here")},
        {"excluded": pairs},
        {"excluded": no_pairs},
        {"pairs": pairs, "excluded": no_pairs},
        {"pairs": no_pairs, "excluded": pairs},
        *({"ranges": (rule_of_scope,)} for rule_of_scope in (rule, *other_rules)),
        {"ranges": (rule, other_rules[0])},
        {"ranges": (rule, rule)},
        {"mask": mask, "ranges": (rule,)},
    ]
    digests = [Scope(queries, docs, **parts).digest for parts in different]  # type: ignore[arg-type]
    assert len(set(digests)) == len(different)
