"""A dense retriever behind a list encodes the documents that lists name, and no others; its scores are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models

from nirank.algebra.application import within
from nirank.algebra.pipeline import Pipeline
from nirank.collections.collection import Collection
from nirank.experiment.experiment import Experiment
from nirank.flow.pairs import Pairs
from nirank.stages.bm25 import BM25
from nirank.stages.cut import Cut
from nirank.stages.dense import Dense, intersect_rows
from nirank.stages.hnsw import HNSW
from nirank.stages.lsh import LSH
from nirank.store import LocalStore

DOCS = {f"d{at}": f"w{at % 7} w{at} w{at + 1}" for at in range(40)}
QUERIES = {"q1": "w3 w5", "q2": "w20", "none": "zyzzyva"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_models.make_bi_encoder(tmp_path_factory.mktemp("bi")))


def make_collection() -> Collection:
    return Collection.of(DOCS, QUERIES, {"q1": {"d3": 1}}, name="small")


def run(pipeline: Pipeline, store: Path) -> tuple[Any, list[int]]:
    """Return the ranking, and how many documents' vectors were made for each stage."""
    experiment = Experiment(make_collection(), {"S": pipeline}, ["RR"], store=LocalStore(store), device="cpu")
    result = experiment.run()
    assert not result.failed, result
    folders = sorted(store.glob("artifacts/*/*/vectors.npy"))
    return result.ranking("S"), sorted(len(np.load(path)) for path in folders)


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_behind_a_cut_only_listed_documents_are_encoded(model: str, similarity: Any, tmp_path: Path) -> None:
    dense = Dense(model, similarity=similarity)
    first = BM25() >> Cut(4)
    ranking, encoded = run(first >> dense, tmp_path / "a")
    candidates = run(first, tmp_path / "b")[0]
    assert encoded == [3, len(set(candidates.rows.tolist()))] and encoded[1] < 9
    all_documents, _ = run(dense, tmp_path / "c")
    is_listed = all_documents.contains(candidates.query_rows, candidates.rows)
    assert is_listed.all() and {q: set(d) for q, d in ranking.to_dict().items()} == {
        q: set(d) for q, d in candidates.to_dict().items()
    }
    scores = all_documents.to_dict()
    assert all(
        score == pytest.approx(scores[query][doc], abs=1e-5)
        for query, docs in ranking.to_dict().items()
        for doc, score in docs.items()
    )


def test_within_a_pipeline_and_in_two_lists(model: str, tmp_path: Path) -> None:
    inner = within(BM25() >> Cut(6), Dense(model))
    _, encoded = run(inner, tmp_path / "a")
    assert encoded[0] == 3 and encoded[1] <= 12
    _, encoded_of_both = run(within(BM25() >> Cut(2), (BM25() >> Cut(6)) >> Dense(model)), tmp_path / "b")
    assert encoded_of_both[1] <= 4, "what both lists have"


def test_an_index_is_of_all_documents(model: str, tmp_path: Path) -> None:
    _, encoded = run(BM25() >> Cut(4) >> HNSW(model), tmp_path)
    assert encoded == [3, 40]


def test_buckets_of_the_same_vectors_spare_nothing(model: str, tmp_path: Path) -> None:
    """One computation, which every row counts once; vectors of another text are others."""
    buckets = LSH(model, tables=2, functions=2, max_block=None)
    _, encoded = run(buckets >> Dense(model), tmp_path / "a")
    assert encoded == [3, 40]
    _, encoded = run(Dense(model, k=5) >> Dense(model, similarity="dot"), tmp_path / "b")
    assert encoded == [3, 40]
    _, encoded = run(Dense(model, k=5) >> Dense(model, doc_prompt="w1 "), tmp_path / "c")
    assert len(encoded) == 3 and encoded[1] < 16 and encoded[2] == 40


def test_what_all_lists_have() -> None:
    texts = make_collection()
    sides = (texts.queries.ids, texts.docs.ids)
    first, second = (Pairs.build(*sides, q, d, source="t") for q, d in (([0, 0, 1], [5, 3, 5]), ([0, 1], [3, 9])))
    assert intersect_rows([]) is None
    assert [row.tolist() for row in (intersect_rows([first]), intersect_rows([first, second])) if row is not None] == [
        [3, 5],
        [3],
    ]
