"""Trap 42: how much memory a computation needs is known before it starts, and a ceiling holds."""

from __future__ import annotations

import json
import mmap
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import held_run
import numpy as np
import pytest
import tiny_models
from click.testing import CliRunner
from toys import CALLS, Halves, Lookup, Shared, make_fruits

from nirank.algebra.application import fold
from nirank.algebra.context import Context
from nirank.algebra.node import Node
from nirank.algebra.stage import Combiner, option, stage
from nirank.base import memory
from nirank.base.memory import MIB, MemoryNeed, Sizes, measure_process_memory
from nirank.cli.main import cli
from nirank.collections.collection import Collection
from nirank.errors import ConfigError, StageError
from nirank.experiment.experiment import Experiment
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.inference import device, models
from nirank.inference.ann import AnnIndex
from nirank.inference.knn import search_nearest
from nirank.plan.memory import MemoryEstimator
from nirank.plan.memory_guard import guard_memory
from nirank.stages.dense import Dense
from nirank.stages.hnsw import HNSW
from nirank.stages.max_sim import MaxSim
from nirank.store import LocalStore

GB = 10**9


@pytest.fixture
def small_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever other tests have loaded into this process, it holds 200 MiB."""
    for module in ("nirank.base.memory", "nirank.plan.memory", "nirank.plan.explain", "nirank.plan.execute"):
        monkeypatch.setattr(f"{module}.measure_process_memory", lambda: 200 * MIB)


@stage
class Greedy(Combiner):
    """Give back the list, and say that this takes some bytes a document."""

    each: int = option(default=0)
    worker: int = option(default=0)

    name = "greedy"

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return MemoryNeed(self.each * sizes.docs, self.worker)

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        CALLS.append("greedy")
        return lists[0]


def make_experiment(store: Path, ceiling: int | str | None, **systems: Any) -> Experiment:
    CALLS.clear()
    return Experiment(make_fruits(), systems, ["RR"], store=LocalStore(store), max_memory=ceiling)


@pytest.mark.usefixtures("small_process")
def test_trap_42_what_cannot_fit_is_refused_before_anything_runs(tmp_path: Path) -> None:
    systems = {"Small": Shared(), "Large": Shared() >> Greedy(GB), "Larger": Shared() >> Greedy(2 * GB)}
    experiment = make_experiment(tmp_path, "3GB", **systems)
    with pytest.raises(ConfigError) as error:
        experiment.run()
    (sentence,) = error.value.messages
    assert sentence.startswith("max_memory 3.0 GB: 'Greedy(2000000000)' would need about 8.")
    assert "GB, " in sentence and "of which this process holds already" in sentence
    assert sentence.endswith("; 1 more would not fit either")
    assert CALLS == [] and not list((tmp_path / "artifacts").glob("*/*"))
    assert "Greedy(2000000000)  no rate yet, 8." in experiment.explain(), "it is told before, ceiling or not"
    result = make_experiment(tmp_path, "9GB", **systems).run()
    assert not result.failed and "greedy" in CALLS
    assert not make_experiment(tmp_path, "3GB", **systems).run().failed, "what is stored needs nothing"


def test_trap_42_lists_of_all_pairs_count_and_listed_candidates_are_fewer() -> None:
    docs, queries = make_fruits().docs, make_fruits().queries
    values = {"docs": docs, "queries": queries}
    leaves = {name: Node.leaf("texts", name, name) for name in values}
    sides = tuple((name, leaves[name]) for name in ("queries", "docs"))
    candidate_scope = Node.leaf("scope", "candidates", "candidates")
    candidates = Pairs.build(queries.ids, docs.ids, np.array([0, 1]), np.array([0, 1]), source="given")

    def value(node: Node) -> Any:
        if node == candidate_scope:
            return Scope(queries.ids, docs.ids, pairs=candidates)
        return values.get(node.label) if node.is_leaf else None

    def count_pairs(depth: int | None, *inputs: tuple[str, Node]) -> int:
        sizes = MemoryEstimator(value).find_sizes(Node("t:f", 1, inputs=(*sides, *inputs), depth=depth, kind="ranking"))
        assert sizes is not None
        return sizes.result_pairs

    assert [count_pairs(None), count_pairs(1000), count_pairs(2), count_pairs(None, ("scope", candidate_scope))] == [
        12,
        12 * 1,
        6,
        2,
    ]
    first, second = (
        Node(name, 1, inputs=sides, depth=depth, kind="ranking") for name, depth in (("a", 2), ("b", None))
    )
    fused = Node("t:fuse", 1, inputs=(*sides, ("list", first), ("list", second)), kind="ranking")
    sizes = MemoryEstimator(value).find_sizes(fused)
    assert sizes is not None and (sizes.listed_pairs, sizes.result_pairs) == (18, 12)
    assert MemoryEstimator(value).estimate(fused) == 16 * MIB + 12 * 64 + 18 * 40
    assert MemoryEstimator(value).find_sizes(Node("t:f", 1, inputs=(("texts", Node("made", 1, kind="texts")),))) is None


@pytest.mark.usefixtures("small_process")
def test_trap_42_what_is_not_known_before_fails_its_own_systems_when_it_is(tmp_path: Path) -> None:
    pipeline = fold(Halves(), Shared() >> Greedy(GB))  # how many passages there are is known when they are made
    experiment = make_experiment(tmp_path, "3GB", Whole=Shared(), Passages=pipeline)
    result = experiment.run()
    assert [row.status for row in result.rows] == ["ok", "failed"]
    assert "max_memory 3.0 GB: 'Greedy(1000000000)' would need about 8." in result.rows[1].error


@pytest.mark.usefixtures("small_process")
def test_trap_42_worker_processes_count(tmp_path: Path) -> None:
    class Engine:
        workers = 3
        process_ids = ()

    systems = {"S": Shared() >> Greedy(worker=GB)}
    Experiment(make_fruits(), systems, ["RR"], store=LocalStore(tmp_path), max_memory="2GB").check()
    with pytest.raises(ConfigError, match=r"would need about 3\.\d GB"):
        Experiment(
            make_fruits(), systems, ["RR"], store=LocalStore(tmp_path), max_memory="2GB", engine=Engine()
        ).check()  # type: ignore[arg-type]


def test_trap_42_models_of_earlier_stages_go_where_memory_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bi = tiny_models.make_bi_encoder(tmp_path / "bi")
    systems = {"S": Dense(str(bi)) >> Greedy(10)}
    sizes: list[int] = []
    result = Experiment(make_fruits(), systems, ["RR"], store=LocalStore(tmp_path / "a"), max_memory="64GB").run()
    assert not result.failed
    from nirank.inference.encoder import _load

    assert _load.__wrapped__.cache_info().currsize  # type: ignore[attr-defined]
    monkeypatch.setattr(
        "nirank.plan.execute.measure_process_memory", lambda: 100 * GB if sizes else sizes.append(1) or 0
    )
    Experiment(make_fruits(), systems, ["RR"], store=LocalStore(tmp_path / "b"), max_memory="64GB").run()
    assert not _load.__wrapped__.cache_info().currsize  # type: ignore[attr-defined]


# -- blocks ----------------------------------------------------------------------------------------


def test_trap_42_blocks_shrink_to_what_the_ceiling_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "measure_process_memory", lambda: 60)
    assert memory.fit_block_size(100, 1.0) == 100
    with memory.limit_memory(100):
        assert [memory.fit_block_size(100, item_mib) for item_mib in (0.1, 1.0, 7.0, 50.0)] == [100, 36, 5, 1]
        with memory.limit_memory(None):
            assert memory.measure_headroom() is None
        with memory.limit_memory(10):
            assert (memory.measure_headroom(), memory.fit_block_size(100, 1.0)) == (0, 1)
    assert memory.measure_headroom() is None


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
def test_trap_42_exact_search_in_less_memory_gives_the_same_list(similarity: str) -> None:
    random = np.random.default_rng(1)
    docs, queries = (random.standard_normal((n, 64)).astype(np.float32) for n in (20_000, 300))
    scope = Scope(Ids.of(f"q{i}" for i in range(300)), Ids.of(f"d{i:05}" for i in range(20_000)))

    def search(ceiling: int | None) -> tuple[Ranking, int]:
        with memory.limit_memory(ceiling):
            tracemalloc.start()
            result = search_nearest(queries, docs, scope, 10, similarity)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return result, peak

    unlimited, unlimited_peak = search(None)
    limited, limited_peak = search(measure_process_memory() + 4 * MIB)
    assert limited == unlimited
    assert limited_peak < 6 * MIB < 20 * MIB < unlimited_peak


def test_trap_42_an_index_built_in_small_chunks_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nirank.lexical import postings

    texts = [f"word{i % 7} word{i % 5} other{i}" for i in range(300)]
    chunks: list[int] = []
    original = postings._Builder._write_chunk
    monkeypatch.setattr(
        postings._Builder,
        "_write_chunk",
        lambda self, ids, *rest: (chunks.append(len(ids)), original(self, ids, *rest)),
    )
    for name, limit in (("usual", None), ("small", 0)):
        monkeypatch.setattr(
            postings, "fit_block_size", lambda default, each, limit=limit: default if limit is None else 50
        )
        (tmp_path / name).mkdir()
        postings.build_index({"": iter(texts)}, 300, "english", tmp_path / name)
    assert chunks[0] == 900 and len(chunks) > 10
    files = [
        sorted(
            (path.relative_to(tmp_path / name).as_posix(), path.read_bytes())
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        )
        for name in ("usual", "small")
    ]
    assert files[0] == files[1]


def test_trap_42_late_interaction_holds_fewer_documents_and_scores_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nirank.inference import late

    bi = tiny_models.make_bi_encoder(tmp_path / "bi")
    docs = [f"w{i} w{i + 1} w{i + 2}" for i in range(40)]
    pairs = np.array([(q, d) for q in range(2) for d in range(40)])
    shards: list[int] = []
    original = late._score_shard
    monkeypatch.setattr(late, "_score_shard", lambda *given: (shards.append(len(given[-1].docs)), original(*given))[1])

    def compute_scores() -> Any:
        how = late.TokenEncoding(models.resolve_model(str(bi)))
        return late.maxsim(["w1 w2", "w7"], docs, pairs, how, Context(device="cpu"))

    expected = compute_scores()
    monkeypatch.setattr(memory, "measure_process_memory", lambda: 0)
    with memory.limit_memory(12 * 3 * 4 * 16 * 5):  # ten documents of five tokens, 16 numbers each
        assert np.abs(compute_scores() - expected).max() < 1e-5
    assert shards == [40, 10, 10, 10, 10]


# -- estimates against what is really taken ----------------------------------------------------------


def test_trap_42_the_estimate_of_a_graph_is_what_faiss_takes(tmp_path: Path) -> None:
    import faiss

    vectors = np.random.default_rng(0).standard_normal((3000, 24)).astype(np.float32)
    for how in (AnnIndex("hnsw", links=16, build_width=40), AnnIndex("hnsw", links=32, build_width=40)):
        index = faiss.IndexHNSWFlat(24, how.links)
        index.hnsw.efConstruction = how.build_width
        index.add(vectors)
        faiss.write_index(index, str(tmp_path / "index"))
        size = (tmp_path / "index").stat().st_size
        assert size <= how.estimate_build_memory(3000, 24).main - memory.estimate_library_memory("faiss") <= 1.25 * size
    assert (
        AnnIndex("ivf").estimate_build_memory(3000, 24).main
        > 3000 * 24 * 4
        > AnnIndex("ivf").estimate_search_memory(3000, 24).main - 16 * MIB
    )


def test_trap_42_the_size_of_a_model_is_read_off_its_files(tmp_path: Path) -> None:
    bi = models.resolve_model(str(tiny_models.make_bi_encoder(tmp_path / "bi")))
    from sentence_transformers import SentenceTransformer

    n = sum(weights.numel() for weights in SentenceTransformer(str(bi.path), device="cpu").parameters())
    assert n <= device._count_stored_numbers(bi) <= 1.05 * n
    assert device.read_hidden_size(bi) == 16
    half_precision, full_precision = (
        device.estimate_model_memory(bi, precision).main for precision in ("bfloat16", "float32")
    )
    assert full_precision - half_precision == 2 * device._count_stored_numbers(bi)
    for number, broken in enumerate(
        (b"", b"no tensors", b"\x02" + bytes(7) + b"[]", b"\x0c" + bytes(7) + b'{"a": "none"}')
    ):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "model.safetensors").write_bytes(broken)
        assert device._count_stored_numbers(models.ModelFiles(tmp_path / str(number), "broken", {})) == len(broken), (
            "loading will tell"
        )


def test_trap_42_an_index_needs_as_much_as_it_has_documents(tmp_path: Path) -> None:
    """`vectors` are a folder: how many there are is known from the texts that they are made of."""
    bi = str(tiny_models.make_bi_encoder(tmp_path / "bi"))
    experiment = Experiment(
        make_fruits(), {"S": HNSW(bi), "T": HNSW(bi) >> MaxSim(bi)}, ["RR"], store=LocalStore(tmp_path)
    )
    steps = {step.node.label.split("(")[0]: step for step in experiment._list_planned_nodes()}
    build = steps["hnsw index of fruits documents"]
    sizes = MemoryEstimator(experiment._find_leaf).find_sizes(build.node)
    assert sizes is not None and sizes.texts == 4
    assert all(step.memory for step in steps.values())


@pytest.mark.slow
def test_trap_42_a_run_under_a_ceiling_stays_below_it(tmp_path: Path) -> None:
    """A process of its own, with Java and torch: the least ceiling that is not refused is not passed."""
    model = str(tiny_models.make_bi_encoder(tmp_path / "bi"))
    command = [sys.executable, held_run.__file__, str(tmp_path / "held"), model]
    process = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert process.returncode == 0, process.stderr
    with_ceiling = json.loads(process.stdout.splitlines()[-1])
    assert 0 < with_ceiling["peak"] < with_ceiling["ceiling"]
    without_ceiling = held_run.make_experiment(tmp_path / "free", model, None).run()
    assert with_ceiling["rows"] == [row.measures for row in without_ceiling.rows]


# -- what was taken before, and what is taken now -----------------------------------------------------


@stage
class Hoarder(Combiner):
    """Give back the list, and hold some bytes meanwhile, another number of which is expected."""

    hold: int = option(default=0)
    says: int = option(default=0)

    name = "hoarder"

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        return MemoryNeed(self.says * sizes.docs)

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        # Mapped privately: what the process freed before and kept for reuse must not serve, or less than this is taken.
        blocks = [mmap.mmap(-1, 16 * MIB, flags=mmap.MAP_PRIVATE) for _ in range(self.hold // (16 * MIB))]
        for block in blocks:
            np.frombuffer(block, np.uint8)[:] = 1
        time.sleep(0.2)  # longer than between two looks
        assert len(blocks) * 16 * MIB == self.hold
        return lists[0]


def make_berries() -> Collection:
    """Another collection of four documents."""
    docs = {"a": "dark berry", "b": "red berry", "c": "green berry", "d": "blue sky above"}
    return Collection.of(docs, {"q1": "red", "q2": "green", "q3": "sky"}, {"q1": {"b": 1}}, name="berries")


def estimate_of(experiment: Experiment, name: str) -> int:
    (step,) = [step for step in experiment._list_planned_nodes() if step.node.label.startswith(name)]
    assert step.memory is not None
    return step.memory - measure_process_memory()


@pytest.mark.parametrize(("holds", "says", "least", "most"), [(400, 0, 380, 480), (96, 500, 900, 1100)])
def test_trap_42_an_estimate_that_was_far_off_is_corrected_by_what_was_taken(
    tmp_path: Path, holds: int, says: int, least: int, most: int
) -> None:
    system = Shared() >> Hoarder(holds * MIB, says * MIB)
    first = Experiment(make_fruits(), {"S": system}, ["RR"], store=LocalStore(tmp_path))
    formula = estimate_of(first, "Hoarder")
    assert abs(formula - (16 + 4 * says) * MIB) < 8 * MIB
    assert not first.run().failed
    corrected = Experiment(make_berries(), {"S": system}, ["RR"], store=LocalStore(tmp_path))
    assert least * MIB < estimate_of(corrected, "Hoarder") < most * MIB
    larger = Shared() >> Hoarder(holds * MIB, says * MIB + 1)
    uncorrected = Experiment(make_berries(), {"S": larger}, ["RR"], store=LocalStore(tmp_path))
    assert abs(estimate_of(uncorrected, "Hoarder") - formula) < 8 * MIB, "what was never run is as its stage says"


def test_trap_42_a_stage_that_passes_the_ceiling_is_stopped_and_others_go_on(tmp_path: Path) -> None:
    systems = {
        "Greedy": Shared() >> Hoarder(256 * 16 * MIB),
        "Modest": Shared() >> Hoarder(32 * MIB),
    }
    ceiling = measure_process_memory() + 300 * MIB
    result = Experiment(make_fruits(), systems, ["RR"], store=LocalStore(tmp_path), max_memory=ceiling).run()
    assert [row.status for row in result.rows] == ["failed", "ok"]
    error = result.rows[0].error
    assert error.startswith(f"{systems['Greedy'].steps[-1]!r}: max_memory ")
    assert error.endswith(" were held; allow more, or make its lists, model or index smaller")
    peak = float(error.split("stopped when ")[1].split(" ")[0])
    unit = {"MB": 1e6, "GB": 1e9}[error.split("stopped when ")[1].split(" ")[1]]
    assert peak * unit < ceiling + 200 * MIB, "long before it had all"
    assert measure_process_memory() < ceiling - 100 * MIB, "what it held is free again"


def test_trap_42_a_worker_counts_and_is_stopped_too(tmp_path: Path) -> None:
    child = [sys.executable, "-c", "block = bytearray(400 << 20); import time; time.sleep(60)"]
    worker = subprocess.Popen(child)
    ceiling = measure_process_memory() + 200 * MIB
    with (
        pytest.raises(StageError, match="^max_memory .* were held; allow more"),
        guard_memory(ceiling, lambda: [worker.pid]),
    ):
        while True:
            time.sleep(0.01)
    assert worker.wait() == -signal.SIGKILL


def test_trap_42_what_is_raised_too_late_does_not_arrive(tmp_path: Path) -> None:
    for _ in range(20):
        with suppress(StageError), guard_memory(0) as use:
            time.sleep(0.051)
        assert use.passed or use.taken >= 0
    time.sleep(0.1)
    with guard_memory(None) as use:
        block = np.ones(64 * MIB, np.uint8)
        time.sleep(0.06)
        del block
    assert 60 * MIB < use.taken < 70 * MIB
    with pytest.raises(KeyError), guard_memory(None):
        raise KeyError("its own")


PROFILED = """
import sys
from nirank.plan.memory_guard import guard_memory
for most in (None, 10**15):
    with guard_memory(most):
        pass
