"""Which documents are chosen of a collection, from its vectors on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirank import open_store, sample_documents
from nirank.algebra.context import Context
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.base.memory import Sizes
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, DataError
from nirank.experiment.sampling import load_docs
from nirank.stages.dense import Dense
from nirank.synthesis import selection_tasks
from nirank.synthesis.clusters import Clusters
from nirank.synthesis.selected_docs import SelectedDocs
from nirank.synthesis.selection import Selection

ENCODER = Dense("ngrams:3-5,buckets=64,width=8,seed=0")
Vectors = np.ndarray


def make_topics(sizes: list[int], seed: int = 0, spread: float = 0.3) -> tuple[Vectors, np.ndarray]:
    """Return vectors around one direction for each topic, and the topics."""
    rng = np.random.default_rng(seed)
    directions = rng.standard_normal((len(sizes), 24))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    topics = np.repeat(np.arange(len(sizes)), sizes)
    vectors = directions[topics] + spread * rng.standard_normal((len(topics), 24)) / np.sqrt(24)
    return vectors.astype(np.float32), topics


def make_texts(n: int) -> Texts:
    return Texts.of({f"d{i}": f"document {i} " + "words " * 60 for i in range(n)})


class Runs:
    """Runs the computations of a selection on given vectors, each once."""

    def __init__(self, vectors: Vectors, folder: Path, docs: Texts | None = None) -> None:
        self.vectors, self.folder = vectors, folder
        self.docs = make_texts(len(vectors)) if docs is None else docs
        leaf = Node.leaf("texts", self.docs.digest, "documents")
        self.sides = Sides(leaf, leaf)
        self.folders: dict[str, Path] = {}

    def run(self, node: Node) -> Path:
        if node.address not in self.folders:
            folder = self.folder / node.address
            folder.mkdir(parents=True)
            self.folders[node.address] = folder
            if node.task.endswith("encode_texts"):
                np.save(folder / "vectors.npy", self.vectors)
                (folder / "encoding.json").write_text(json.dumps({}))
            else:
                inputs: dict[str, list[Any]] = {}
                for role, below in node.inputs:
                    inputs[role] = [self.docs if below.is_leaf else self.run(below)]
                task = getattr(selection_tasks, node.task.partition(":")[2])
                value = task(Job(node.params, inputs, folder, Context(scratch=folder / "scratch")))
                if value is not None:
                    value.save(folder)
        return self.folders[node.address]

    def select(self, n: int, **options: Any) -> SelectedDocs:
        selection = Selection(n, ENCODER, **{"seed": 0} | options)
        return SelectedDocs.open(self.run(selection.compile_node(self.sides)))


def test_t10_the_seed_changes_the_documents_and_neither_clusters_nor_quotas(tmp_path: Path) -> None:
    vectors, _ = make_topics([40, 25, 15, 20])
    runs = Runs(vectors, tmp_path / "one")
    first, again = runs.select(12, clusters=4), Runs(vectors, tmp_path / "two").select(12, clusters=4)
    other = runs.select(12, clusters=4, seed=1)
    assert first.rows.tolist() == again.rows.tolist()
    assert sorted(first.rows.tolist()) != sorted(other.rows.tolist())
    assert first.clusters.tolist() == other.clusters.tolist()
    assert first.sizes.tolist() == other.sizes.tolist()
    assert len(set(first.rows.tolist())) == 12


def test_t11_clusters_reach_more_topics_of_a_skewed_collection_than_chance(tmp_path: Path) -> None:
    """50 topics whose sizes fall as 1/rank; random draws reach Σ 1 − (1 − p)^50 of them on average."""
    sizes = np.maximum(2000 / np.arange(1, 51) / (1 / np.arange(1, 51)).sum(), 4).astype(int)
    vectors, topics = make_topics(sizes.tolist())
    runs = Runs(vectors, tmp_path)
    clustered = len(np.unique(topics[runs.select(50, clusters=50).rows]))
    at_random = [len(np.unique(topics[runs.select(50, by="random", seed=seed).rows])) for seed in range(100)]
    expected = (1 - (1 - sizes / sizes.sum()) ** 50).sum()
    assert np.mean(at_random) == pytest.approx(expected, abs=1)
    assert clustered > max(at_random)
    assert clustered >= 1.25 * expected


def test_more_documents_than_there_are_gives_all(tmp_path: Path) -> None:
    vectors, _ = make_topics([6, 3])
    selected = Runs(vectors, tmp_path).select(100, clusters=2)
    assert sorted(selected.rows.tolist()) == list(range(9))
    assert selected.counts["chosen"] == 9


def test_more_clusters_than_documents_are_half_as_many_as_documents(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vectors, _ = make_topics([4, 3])
    with caplog.at_level("WARNING", "nirank"):
        selected = Runs(vectors, tmp_path).select(100, clusters=100)
    assert selected.stated["clusters"] == 3
    assert "100 clusters are more than the 7 documents" in selected.stated["reason"]
    assert len(selected) == 7
    assert "half as many" in caplog.text


def test_there_are_never_more_clusters_than_documents_to_choose() -> None:
    sides = Sides(*[Node.leaf("texts", "0" * 32, "documents")] * 2)
    nodes = [Selection(30, ENCODER, clusters=k, seed=0).compile_node(sides).get_input("clusters") for k in (30, 1000)]
    assert nodes[0].address == nodes[1].address
    assert nodes[0].params == {"clusters": 30}


def test_short_documents_repeated_texts_and_those_without_a_vector_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vectors, _ = make_topics([8])
    vectors[2], vectors[3, 5] = 0, np.nan
    texts = {f"d{i}": f"document {i} " + "words " * 60 for i in range(8)} | {"d1": "too short"}
    texts["d7"] = texts["d0"].upper()
    with caplog.at_level("WARNING", "nirank"):
        selected = Runs(vectors, tmp_path, Texts.of(texts)).select(100, clusters=1)
    assert sorted(selected.rows.tolist()) == [0, 4, 5, 6]
    assert selected.counts == {
        "documents": 8,
        "shorter than 300 characters": 1,
        "text of an earlier document": 1,
        "without a vector": 2,
        "chosen": 4,
    }
    assert "2 documents have no vector" in caplog.text


def test_where_no_document_is_long_enough_the_option_is_named(tmp_path: Path) -> None:
    vectors, _ = make_topics([3])
    runs = Runs(vectors, tmp_path, Texts.of({"a": "short", "b": "shorter", "c": ""}))
    with pytest.raises(DataError, match=r"none of 3 documents has 300 characters or more; the longest has 7.*min_char"):
        runs.select(2)


def test_the_number_of_clusters_is_at_the_knee_and_no_more_than_documents_chosen(tmp_path: Path) -> None:
    vectors, _ = make_topics([20] * 10, spread=0.05)
    runs = Runs(vectors, tmp_path)
    selected = runs.select(50, clusters="knee", grid=(2, 5, 10, 20, 40, 500))
    assert selected.stated["clusters"] == 10
    assert selected.stated["curve"]["ks"] == [2, 5, 10, 20, 40]
    fewer = runs.select(6, clusters="knee", grid=(2, 5, 10, 20, 40, 500))
    assert fewer.stated["clusters"] == 6
    assert fewer.stated["reason"] == "knee: 10, more than the documents that are chosen"
    assert runs.select(300, clusters="knee", grid=(1000,)).stated["clusters"] == 100  # half of the documents


def test_top_takes_the_nearest_to_each_centroid_and_one_cluster_is_the_whole_collection(tmp_path: Path) -> None:
    vectors, _ = make_topics([30, 10])
    runs = Runs(vectors, tmp_path)
    selected = runs.select(5, by="top", clusters=1)
    centre = vectors.mean(0)
    cosines = vectors @ centre / np.linalg.norm(vectors, axis=1)
    assert selected.rows.tolist() == np.argsort(-cosines)[:5].tolist()
    assert sorted(runs.select(5, clusters=1, temperature=1e-6, mmr_lambda=1.0).rows) == sorted(selected.rows)


def test_half_precision_vectors_are_clustered_as_float32(tmp_path: Path) -> None:
    vectors, topics = make_topics([30, 30, 30], spread=0.1)
    selected = Runs(vectors.astype(np.float16), tmp_path).select(3, clusters=3)
    assert sorted(topics[selected.rows].tolist()) == [0, 1, 2]


def test_documents_are_in_the_nearest_cluster_and_seeds_nearest_to_centroids(tmp_path: Path) -> None:
    vectors, _ = make_topics([30, 20, 10])
    runs = Runs(vectors, tmp_path)
    node = Selection(3, ENCODER, clusters=3, seed=0).compile_node(runs.sides)
    runs.run(node)
    clusters = Clusters.open(runs.folders[node.get_input("clusters").address])
    assert clusters.sizes.sum() == 60
    centroids = np.stack([vectors[clusters.assigned == cluster].mean(0) for cluster in range(3)])
    distances = np.linalg.norm(vectors[:, None] - centroids, axis=2)
    assert clusters.assigned.tolist() == distances.argmin(1).tolist()
    assert clusters.seeds.tolist() == distances.argmin(0).tolist()
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(centroids, axis=1)[clusters.assigned]
    assert clusters.cosines == pytest.approx((vectors * centroids[clusters.assigned]).sum(1) / lengths, abs=1e-5)


def test_vectors_are_those_of_a_dense_system_and_clusters_of_any_way_to_choose() -> None:
    docs, queries = (Node.leaf("texts", digit * 32, "texts") for digit in "01")
    sides = Sides(queries, docs)
    drawn = Selection(10, ENCODER, seed=0).compile_node(sides)
    assert drawn.get_input("vectors") == ENCODER.plan_inputs(sides)[0]
    top = Selection(10, ENCODER, by="top", seed=0).compile_node(sides)
    assert top.get_input("clusters") == drawn.get_input("clusters")
    at_random = Selection(10, ENCODER, by="random", seed=0).compile_node(sides)
    assert [role for role, _ in at_random.inputs] == ["filtered"]
    assert at_random.get_input("filtered") == drawn.get_input("filtered")


def test_what_changes_the_chosen_documents_changes_the_address_and_nothing_else_does() -> None:
    sides = Sides(*[Node.leaf("texts", "0" * 32, "documents")] * 2)
    base = Selection(10, ENCODER, clusters="knee", seed=0)
    changes: list[dict[str, Any]] = [
        {},
        {"n": 11},
        {"by": "top"},
        {"by": "random"},
        {"clusters": 5},
        {"grid": (5, 10)},
        {"temperature": 0.5},
        {"draws": 1},
        {"mmr_lambda": 1.0},
        {"min_characters": 1},
        {"seed": 1},
        {"encoder": replace(ENCODER, doc_text=("text",))},
        {"encoder": replace(ENCODER, model="ngrams:3-5,buckets=64,width=8,seed=1")},
    ]
    addresses = [replace(base, **change).compile_node(sides).address for change in changes]
    assert len(set(addresses)) == len(changes)
    for idle in ({"temperature": 0.5}, {"draws": 1}, {"mmr_lambda": 1.0}, {"seed": 1}):
        top = replace(base, by="top")
        assert replace(top, **idle).compile_node(sides) == top.compile_node(sides)
    at_random = replace(base, by="random")
    assert replace(at_random, clusters=5, grid=(5,)).compile_node(sides) == at_random.compile_node(sides)


def test_a_million_documents_are_clustered_and_chosen_in_half_a_gibibyte() -> None:
    """What trains FAISS and a few numbers a document; the vectors, 1.5 GB, are mapped."""
    sides = Sides(*[Node.leaf("texts", "0" * 32, "documents")] * 2)
    node = Selection(1000, Dense("ngrams:3-5,buckets=64,width=384,seed=0")).compile_node(sides)
    needs = [of.memory(Sizes(texts=1_000_000)).main for of in (node, node.get_input("clusters")) if of.memory]
    assert len(needs) == 2
    assert max(needs) < 2**29


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "cluster"}, "by must be one of clusters, top, random, got 'cluster'; did you mean 'clusters'"),
        ({"encoder": None}, "by clusters needs an encoder"),
        ({"encoder": "some/model"}, "encoder must be a dense stage"),
        ({"clusters": "elbow"}, "clusters must be a number or 'knee', got 'elbow'"),
        ({"clusters": 0}, "clusters must be 1 or more, or 'knee', got 0"),
        ({"n": 0}, "n must be 1 or more, got 0"),
        ({"temperature": 0.0}, "temperature must be more than 0, got 0.0"),
        ({"mmr_lambda": 1.5}, r"mmr_lambda must be in 0\.\.1, got 1.5"),
        ({"grid": ()}, "grid must be numbers of clusters"),
        ({"draws": 0}, "draws must be 1 or more"),
    ],
)
def test_mistakes_are_sentences(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"selection: {message}"):
        Selection(**({"encoder": ENCODER} | options))


def test_a_selection_shows_itself_as_what_makes_it_again() -> None:
    selection = Selection("5", ENCODER, clusters="10")  # type: ignore[arg-type]
    assert (selection.n, selection.clusters) == (5, 10)
    assert replace(selection, by="random").title == "5 documents at random"
    assert repr(selection).startswith("Selection(n=5, encoder=Dense(")


@pytest.mark.slow
def test_t11_clusters_reach_more_rulebooks_of_a_real_collection_than_chance(shared_data: Path, tmp_path: Path) -> None:
    """ObliQA: passages of 40 rulebooks, 9 to 2,030 of each."""
    store = open_store(tmp_path)
    docs = load_docs(shared_data / "regulatory" / "obliqa", store)
    topics = np.unique(list(docs.read_metadata("document")), return_inverse=True)[1]
    encoder = Dense("ngrams:3-5,buckets=32768,width=256,seed=0")

    def count_topics(**options: Any) -> int:
        selected = sample_documents(docs, Selection(50, encoder, clusters=50, **options), store=store)
        return len(np.unique(topics[selected.rows]))

    clustered = [count_topics(seed=seed) for seed in range(5)]
    at_random = [count_topics(by="random", seed=seed) for seed in range(100)]
    assert np.mean(clustered) > np.mean(at_random) + 2 * np.std(at_random) / np.sqrt(5)
