"""Workers on a Ray cluster of two nodes: in order, replaced when they or their node die, the same bytes as here."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openers import Reading
from tiny_models import make_bi_encoder, make_cross_encoder

from nirank import BM25, CrossEncoder, Dense, Experiment, MaxSim, load, rrf
from nirank.base.work import Work
from nirank.collections.collection import Collection
from nirank.engines import RayEngine, make_engine
from nirank.engines.ray_sources import describe_source, find_sources, move_sources
from nirank.errors import ConfigError, ModelError, StageError
from nirank.plan.worker_tasks import SentTask
from nirank.store import LocalStore

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head and a second node, each with two workers' room; real processes."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", paths)
        patch.syspath_prepend(str(Path(__file__).parent))
        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        nodes.add_node(num_cpus=1)
        nodes.wait_for_nodes()
        yield nodes
        nodes.shutdown()


@pytest.fixture
def engine(cluster: Any) -> Iterator[RayEngine]:
    ray_engine = RayEngine(cluster.address)
    yield ray_engine
    ray_engine.close()


def make_work(opener: str, *options: Any) -> Work:
    return Work(f"openers:{opener}", options, lambda shard: f"shard {shard}")


def test_shards_come_back_in_their_order_and_are_taken_as_they_are_needed(engine: RayEngine) -> None:
    assert engine.workers == 2, "one on each node"
    taken: list[int] = []
    results = engine.map(make_work("open_square", 5), (taken.append(n) or n for n in range(10)))  # type: ignore[func-returns-value]
    assert next(results) == 5
    assert len(taken) <= 3
    assert list(results) == [n * n + 5 for n in range(1, 10)]
    assert list(engine.map(make_work("open_square", 7), [2])) == [11], "other work opens again"
    assert list(engine.map(make_work("open_square", 7), [])) == []
    both = set(engine.map(make_work("open_pid"), range(60)))
    assert len(both) == 2 and set(engine.process_ids) <= both
    shards = [np.full(100_000, n, np.float64) for n in range(4)]
    for shard, doubled in zip(shards, engine.map(make_work("open_doubling"), shards), strict=True):
        assert np.array_equal(doubled, shard * 2)


def test_a_worker_that_dies_is_replaced_and_one_that_dies_twice_is_reported(
    engine: RayEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert list(engine.map(make_work("open_dying_once", str(tmp_path)), range(8))) == list(range(8))
    assert "a worker died (" in caplog.text and "shard 3 is tried once more" in caplog.text
    results = engine.map(make_work("open_dying_always"), range(8))
    with pytest.raises(StageError, match=r"two workers died \(.*\) on the same shard, shard 3; what was finished"):
        list(results)
    assert list(engine.map(make_work("open_square", 0), [3])) == [9], "the engine goes on"


@pytest.mark.parametrize(("kind", "error"), [("model", ModelError), ("opening", ModelError)])
def test_errors_come_through(engine: RayEngine, kind: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        list(engine.map(make_work("open_raising", kind), range(5)))


def test_a_slow_shard_is_waited_for_and_no_more_are_taken_meanwhile(engine: RayEngine) -> None:
    taken: list[int] = []
    results = engine.map(make_work("open_slow_first"), (taken.append(n) or n for n in range(20)))  # type: ignore[func-returns-value]
    assert next(results) == 0
    assert len(taken) <= engine.workers, "answers behind it would only pile up"
    assert list(results) == list(range(1, 20))


def test_a_caller_that_stops_asking_leaves_no_work_behind(engine: RayEngine) -> None:
    results = engine.map(make_work("open_pid"), range(100))
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert all(actor.task is None for actor in engine._pool)


def test_a_node_that_dies_costs_its_shards_a_second_try(engine: RayEngine, cluster: Any) -> None:
    lost = cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()
    engine.workers = 4
    killer = threading.Timer(1.5, lambda: cluster.remove_node(lost, allow_graceful=False))
    killer.start()
    began = time.monotonic()
    try:
        assert len(list(engine.map(make_work("open_pid"), range(150)))) == 150
    finally:
        killer.join()
    assert time.monotonic() - began > 1.5, "the node died in the middle"


@pytest.mark.parametrize("is_seen", [True, False])
def test_folders_are_sent_to_nodes_that_do_not_see_them(
    is_seen: bool, engine: RayEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "weights").write_bytes(bytes(range(256)))
    (tmp_path / "1_Pooling" / "config.json").write_bytes(b"{}")
    if not is_seen:  # as if another folder lay there
        monkeypatch.setattr(
            "nirank.engines.ray_cluster.describe_source", lambda folder: f"other {describe_source(folder)}"
        )
    names = ["weights", "1_Pooling/config.json"] * 3
    results = list(engine.map(make_work("open_reading", Reading(tmp_path)), names))
    assert [content for _, content in results] == [(tmp_path / name).read_bytes() for name in names]
    assert {place == str(tmp_path) for place, _ in results} == {is_seen}
    (tmp_path / "weights").write_bytes(b"trained once more")
    again = list(engine.map(make_work("open_reading", Reading(tmp_path, ("again",))), names))
    assert again[0][1] == b"trained once more", "what was sent before is not what lies there now"


def test_folders_in_options_are_found_and_moved(tmp_path: Path) -> None:
    options = (Reading(tmp_path, ("x",)), {"a": [tmp_path, 3]}, "text", tmp_path / "none", None)
    assert list(find_sources(options)) == [tmp_path, tmp_path]
    moved = move_sources(options, {tmp_path: Path("/elsewhere")})
    assert moved == (
        Reading(Path("/elsewhere"), ("x",)),
        {"a": [Path("/elsewhere"), 3]},
        "text",
        tmp_path / "none",
        None,
    )
    assert move_sources(options[0], {}) is options[0]


@pytest.fixture
def models(tmp_path: Path) -> dict[str, str]:
    makers = {"bi": make_bi_encoder, "late": make_bi_encoder}
    for name in (*makers, "cross"):
        (tmp_path / name).mkdir()
    made = {name: str(make(tmp_path / name)) for name, make in makers.items()}
    return made | {"cross": str(make_cross_encoder(tmp_path / "cross", 1))}


def test_an_experiment_gives_the_same_bytes_on_a_cluster_as_here(
    engine: RayEngine, models: dict[str, str], tmp_path: Path
) -> None:
    random = np.random.default_rng(1)
    texts = {f"d{i}": " ".join(f"w{w}" for w in random.zipf(1.4, 12) % 60) for i in range(300)}
    queries = {f"q{i}": " ".join(f"w{w}" for w in random.integers(0, 60, 3)) for i in range(20)}
    qrels = {query: {f"d{int(random.integers(300))}": 1} for query in queries}
    collection = Collection.of(texts, queries, qrels)
    dense = Dense(models["bi"])
    systems = {
        "BM25": BM25(),
        "Dense": dense,
        "Hybrid": rrf(BM25(), dense),
        "Reranked": BM25() >> CrossEncoder(models["cross"], depth=30),
        "Late": BM25() >> MaxSim(models["late"], depth=30),
    }
    here = Experiment(collection, systems, ["nDCG@10"], store=tmp_path / "here").run()
    there = Experiment(collection, systems, ["nDCG@10"], store=tmp_path / "there", engine=engine).run()
    assert not here.failed and not there.failed
    for system in systems:
        a, b = here.ranking(system), there.ranking(system)
        assert a.rows.tobytes() == b.rows.tobytes() and a.scores.tobytes() == b.scores.tobytes(), system


@pytest.mark.parametrize("is_seen", [True, False])
def test_ranges_are_indexed_and_searched_on_a_cluster_as_here(
    is_seen: bool, engine: RayEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_seen:  # as if the nodes had no part of this disk
        monkeypatch.setattr(
            "nirank.engines.ray_cluster.describe_source", lambda source: f"other {describe_source(source)}"
        )
        monkeypatch.setattr(
            "nirank.plan.siblings.SentTask",
            lambda label, inputs, folder: SentTask(label, inputs, f"/elsewhere{folder}"),
        )
    docs = [{"id": f"d{number}", "text": f"w{number % 7} w{number % 5} w{number % 3}"} for number in range(30)]
    (tmp_path / "docs.jsonl").write_text("".join(json.dumps(doc) + "\n" for doc in docs))
    (tmp_path / "queries.tsv").write_text("q\tw1 w2 w4\nr\tw6 w0\n")
    (tmp_path / "qrels.txt").write_text("q 0 d3 1\nr 0 d5 1\n")
    files = {"docs": "docs.jsonl", "queries": "queries.tsv", "qrels": "qrels.txt"}
    system = {"Words": BM25(analyzer="whitespace", k=7)}
    checksums = []
    for name, where in (("here", None), ("there", engine)):
        store = LocalStore(tmp_path / name)
        collection = load(**{side: tmp_path / file for side, file in files.items()}, ranges=8, store=store)  # type: ignore[arg-type]
        result = Experiment(collection, system, ["nDCG@10"], store=store, engine=where).run()
        assert not result.failed
        made = [artifact.meta for artifact in store.read_artifacts() if "cost" in artifact.meta]
        checksums.append({meta["address"]: meta["checksum"] for meta in made})
        on_workers = [meta for meta in made if "memory" not in meta["cost"]]
        assert len(on_workers) == (0 if where is None else 8), "indexes and searches of four ranges"
    assert checksums[0] == checksums[1]
    assert is_seen != bool(engine._sent)
    assert not {part.place for part in collection.docs.ranges} & {source for source, _ in engine._sent}, "not kept"


@pytest.mark.parametrize(
    ("name", "words"),
    [("rya", "did you mean 'ray'"), ("ray:", "expected local, ray or ray:ADDRESS"), ("local:2", "expected local, ray")],
)
def test_names_that_are_no_engine(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make_engine(name)
