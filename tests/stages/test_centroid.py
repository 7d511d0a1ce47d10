"""Centroids of word vectors: by the formula on a tiny model, and what no word vector is there for."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tiny_models

from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.stages.centroid import Centroid
from nirank.store import LocalStore
from nirank.testing import check_stage

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
DOCS = {"a": "w1 w2 w2", "b": "w3 w1", "c": "zyzzyva", "d": "w4 " * 300 + "w2"}
QUERY = "w2 w3 w9 zyzzyva"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.make_bi_encoder(tmp_path_factory.mktemp("tiny") / "model")


def read_embeddings(model: Path) -> dict[str, np.ndarray]:
    """Return the input embedding of each word, as the files have it."""
    from safetensors.numpy import load_file

    (path,) = model.rglob("model.safetensors")
    (vocabulary,) = model.rglob("tokenizer.json")
    import json

    rows = json.loads(vocabulary.read_text())["model"]["vocab"]
    (weights,) = (value for name, value in load_file(path).items() if name.endswith("word_embeddings.weight"))
    return {word: weights[row].astype(np.float64) for word, row in rows.items()}


def test_by_the_formula(model: Path, tmp_path: Path) -> None:
    vectors = read_embeddings(model)
    df = Counter(word for text in DOCS.values() for word in set(text.split()) if word in vectors)

    def centroid(text: str) -> np.ndarray:
        weights = {
            word: tf * math.log(1 + (3 - df[word] + 0.5) / (df[word] + 0.5))  # three documents have a known word
            for word, tf in Counter(text.split()).items()
            if df[word]
        }
        if not weights:
            return np.zeros(16)
        return sum(weight * vectors[word] for word, weight in weights.items()) / sum(weights.values())

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        lengths = np.linalg.norm(a) * np.linalg.norm(b)
        return float(a @ b / lengths) if lengths else 0.0

    collection = Collection.of(DOCS, {"q": QUERY, "r": "zyzzyva w9"}, {"q": {"a": 1}})
    result = Experiment(collection, {"S": Centroid(str(model))}, ["RR"], store=LocalStore(tmp_path)).run()
    expected = {doc: cosine(centroid(QUERY), centroid(text)) for doc, text in DOCS.items()}
    assert result.ranking("S").to_dict()["q"] == pytest.approx(expected, abs=1e-5)
    assert set(result.ranking("S").to_dict()["r"].values()) == {0.0}


def test_it_obeys(model: Path) -> None:
    check_stage(Centroid(str(model)))


def test_a_model_must_be_named() -> None:
    with pytest.raises(ConfigError, match="centroid: model is empty"):
        Centroid("")