sys.setprofile(lambda *_: None)
print(sum(map(abs, range(-1000, 1000))), (lambda n: n)(1))
"""


def test_trap_42_the_guard_leaves_nothing_behind_in_the_interpreter() -> None:
    """An exception that is taken back keeps Python looking for it, and a profiler in a circle."""
    process = subprocess.run([sys.executable, "-c", PROFILED], capture_output=True, text=True, check=False, timeout=120)
    assert process.stdout.split() == ["1000000", "1"], process.stderr


# -- where it is asked for -----------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIRANK_STORE", str(tmp_path / "store"))
    folder = tmp_path / "data"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text('{"_id": "d1", "text": "red apple"}\n')
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "apple"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td1\t1\n")
    path = tmp_path / "config.yaml"
    path.write_text(f"collections: [{folder}]\nsystems: {{BM25: bm25}}\nmeasures: [RR]\n")
    return path


@pytest.mark.parametrize(
    "arguments", [["--max-memory", "20MB"], ["--set", "max_memory=20MB"], ["--check", "--max-memory", "20000000"]]
)
def test_trap_42_the_command_line_refuses_with_one_sentence(config: Path, arguments: list[str]) -> None:
    out = config.parent / "out"
    command = [sys.executable, "-m", "nirank.run", str(config), "--out", str(out), "--quiet", *arguments]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 2, process.stderr
    lines = [line for line in process.stderr.splitlines() if line]
    assert len(lines) == 1 and lines[0].startswith("max_memory 20.0 MB: '"), process.stderr
    assert not out.exists()


def test_a_ceiling_that_is_no_size_is_a_mistake_with_its_place(config: Path) -> None:
    config.write_text(config.read_text() + "max_memory: lots\n")
    result = CliRunner().invoke(cli, ["run", str(config)])
    assert isinstance(result.exception, ConfigError)
    assert "config.yaml:4:13: max_memory: 'lots' is not a size such as 100MB" in str(result.exception)
    with pytest.raises(ConfigError, match="max_memory: 'much' is not a size"):
        Experiment(make_fruits(), {"S": Shared() >> Lookup({})}, ["RR"], max_memory="much")
