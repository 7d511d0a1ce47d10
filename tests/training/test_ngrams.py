"""A model of hashed n-grams is trained, kept and averaged like any other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tiny_trainings
from tiny_trainings import RECIPE, make_examples

from nirank import HashedNGrams
from nirank.algebra.context import Context
from nirank.errors import ConfigError, ModelError
from nirank.inference.encoder import Encoding, encode, read_vectors
from nirank.inference.models import ModelFiles, resolve_model
from nirank.training import model_io
from nirank.training.examples import Examples
from nirank.training.fitting import Fitting
from nirank.training.ngrams import weigh_rows

LSH = replace(RECIPE, loss="lsh", push="all", head=8, epochs=4, learning_rate=3e-3)


@pytest.fixture(scope="module")
def start() -> ModelFiles:
    return resolve_model(HashedNGrams(buckets=4096, width=64))


def encode_texts(model: str, texts: list[str], folder: Path) -> np.ndarray:
    folder.mkdir(parents=True)
    encode(texts, len(texts), Encoding(resolve_model(model)), folder, Context(device="cpu"))
    return np.array(read_vectors(folder)[0])


def test_the_loss_falls_and_matches_come_near(start: ModelFiles, tmp_path: Path) -> None:
    """Property 01.6.14: on new pairs."""
    out = tiny_trainings.run(Fitting("bi_encoder", start, LSH, 3), make_examples(300), tmp_path / "one")
    steps = tiny_trainings.read_curve(out)["steps"]
    assert np.mean([loss for _, loss, _ in steps[-10:]]) < 0.5 * np.mean([loss for _, loss, _ in steps[:10]])
    new = make_examples(seed=7)
    vectors = encode_texts(str(out / "model"), new.texts.to_pylist(), tmp_path / "vectors")
    negatives = new.negatives[new.offsets[:-1]]
    near, far = (np.linalg.norm(vectors[new.queries] - vectors[rows], axis=1) for rows in (new.positives, negatives))
    assert (near < 3).mean() > (far < 3).mean() + 0.3
    assert resolve_model(str(out / "model")).similarity == "euclidean"


def test_sentence_transformers_loads_what_was_trained(start: ModelFiles, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    out = tiny_trainings.run(Fitting("bi_encoder", start, replace(LSH, epochs=1), 3), make_examples(), tmp_path / "one")
    texts = ["w1 w2 w3", "w40 w41", "w7"]
    model = SentenceTransformer(str(out / "model"), trust_remote_code=True, device="cpu")
    assert encode_texts(str(out / "model"), texts, tmp_path / "vectors") == pytest.approx(model.encode(texts), abs=1e-5)
    assert "texts are read whole" in (out / "model" / "README.md").read_text()


def test_a_seed_gives_the_same_weights_again(start: ModelFiles, tmp_path: Path) -> None:
    how = Fitting("bi_encoder", start, replace(LSH, epochs=1), 3)
    first, repeated, other_seed = (
        tiny_trainings.run(replace(how, seed=seed), make_examples(), tmp_path / name)
        for name, seed in (("first", 3), ("again", 3), ("other", 4))
    )
    assert tiny_trainings.have_equal_weights(first, repeated)
    assert not tiny_trainings.have_equal_weights(first, other_seed)


def test_training_goes_on_from_what_was_trained(start: ModelFiles, tmp_path: Path) -> None:
    """Its rows are weighed once, and not again."""
    out = tiny_trainings.run(Fitting("bi_encoder", start, replace(LSH, epochs=1), 3), make_examples(), tmp_path / "one")
    trained = resolve_model(str(out / "model"))
    model, _ = model_io.load_start(trained, "bi_encoder", 0, "cpu")
    before = model[0].embedding.weight.detach().clone()
    weigh_rows(model, make_examples().texts)
    assert (model[0].embedding.weight == before).all()


def test_rows_begin_with_the_idf_of_their_ngrams(start: ModelFiles) -> None:
    data = Examples(
        pa.array(["aa bb", "aa", "aa aa"]), *(np.zeros(1, np.int64) for _ in range(2)), np.zeros(2, np.int64),
        np.zeros(0, np.int64), None, np.zeros((1, 2), np.int64), [""], [""], {},
    )  # fmt: skip
    model, _ = model_io.load_start(start, "bi_encoder", 0, "cpu")
    weigh_rows(model, data.texts)
    idf = np.linalg.norm(model[0].embedding.weight.detach().numpy(), axis=1)
    for text, frequency in (("aa", 3), ("bb", 1), ("cc", 0)):
        ids, _ = model[0].hash_texts([text])
        assert idf[ids] == pytest.approx(1 + np.log(4 / (1 + frequency)), rel=1e-5)


def test_the_toy_rule_is_learned(tmp_path: Path) -> None:
    """Property 01.6.13: records match where their first attribute is equal; the other ones are noise."""
    random = np.random.default_rng(0)

    def draw(n: int) -> Examples:
        keys = random.permutation(900)[:n]
        texts = [
            f"key{key} " + " ".join(f"noise{number}" for number in random.integers(0, 40, 6))
            for key in np.repeat(keys, 2)
        ]
        rows = np.arange(2 * n).reshape(n, 2)
        return Examples(
            pa.array(texts), rows[:, 0], rows[:, 1], np.zeros(n + 1, np.int64), np.zeros(0, np.int64), None,
            rows.astype(np.int64), [""] * n, [""] * n, {},
        )  # fmt: skip

    def find_share(model: str, data: Examples, folder: Path) -> float:
        vectors = encode_texts(model, data.texts.to_pylist(), folder)
        distances = np.linalg.norm(vectors[data.queries][:, None] - vectors[data.positives][None], axis=2)
        return float((distances.argmin(1) == np.arange(len(data.queries))).mean())

    base = HashedNGrams(buckets=2**14, width=128)
    recipe = replace(LSH, head=None, radius=0.4, epochs=12, batch=32, learning_rate=1e-2)
    train, new = draw(400), draw(150)
    out = tiny_trainings.run(Fitting("bi_encoder", resolve_model(base), recipe, 1), train, tmp_path / "one")
    losses = [loss for _, loss, _ in tiny_trainings.read_curve(out)["steps"]]
    assert np.mean(losses[-5:]) < 0.1 * np.mean(losses[:5])
    before = find_share(base, new, tmp_path / "before")
    after = find_share(str(out / "model"), new, tmp_path / "after")
    assert after > before + 0.4


def test_watched_lists_choose_the_best_weights(start: ModelFiles, tmp_path: Path) -> None:
    out = tiny_trainings.run(
        Fitting("bi_encoder", start, LSH, 3), make_examples(100), tmp_path, tiny_trainings.make_watched_lists()
    )
    values = [value for _, value in tiny_trainings.read_curve(out)["evaluations"]]
    assert len(values) == 4 and max(values) > 0.7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_length": 64}, "max_length is of tokens; a model of hashed n-grams reads texts whole"),
        ({"gradient_checkpointing": True}, "gradient_checkpointing is for transformers"),
        ({"freeze_layers": 1}, "holds 0 transformers"),
        ({"layer_lr_decay": 0.9}, "holds 0 transformers"),
    ],
)
def test_what_only_transformers_have_is_refused(start: ModelFiles, tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny_trainings.run(Fitting("bi_encoder", start, replace(LSH, **change), 3), make_examples(), tmp_path)


def test_ngrams_become_no_cross_encoder(start: ModelFiles, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        tiny_trainings.run(Fitting("cross_encoder", start, RECIPE, 3), make_examples(), tmp_path)
