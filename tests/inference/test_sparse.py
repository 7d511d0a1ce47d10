"""Learned sparse retrieval: weights are sentence-transformers', scores the dot products."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models

from nirank.algebra.context import Context
from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.flow.ids import Ids
from nirank.flow.pairs import Pairs
from nirank.flow.scope import Scope
from nirank.inference import models, sparse, sparse_search
from nirank.inference.sparse import SparseEncoding, encode_sparse
from nirank.inference.sparse_search import invert_vectors, search_sparse
from nirank.stages.sparse import Sparse
from nirank.store import LocalStore
from nirank.testing import check_stage

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

TEXTS = ["w1 w2 w3", "w4 " * 20, "", "w5 unknown 🎉 שלום", "w7 " * 90]


@pytest.fixture(scope="module")
def splade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random masked language model with SPLADE's pooling."""
    return tiny_models.make_splade(tmp_path_factory.mktemp("splade"))


def encode_texts(folder: Path, out: Path, texts: list[str], **options: Any) -> tuple[list[dict[int, float]], Context]:
    out.mkdir()
    context = Context(device="cpu")
    encode_sparse(
        texts, len(texts), SparseEncoding(models.resolve_model(str(folder)), "document", **options), out, context
    )
    offsets, terms, weights = (np.load(out / f"{name}.npy") for name in ("offsets", "terms", "weights"))
    parts = [slice(offsets[at], offsets[at + 1]) for at in range(len(texts))]
    return [dict(zip(terms[part].tolist(), weights[part].tolist(), strict=True)) for part in parts], context


@pytest.mark.parametrize("projected", [True, False])
def test_weights_are_those_of_sentence_transformers(
    projected: bool, splade: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sentence_transformers import SparseEncoder

    if not projected:
        monkeypatch.setattr(sparse, "_can_project", lambda model: False)
    vectors, context = encode_texts(splade, tmp_path / "v", TEXTS)
    library_weights = SparseEncoder(str(splade), device="cpu").encode(TEXTS, convert_to_sparse_tensor=False).numpy()
    for row, text in enumerate(TEXTS):
        expected = (
            {term: float(library_weights[row, term]) for term in np.flatnonzero(library_weights[row])} if text else {}
        )
        assert vectors[row] == pytest.approx(expected, abs=1e-5)
    assert (context.counts["truncated_texts"], context.counts["tokens_lost"]) == (1, 92 - 64)


def test_batches_and_pruning(splade: Path, tmp_path: Path) -> None:
    vectors, _ = encode_texts(splade, tmp_path / "a", TEXTS)
    by_small_batches, _ = encode_texts(splade, tmp_path / "b", TEXTS, batch_tokens=1)
    for vector, same_vector in zip(vectors, by_small_batches, strict=True):
        assert vector == pytest.approx(same_vector, abs=1e-5)
    pruned, _ = encode_texts(splade, tmp_path / "c", TEXTS, max_terms=3)
    for vector, pruned_vector in zip(vectors, pruned, strict=True):
        assert len(pruned_vector) == min(3, len(vector))
        assert sorted(pruned_vector.values()) == pytest.approx(
            sorted(vector.values())[-len(pruned_vector) :] if pruned_vector else [], abs=1e-5
        )


def test_scores_are_dot_products_within_the_scope(
    splade: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(2)
    docs = [" ".join(f"w{i}" for i in random.integers(0, 80, 6)) for _ in range(50)]
    queries = ["w1 w2", "", "w9"]
    doc_terms, _ = encode_texts(splade, tmp_path / "d", docs)
    query_terms, _ = encode_texts(splade, tmp_path / "q", queries)
    (tmp_path / "i").mkdir()
    monkeypatch.setattr(sparse, "_REORDERED_TEXTS", 7)
    monkeypatch.setattr(sparse_search, "_CHUNK_POSTINGS", 100)
    invert_vectors(tmp_path / "d", tmp_path / "i")
    sides = Ids.of(f"q{i}" for i in range(3)), Ids.of(f"d{i:02}" for i in range(50))
    lists = search_sparse(tmp_path / "i", tmp_path / "q", Scope(*sides), None).to_dict()
    for query, terms in enumerate(query_terms):
        expected = {
            f"d{at:02}": sum(weight * doc[term] for term, weight in terms.items() if term in doc)
            for at, doc in enumerate(doc_terms)
        }
        assert lists[f"q{query}"] == pytest.approx({doc: score for doc, score in expected.items() if score}, rel=1e-5)
    candidates = Pairs.from_ids(*sides, {"q0": ["d03", "d07"], "q2": ["d01"]}, source="t")
    in_scope = search_sparse(tmp_path / "i", tmp_path / "q", Scope(*sides, pairs=candidates), 1)
    assert in_scope.counts.tolist() == [1, 0, 1]
    assert in_scope.to_dict()["q2"]["d01"] == lists["q2"]["d01"]


def test_sparse_obeys(splade: Path) -> None:
    check_stage(Sparse(str(splade)))


def test_a_term_that_no_document_has(splade: Path, tmp_path: Path) -> None:
    collection = Collection.of({"a": "w1", "b": ""}, {"q": "w79 w2", "r": ""}, {"q": {"a": 1}})
    result = Experiment(collection, {"S": Sparse(str(splade), doc_terms=2)}, ["RR"], store=LocalStore(tmp_path)).run()
    assert result.rows[0].status == "ok"
    assert result.ranking("S").to_dict()["r"] == {}


def test_options() -> None:
    with pytest.raises(ConfigError, match="doc_terms must be 1 or more"):
        Sparse("x/y", doc_terms=0)


def test_postings_are_the_same_however_few_entries_are_turned_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(4)
    counts = random.integers(0, 6, 50)
    counts[7] = 40  # a document of more entries than are turned at a time
    offsets = np.append(0, np.cumsum(counts))
    terms = np.concatenate([np.sort(random.choice(60, n, replace=False)) for n in counts]).astype(np.int32)
    for name, values in (("offsets", offsets), ("terms", terms), ("weights", random.random(len(terms), np.float32))):
        np.save(tmp_path / f"{name}.npy", values)
    contents = []
    for n_entries in (1 << 18, 11, 1):
        monkeypatch.setattr(sparse_search, "_INVERTED_ENTRIES", n_entries)
        (tmp_path / str(n_entries)).mkdir()
        sparse_search.invert_vectors(tmp_path, tmp_path / str(n_entries))
        contents.append([np.load(path).tolist() for path in sorted((tmp_path / str(n_entries)).iterdir())])
    assert contents[0] == contents[1] == contents[2] and len(contents[0][0]) == len(terms)
