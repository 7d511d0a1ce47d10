"""Models of hashed n-grams: named by what they are, and loaded by sentence-transformers like any other."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from nirank import Dense, HashedNGrams
from nirank.algebra.context import Context
from nirank.errors import ConfigError, ModelError
from nirank.inference.device import estimate_model_memory, estimate_training_memory
from nirank.inference.encoder import Encoding, encode, read_vectors
from nirank.inference.folders import NGRAM_MODULE
from nirank.inference.models import resolve_model

ALL = 2**64 - 1
TEXTS = ["Sony KDL-46V5100 46' Bravia", "sony kdl46v5100 bravia lcd hdtv", "Linksys EtherFast switch", "ab"]


def encode_texts(model: str, texts: list[str], folder: Path) -> np.ndarray:
    encode(texts, len(texts), Encoding(resolve_model(model)), folder, Context(device="cpu"))
    return np.array(read_vectors(folder)[0])


def test_the_name_is_the_value() -> None:
    model = HashedNGrams((2, 4), buckets=1000, width=32, seed=7)
    assert model == "ngrams:2-4,buckets=1000,width=32,seed=7"
    assert pickle.loads(pickle.dumps(model)) == model
    assert Dense(model) == Dense(str(model))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ngrams": (5, 3)}, r"ngrams must be the shortest and the longest, such as \[3, 5\], got \[5, 3\]"),
        ({"buckets": 0}, "buckets must be in"),
        ({"width": 0}, "width must be in"),
        ({"seed": -1}, "seed must be in"),
    ],
)
def test_options_out_of_range_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        HashedNGrams(**options)


def test_a_name_that_is_none_says_what_one_is() -> None:
    with pytest.raises(ModelError, match="expected a name such as ngrams:3-5,buckets=32768,width=512,seed=0"):
        resolve_model("ngrams:3,5")


def test_what_a_model_is_made_of_is_its_identity() -> None:
    names = [HashedNGrams(), HashedNGrams((2, 5)), HashedNGrams(buckets=5), HashedNGrams(width=5), HashedNGrams(seed=1)]
    assert len({resolve_model(name).content for name in names}) == 5
    assert resolve_model(HashedNGrams()).identity == {"files": "6527511d16debbcb3d7a3ad298006a0f"}  # never changes


def test_sentence_transformers_encodes_the_same_vectors(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    name = HashedNGrams(buckets=4096, width=64)
    vectors = encode_texts(name, [*TEXTS, ""], tmp_path)
    model = SentenceTransformer(str(resolve_model(name).path), trust_remote_code=True, device="cpu")
    assert vectors == pytest.approx(model.encode([*TEXTS, ""]), abs=1e-6)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1, 1, 0], abs=1e-6)


def test_untrained_vectors_have_the_cosines_of_ngram_counts(tmp_path: Path) -> None:
    """Give or take 1 / √width: four standard errors of a product of random signs."""
    counts = CountVectorizer(analyzer="char_wb", ngram_range=(3, 5)).fit_transform(TEXTS).toarray().astype(float)
    units = counts / np.linalg.norm(counts, axis=1, keepdims=True)
    vectors = encode_texts(HashedNGrams(buckets=2**20, width=1024), TEXTS, tmp_path)
    assert vectors @ vectors.T == pytest.approx(units @ units.T, abs=4 / 32)


def test_signs_are_the_same_everywhere() -> None:
    from nirank.inference.ngram_embedding import draw_signs

    def mix(place: int) -> int:  # SplitMix64 in Python's own integers
        z = place * 0x9E3779B97F4A7C15 & ALL
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & ALL
        z = (z ^ z >> 27) * 0x94D049BB133111EB & ALL
        return z ^ z >> 31

    signs = draw_signs(3, 70, 5)
    words = [[mix(2 * row + word + 1 + 5 * 2**40) for word in range(2)] for row in range(3)]
    expected = [[2 * (row[column // 64] >> column % 64 & 1) - 1 for column in range(70)] for row in words]
    assert signs * np.sqrt(70) == pytest.approx(np.array(expected), abs=1e-6)
    assert abs(draw_signs(1000, 512, 0).mean() * np.sqrt(512)) < 0.006  # four standard errors
    assert (draw_signs(100, 64, 0) != draw_signs(100, 64, 1)).mean() == pytest.approx(0.5, abs=0.03)


def test_memory_counts_the_rows_that_are_drawn() -> None:
    small, large = (resolve_model(HashedNGrams(buckets=buckets, width=1000)) for buckets in (1000, 11_000))
    need = [estimate_model_memory(model, "float32").main for model in (small, large)]
    assert need[1] - need[0] == 4 * 10_000_000
    need = [estimate_training_memory(model).main for model in (small, large)]
    assert need[1] - need[0] == 16 * 10_000_000


def test_a_transformer_beside_ngrams_is_refused(tmp_path: Path) -> None:
    """The library is told to trust folders with n-grams: no code of theirs may run by that."""
    folder = tmp_path / "model"
    shutil.copytree(resolve_model(HashedNGrams(buckets=64, width=8)).path, folder)
    modules = json.loads((folder / "modules.json").read_text())
    transformer = {"idx": 2, "name": "2", "path": "2", "type": "sentence_transformers.models.Transformer"}
    (folder / "modules.json").write_text(json.dumps([*modules, transformer]))
    with pytest.raises(ModelError, match="code that comes with the model"):
        resolve_model(str(folder)).check_modules()


def test_the_named_module_is_the_one_there_is() -> None:
    from nirank.inference.ngram_embedding import NGramEmbedding

    assert f"{NGramEmbedding.__module__}.{NGramEmbedding.__name__}" == NGRAM_MODULE
