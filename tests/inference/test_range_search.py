"""Range search: exactly the pairs within a distance, nested, in scope, in bounded memory; a trained model's radius."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank import Collection, Dense, Experiment, RangeSearch, Train
from nirank.errors import ConfigError, StageError
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope, ValueRange
from nirank.inference import range_search
from nirank.inference.models import resolve_model
from nirank.inference.range_search import search_range
from nirank.stages.token_blocking import TokenBlocking
from nirank.store import open_store
from nirank.training.model_io import save_distances
from nirank.training.models import Soup
from nirank.training.recipe import Recipe
from nirank.training.training_sets import TrainingSet


def make_scope(n_queries: int, n_docs: int) -> Scope:
    return Scope(Ids.of(f"q{i}" for i in range(n_queries)), Ids.of(f"d{i:04}" for i in range(n_docs)))


def draw(n: int, seed: int = 0, dimension: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dimension)).astype(np.float32)


def list_by_brute_force(queries: np.ndarray, docs: np.ndarray, radius: float, similarity: str) -> list[list[int]]:
    """By distances one by one, in 32 bits as they are computed."""
    lists = []
    for query in queries:
        if similarity == "euclidean":
            near = np.sqrt(np.vecdot(docs - query, docs - query)) <= np.float32(radius)
        else:
            unit = query / np.sqrt(np.vecdot(query, query))
            near = np.vecdot(docs, unit) / np.sqrt(np.vecdot(docs, docs)) >= np.float32(1 - radius)
        lists.append(np.flatnonzero(near).tolist())
    return lists


@pytest.mark.parametrize("similarity", ["euclidean", "cosine"])
@given(seed=st.integers(0, 99), radius=st.floats(0, 3), block=st.sampled_from([7, 4096]))
@settings(deadline=None, max_examples=30)
def test_exactly_the_pairs_within_the_radius(similarity: str, seed: int, radius: float, block: int) -> None:
    docs, queries = draw(60, seed), draw(9, seed + 1)
    docs[3], docs[50] = queries[2], queries[2]
    before, range_search._BLOCK_DOCS = range_search._BLOCK_DOCS, block
    try:
        pairs = search_range(queries, docs, make_scope(9, 60), radius, similarity)
    finally:
        range_search._BLOCK_DOCS = before
    assert [pairs.get_rows(query).tolist() for query in range(9)] == list_by_brute_force(
        queries, docs, radius, similarity
    )


@pytest.mark.parametrize("similarity", ["euclidean", "cosine"])
def test_property_01_6_9_nested_in_the_radius_up_to_all_pairs(similarity: str) -> None:
    docs, queries = draw(80), draw(12, 1)
    smaller: set[tuple[int, int]] = set()
    for radius in np.linspace(0, 12, 40).tolist():
        candidates = search_range(queries, docs, make_scope(12, 80), radius, similarity)
        pairs = set(zip(candidates.query_rows.tolist(), candidates.rows.tolist(), strict=True))
        assert smaller <= pairs
        smaller = pairs
    assert len(smaller) == 12 * 80


def test_property_01_6_10_copies_are_at_distance_0_and_rows_may_be_shuffled() -> None:
    docs = draw(50)
    pairs = search_range(docs, docs, make_scope(50, 50), 0.0, "euclidean")
    assert pairs.rows.tolist() == list(range(50))
    shuffle = np.random.default_rng(5).permutation(50)
    first, second = (
        search_range(draw(20, 1), records, make_scope(20, 50), 2.0, "euclidean") for records in (docs, docs[shuffle])
    )
    for query in range(20):
        assert set(first.get_rows(query).tolist()) == set(shuffle[second.get_rows(query)].tolist())


def test_what_rounding_leaves_open_is_decided_pair_by_pair() -> None:
    """Pairs whose distances differ in their last bits, and a radius that is one of these distances."""
    docs = np.tile(draw(1, 3, 16), (200, 1)) + draw(200, 4, 16) * np.float32(2e-6)
    queries = docs[:2] + np.float32(0.25)
    distances = np.sqrt(np.vecdot(docs - queries[0], docs - queries[0]))
    for radius in np.sort(distances)[[20, 100, 180]].tolist():
        pairs = search_range(queries, docs, make_scope(2, 200), radius, "euclidean")
        assert pairs.get_rows(0).tolist() == np.flatnonzero(distances <= np.float32(radius)).tolist()


def test_a_scope_is_kept_and_changes_nothing_inside() -> None:
    docs, queries, open_scope = draw(60), draw(8, 1), make_scope(8, 60)
    full_ranking = search_range(queries, docs, open_scope, 2.5, "euclidean")
    candidates = Pairs.build(
        open_scope.queries, open_scope.docs, np.arange(8).repeat(30), np.tile(np.arange(0, 60, 2), 8), source="list"
    )
    ranked = Ranking.build(
        open_scope.queries,
        open_scope.docs,
        candidates.query_rows,
        candidates.rows,
        -candidates.rows % 7.0,
        source="list",
    )
    values = np.arange(60, dtype=np.int32)
    rule = ValueRange(values, np.arange(8) * 3, np.arange(8) * 3 + 30, np.arange(60) % 20 == 0)
    masked = replace(open_scope, mask=np.arange(60) % 3 > 0)
    without_own = replace(open_scope, own_rows=np.arange(8) * 5)
    for scope in (
        masked,
        without_own,
        replace(open_scope, pairs=candidates),
        replace(open_scope, pairs=ranked),
        replace(open_scope, excluded=candidates),
        replace(masked, ranges=(rule,), excluded=candidates),
        replace(open_scope, pairs=ranked, ranges=(rule,)),
        replace(masked, pairs=candidates, own_rows=without_own.own_rows),
    ):
        in_scope = search_range(queries, docs, scope, 2.5, "euclidean")
        assert in_scope == full_ranking.select(scope.allows(full_ranking.query_rows, full_ranking.rows))
        assert 0 < len(in_scope) < len(full_ranking)


def test_memory_is_one_block_and_the_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    docs, queries = draw(40_000, 0, 8), draw(300, 1, 8)
    scope = make_scope(300, 40_000)
    search_range(queries[:3], docs[:100], make_scope(3, 100), 1.0, "euclidean")
    for radius, bound in ((0.01, 30), (100.0, 30 + 2 * 4 * 300 * 40_000 / 2**20)):
        tracemalloc.start()
        pairs = search_range(queries, docs, scope, radius, "euclidean")
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        assert peak < bound, (radius, peak, len(pairs))


def test_what_is_no_distance_is_refused() -> None:
    with pytest.raises(ConfigError, match="a dot product is no distance"):
        search_range(draw(1), draw(2), make_scope(1, 2), 1.0, "dot")
    docs = draw(3)
    docs[1] = np.nan
    with pytest.raises(StageError, match="document 'd0001' has score nan"):
        search_range(draw(1), docs, make_scope(1, 3), 1.0, "euclidean")
    for options, message in (({"radius": -1}, "0 or more"), ({"similarity": "dot"}, "dot product"), ({"k": 3}, "k")):
        with pytest.raises(ConfigError, match=message):
            RangeSearch("m", **options)


@pytest.fixture
def model(tmp_path: Path) -> str:
    tiny_models.make_bi_encoder(tmp_path / "bi")
    return str(tmp_path / "bi" / "model")


def run(tmp_path: Path, **systems: object) -> Experiment:
    docs = {f"d{i}": f"w{i} w{i + 1} w{i % 7}" for i in range(30)}
    queries = {f"q{i}": f"w{i} w{i + 1}" for i in range(8)}
    collection = Collection.of(docs, queries, {f"q{i}": {f"d{i}": 1} for i in range(8)}, name="words")
    return Experiment(collection, systems, ["PC", "candidates"], store=open_store(tmp_path / "store"))  # type: ignore[arg-type]


def test_a_model_trained_with_loss_lsh_has_a_radius_of_its_own(model: str, tmp_path: Path) -> None:
    """(1 + c) R / 2; it stands in the model's folder, and a model that is yet to be trained has it too."""
    untrained = run(tmp_path, S=RangeSearch(model))
    with pytest.raises(ConfigError, match=r"range_search: radius is missing, and the model names none of its own"):
        untrained.plan()
    recipe = Recipe(loss="lsh", radius=0.5, ratio=1.6)
    before = resolve_model(model).identity
    save_distances(recipe, Path(model))
    assert resolve_model(model).match_radius == pytest.approx(0.65)
    assert resolve_model(model).identity != before, "what the folder says of distances is part of the model"
    experiment = run(tmp_path, Own=RangeSearch(model), Given=RangeSearch(model, radius=0.65, similarity="euclidean"))
    result = experiment.run()
    own_radius, given_radius = experiment.plan()
    assert own_radius.target.address == given_radius.target.address
    conventions = result.rows[0].conventions.stages[own_radius.target.label]
    assert (conventions["radius"], conventions["similarity"]) == (pytest.approx(0.65), "euclidean")
    with pytest.raises(ConfigError, match="is a Euclidean distance; give radius beside cosine"):
        run(tmp_path, S=RangeSearch(model, similarity="cosine")).plan()
    train = Train(model, TrainingSet(), recipe=recipe, seed=1)
    assert train.match_radius == Soup((train, replace(train, seed=2))).match_radius == pytest.approx(0.65)
    assert Train(model, TrainingSet()).match_radius is None


def test_within_a_list_only_its_pairs_are_compared(model: str, tmp_path: Path) -> None:
    blocks = TokenBlocking(smoothing=None, ratio=None)
    result = run(
        tmp_path,
        All=RangeSearch(model, radius=2.0),
        Blocks=blocks,
        Near=blocks >> RangeSearch(model, radius=0.2),
        Far=RangeSearch(model, radius=0.2),
    ).run()
    assert not result.failed
    all_pairs, blocked, near, far = (result.pairs(name) for name in ("All", "Blocks", "Near", "Far"))
    assert len(all_pairs) == 8 * 30
    assert near == blocked.intersection(far) and 0 < len(near) < len(blocked)
    ranked = run(tmp_path, S=RangeSearch(model, radius=0.2) >> Dense(model)).run().ranking("S")
    assert ranked.drop_scores() == far
