"""Long texts as the mean of their windows' vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_models

from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.stages.dense import Dense
from nirank.store import LocalStore

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
DOCS = {"a": "w1 w2 w3", "b": "w1 w2", "c": "", "d": "w4 w5 w6 w7 w8"}


def test_a_text_is_the_mean_of_its_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentence_transformers import SentenceTransformer

    from nirank.stages import _part_vectors

    monkeypatch.setattr(_part_vectors, "_BLOCK", 3)
    folder = tiny_models.make_bi_encoder(tmp_path / "tiny")
    model = SentenceTransformer(str(folder), device="cpu")
    windows = {"a": ["w1 w2", "w3"], "b": ["w1 w2"], "d": ["w4 w5", "w6 w7", "w8"]}
    vectors = {doc: model.encode(texts).astype(np.float64).mean(0) for doc, texts in windows.items()}
    collection = Collection.of(DOCS, {"q": "w1 w2 w3"}, {"q": {"a": 1}})
    systems = {"S": Dense(str(folder), windows=2), "whole": Dense(str(folder), windows=99), "first": Dense(str(folder))}
    result = Experiment(collection, systems, ["RR"], store=LocalStore(tmp_path / "store")).run()

    def cosine(x: np.ndarray, y: np.ndarray) -> float:
        return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))

    expected = {doc: cosine(vectors["a"], vector) for doc, vector in vectors.items()} | {"c": 0.0}
    assert result.ranking("S").to_dict()["q"] == pytest.approx(expected, abs=1e-4)
    assert result.ranking("whole").to_dict()["q"] == pytest.approx(result.ranking("first").to_dict()["q"], abs=1e-6)


def test_windows_have_words() -> None:
    with pytest.raises(ConfigError, match="windows must be 1 or more words, got 0"):
        Dense("a", windows=0)
