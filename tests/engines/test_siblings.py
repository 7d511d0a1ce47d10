"""Computations of ranges on workers: the same artifacts as here, one at a time into the store, and nothing twice."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sibling_tasks import DyingBM25, InlineEngine, make_node
from tiny_models import make_bi_encoder, make_splade

from nirank import BM25, BM25F, IVF, Dense, Experiment, Sparse
from nirank.algebra.node import Node
from nirank.base.memory import measure_process_memory
from nirank.base.work import LostShard, Work
from nirank.collections.collection import Collection
from nirank.collections.texts import Texts
from nirank.engines import LocalEngine
from nirank.engines.ray_sources import pack_source
from nirank.lexical.scoring import count_threads
from nirank.plan.execute import FailedNode, Runner
from nirank.plan.reporter import Reporter
from nirank.plan.siblings import group_siblings
from nirank.store import LocalStore

QUERIES = {"q": "w1 w2 w2 w7", "r": "w0 w3", "none": "zzz"}
FOUR_GB = 4_000_000_000


def make_collection(n: int = 40, size: int | None = 11) -> Collection:
    random = np.random.default_rng(1)
    docs = {
        f"d{number}": {"title": f"w{number % 5}", "text": " ".join(f"w{word}" for word in random.integers(0, 12, 7))}
        for number in random.permutation(n)
    }
    return Collection.of(
        docs, QUERIES, {"q": {"d1": 1}, "r": {"d2": 1}}, ranges=size, name="toy", self_match="id", check=False
    )


def read_artifacts(store: LocalStore) -> dict[tuple[str, Any], str]:
    artifacts = (artifact.meta for artifact in store.read_artifacts())
    return {(meta["address"], meta["depth"]): meta["checksum"] for meta in artifacts}


@pytest.fixture(scope="module")
def local() -> Iterator[LocalEngine]:
    engine = LocalEngine(2)
    yield engine
    engine.close()


class Bench:
    """Toy computations over the ranges of texts in memory, and one that needs them all."""

    def __init__(self, folder: Path, task: str, **params: Any) -> None:
        texts = make_collection().docs
        self.rows = [Node.leaf("texts", part.digest, f"range {at}") for at, part in enumerate(texts.ranges)]
        self.leaves = {node.address: part for node, part in zip(self.rows, texts.ranges, strict=True)}
        self.parts = [make_node(task, rows, **params) for rows in self.rows]
        self.whole = Node("sibling_tasks:gather", 1, {}, tuple(("part", part) for part in self.parts), label="whole")
        self.store = LocalStore(folder)

    def run(self, engine: Any, reporter: Reporter | None = None, **options: Any) -> Runner:
        runner = Runner(self.store, self.leaves, reporter or Reporter(), engine=engine, **options)
        runner.run(self.whole)
        return runner

    def list_stored(self) -> list[bool]:
        return [self.store.find(node) is not None for node in (*self.parts, self.whole)]


def test_workers_build_and_search_ranges_as_this_process_does(local: LocalEngine, tmp_path: Path) -> None:
    (tmp_path / "sparse").mkdir()
    dense, sparse = str(make_bi_encoder(tmp_path / "dense")), str(make_splade(tmp_path / "sparse"))
    systems = {
        "words": BM25(analyzer="whitespace", k=9),
        "fields": BM25F(fields={"title": 2.0, "text": 1.0}, analyzer="whitespace"),
        "dense": Dense(dense, k=9),
        "sparse": Sparse(sparse),
        "clusters": IVF(dense, clusters=2, probes=1, k=5),
    }

    def run(name: str, engine: LocalEngine | None) -> dict[tuple[str, Any], str]:
        store = LocalStore(tmp_path / name)
        result = Experiment(make_collection(), systems, ["nDCG@10"], store=store, engine=engine).run()
        assert not result.failed
        return read_artifacts(store)

    here = run("here", None)
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    store = LocalStore(tmp_path / "there")
    for artifact in list(store.read_artifacts()):
        if not artifact.meta["task"].endswith(":encode_texts"):  # so that workers need no models, which take seconds
            store.discard(artifact.folder)
    assert run("there", local) == here
    tasks = {"search_range", "build_index", "combine_fields"}
    made = [artifact.meta for artifact in store.read_artifacts() if artifact.meta["task"].split(":")[1] in tasks]
    assert len(made) == 4 * (1 + 5 + 2 + 1 + 1)  # a range: indexes of both, searches, fields as one, postings, clusters
    assert not any("memory" in meta["cost"] for meta in made), "all were made by workers"


def test_a_worker_that_dies_while_it_indexes_leaves_nothing_behind_and_nothing_is_built_twice(
    local: LocalEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    collection = make_collection()
    firsts = [part.ids[0] for part in collection.docs.ranges]
    fatal = collection.docs.ranges[1].ids[3]
    found = []
    for name, engine in (("here", None), ("there", local)):
        log = tmp_path / f"{name}.txt"
        if engine is None:
            log.write_text("".join(f"{first}\n" for first in firsts))  # nobody dies
        system = DyingBM25(analyzer="whitespace", log=str(log), fatal=fatal)
        store = LocalStore(tmp_path / name)
        result = Experiment(collection, {"S": system}, ["nDCG@10"], store=store, engine=engine).run()
        assert not result.failed
        found.append(sorted(artifact.meta["checksum"] for artifact in store.read_artifacts()))
    assert found[0] == found[1]
    assert "a worker died (signal 9); index of rows 12 to 22 of toy documents is tried once more" in caplog.text
    assert sorted((tmp_path / "there.txt").read_text().split()) == sorted([*firsts, firsts[1]])
    assert not [path for path in (tmp_path / "there" / "unfinished").rglob("*") if path.is_file()]


@pytest.mark.parametrize("kind", ["stage", "other"])
def test_an_error_on_a_worker_is_the_one_that_there_is_here(kind: str, local: LocalEngine, tmp_path: Path) -> None:
    sentences, fatal = [], make_collection().docs.ranges[2].ids[0]
    for name, engine in (("here", None), ("there", local)):
        bench = Bench(tmp_path / name, "fail", kind=kind, id=fatal)
        with pytest.raises(FailedNode) as caught:
            bench.run(engine)
        sentences.append(str(caught.value))
        assert caught.value.node == bench.parts[2]
        assert bench.list_stored()[:3] == [True, True, False] and not bench.list_stored()[4]
    assert sentences[0] == sentences[1]
    assert ("StageError" not in sentences[0]) and ("ValueError: 3 is odd" in sentences[0]) == (kind == "other")


class Interrupting(InlineEngine):
    """Is interrupted after two answers."""

    def map(self, *arguments: Any) -> Iterator[Any]:
        for number, answer in enumerate(super().map(*arguments)):
            if number == 2:
                raise KeyboardInterrupt
            yield answer


def test_what_came_back_before_an_interruption_is_stored_and_the_rest_gone_on_with(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "copy_ids")
    with pytest.raises(KeyboardInterrupt):
        bench.run(Interrupting())
    assert bench.list_stored() == [True, True, False, False, False]
    assert not list((tmp_path / "unfinished").iterdir())
    assert not any(bench.store.is_in_progress(node.address) for node in bench.parts)
    engine = InlineEngine()
    runner = bench.run(engine)
    assert [shard.label for shard in engine.shards] == ["copy_ids of range 2", "copy_ids of range 3"]
    assert runner.computed == [*bench.parts[2:], bench.whole]


def test_what_another_process_computes_is_not_waited_for_with_locks_in_hand(tmp_path: Path) -> None:
    bench, elsewhere, engine = Bench(tmp_path, "copy_ids"), ExitStack(), InlineEngine()
    said = []

    class Releasing(Reporter):
        def say(self, line: str) -> None:
            said.append((line, bench.list_stored()))
            elsewhere.close()

    elsewhere.enter_context(LocalStore(tmp_path).lock(bench.parts[1], print))
    bench.run(engine, Releasing())
    assert len(engine.shards) == 3
    ((line, stored),) = said
    assert line.startswith("waiting for process") and "copy_ids of range 1" in line
    assert stored == [True, False, True, True, False]
    assert all(bench.list_stored())


class Losing(InlineEngine):
    """Loses the second shard."""

    def map(self, work: Work, shards: Iterable[Any]) -> Iterator[Any]:
        for number, answer in enumerate(super().map(work, shards)):
            if number == 1:
                raise LostShard(f"two workers died (signal 9) on {work.describe_shard(self.shards[1])}", self.shards[1])
            yield answer


def test_a_computation_that_no_worker_survives_fails_by_its_name_and_is_not_tried_here(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "copy_ids")
    with pytest.raises(FailedNode, match=r"two workers died \(signal 9\) on copy_ids of range 1$") as caught:
        bench.run(Losing())
    assert caught.value.node == bench.parts[1]
    assert bench.list_stored()[:2] == [True, False]


class Racing(InlineEngine):
    """Begins when another process has just computed something."""

    def __init__(self, bench: Bench, node: Node) -> None:
        super().__init__()
        self.other, self.node = Runner(LocalStore(bench.store.root), bench.leaves, Reporter()), node

    def map(self, *arguments: Any) -> Iterator[Any]:
        self.other.run(self.node)
        return super().map(*arguments)


def test_what_another_process_has_just_computed_is_taken(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "copy_ids")
    engine = Racing(bench, bench.parts[2])
    runner = bench.run(engine)
    assert [shard.label[-1] for shard in engine.shards] == ["0", "1", "3"]
    assert bench.parts[2] not in runner.computed and all(bench.list_stored())


def test_artifacts_say_the_same_whoever_made_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    metas: list[dict[str, Any]] = []
    for engine in (None, InlineEngine()):
        bench = Bench(tmp_path / str(engine is None), "copy_ids")
        bench.run(engine)
        (meta,) = [each for each in bench.store.read_descriptions() if each["address"] == bench.parts[0].address]
        assert caplog.text.count("copy_ids of range 3 is done") == 1
        caplog.clear()
        metas.append(dict(meta))
    assert set(metas[0]["cost"]) - set(metas[1]["cost"]) == {"memory"}  # of the workers it is not known
    assert metas[0]["counts"] == {"texts": 11} and metas[0]["cost"]["items"] == metas[1]["cost"]["items"] == 11
    for meta in metas:
        del meta["cost"]
    assert metas[0] == metas[1]


def test_workers_share_what_the_ceiling_leaves(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "copy_ids")
    ceiling = measure_process_memory() + FOUR_GB
    bench.run(InlineEngine(4), max_memory=ceiling)
    declared = [meta["declared"] for meta in bench.store.read_descriptions() if meta["label"] != "whole"]
    for each in declared:  # an engine in this process holds what this process holds, which counts once more
        assert each["headroom"] <= (ceiling - measure_process_memory()) / 4


def test_where_workers_do_not_fit_this_process_computes_one_by_one(tmp_path: Path) -> None:
    bench, engine = Bench(tmp_path, "copy_ids"), InlineEngine(50)
    bench.run(engine, max_memory=measure_process_memory() + FOUR_GB)
    assert not engine.shards
    assert all(bench.list_stored())


def test_workers_that_take_too_much_are_stopped_and_the_rest_is_computed_here(
    local: LocalEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path, "take_memory", **{"except": os.getpid()})
    held = measure_process_memory() + sum(map(measure_process_memory, local.process_ids))
    bench.run(local, max_memory=held + 750_000_000)
    assert "were held; allow more" in caplog.text and "what is left is computed one by one" in caplog.text
    assert all(bench.list_stored())


@pytest.mark.parametrize("break_it", ["one", "not movable", "script"])
def test_what_is_alone_or_cannot_move_is_computed_here(break_it: str, tmp_path: Path) -> None:
    bench = Bench(tmp_path, "copy_ids")
    script = type("Script", (), {"__module__": "__main__"})()
    changes: dict[str, Callable[[Node], Node]] = {
        "not movable": lambda node: Node(node.task, 1, node.params, node.inputs, label=node.label),
        "script": lambda node: Node(node.task, 1, node.params, node.inputs, stage=script, movable=True),
    }
    assert group_siblings(bench.parts) == [bench.parts]
    nodes = bench.parts[:1] if break_it == "one" else list(map(changes[break_it], bench.parts))
    assert not group_siblings(nodes)


def test_texts_are_opened_where_they_lie(tmp_path: Path) -> None:
    made = make_collection(40, None).docs
    made.save(tmp_path)
    whole = Texts.open(tmp_path)
    part = whole.take_range(7, 25).take_range(3, 15)
    assert part.place is not None and (part.place.first, part.place.last) == (10, 22)
    opened = Texts.open_rows(part.place)
    assert opened.digest == part.digest == made.take_range(10, 22).digest
    assert list(opened.ids.order) == list(part.ids.order)
    in_memory = Texts.of({"a": "x", "b": "y"})
    assert in_memory.place is None and in_memory.take_range(0, 1).place is None
    again = Texts.open_rows(pickle.loads(pickle.dumps(whole.place)))
    assert again.digest == made.digest
    folder = tmp_path / "sent"
    folder.mkdir()
    for name, content in pack_source(part.place):
        content.tofile(folder / name)
    assert Texts.open(folder).digest == part.digest, "only these rows are sent"


def test_a_worker_searches_with_its_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: range(8))
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    assert count_threads() == 8
    monkeypatch.setenv("NUMBA_NUM_THREADS", "3")
    assert count_threads() == 3
    monkeypatch.setenv("NUMBA_NUM_THREADS", "64")
    assert count_threads() == 8


def test_a_node_travels_without_what_only_planning_asks() -> None:
    node = Node("a:b", 1, {"x": 1}, memory=lambda sizes: None, max_pairs=lambda sizes: 1)  # type: ignore[arg-type, return-value]
    assert pickle.loads(pickle.dumps(node)) == node
