"""A bi-encoder with a projection, trained by the double hinge: its distances tell what its start could not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_trainings
from tiny_trainings import RECIPE, make_examples

from nirank.algebra.context import Context
from nirank.errors import ConfigError
from nirank.inference.encoder import Encoding, encode, read_vectors
from nirank.inference.models import ModelFiles, resolve_model
from nirank.training.examples import Examples
from nirank.training.fitting import Fitting
from nirank.training.learning_rates import make_parameter_groups
from nirank.training.projection import add_head

LSH = replace(RECIPE, loss="lsh", push="all", head=8, epochs=8, learning_rate=3e-3)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> ModelFiles:
    return tiny_trainings.make_base("bi_encoder", tmp_path_factory.mktemp("bi_encoder"))


def encode_texts(model: str, texts: list[str], folder: Path) -> np.ndarray:
    folder.mkdir(parents=True)
    encode(texts, len(texts), Encoding(resolve_model(model), ""), folder, Context(device="cpu"))
    return np.array(read_vectors(folder)[0])


def measure_distances(model: str, data: Examples, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Distances of queries to their positives, and to their first negatives."""
    vectors = encode_texts(model, data.texts.to_pylist(), folder)
    negatives = data.negatives[data.offsets[:-1]]
    return tuple(np.linalg.norm(vectors[data.queries] - vectors[rows], axis=1) for rows in (data.positives, negatives))  # type: ignore[return-value]


def test_matches_come_within_the_radius(start: ModelFiles, tmp_path: Path) -> None:
    """Property 01.6.14: on new pairs."""
    out = tiny_trainings.run(Fitting("bi_encoder", start, LSH, 3), make_examples(300), tmp_path / "one")
    near, far = measure_distances(str(out / "model"), make_examples(seed=7), tmp_path / "vectors")
    assert np.median(near) < np.median(far)
    assert (near < 3).mean() > (far < 3).mean() + 0.3
    assert resolve_model(str(out / "model")).similarity == "euclidean"


@pytest.mark.parametrize(("outputs", "most_stretched"), [(8, 1.0), (16, 0.12), (48, 0.12)])
def test_a_head_starts_as_a_projection_that_keeps_distances(
    start: ModelFiles, outputs: int, most_stretched: float
) -> None:
    """Exactly, but for the bend of GELU, where it has all the outputs; else on average. Orthogonal is cR apart."""
    import torch
    from sentence_transformers import SentenceTransformer

    recipe = replace(LSH, head=outputs, radius=2.0, ratio=4.0)
    texts = [f"w{at} w{at * at % 50} w{at + 7}" for at in range(30)]
    before = torch.nn.functional.normalize(
        SentenceTransformer(str(start.path), device="cpu").encode(texts, convert_to_tensor=True)
    )
    model = SentenceTransformer(str(start.path), device="cpu")
    add_head(model, recipe, seed=5)
    vectors = model.encode(texts, convert_to_tensor=True)
    ratios = (torch.pdist(vectors) / torch.pdist(before)).numpy()
    assert ratios.mean() == pytest.approx(8 / 2**0.5, rel=0.15)
    assert np.abs(ratios / ratios.mean() - 1).max() < most_stretched


def test_a_head_may_be_for_training_only(start: ModelFiles, tmp_path: Path) -> None:
    """Sudowoodo's way: the loss is of the projection, the search of what stands before it."""
    from sentence_transformers import SentenceTransformer

    recipe = replace(LSH, epochs=1, keep_head=False)
    folder = tiny_trainings.run(Fitting("bi_encoder", start, recipe, 3), make_examples(), tmp_path / "one") / "model"
    trained, before = (SentenceTransformer(str(path), device="cpu") for path in (folder, start.path))
    assert [type(module).__name__ for module in trained] == [*(type(module).__name__ for module in before), "Normalize"]
    vectors = trained.encode(["w1 w2 w3", "w40"])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(2), abs=1e-5)
    assert vectors != pytest.approx(before.encode(["w1 w2 w3", "w40"], normalize_embeddings=True), abs=1e-4)
    assert resolve_model(str(folder)).similarity == "cosine" and resolve_model(str(folder)).match_radius is None
    with pytest.raises(ConfigError, match="keep_head is for a recipe that sets head"):
        replace(recipe, head=None)


def test_a_new_head_learns_at_its_own_rate(start: ModelFiles) -> None:
    from sentence_transformers import SentenceTransformer

    recipe = replace(LSH, head_factor=50.0)
    model = SentenceTransformer(str(start.path), device="cpu")
    add_head(model, recipe, seed=5)
    rates = {
        name: group["lr"] for group in make_parameter_groups(model, recipe, new_head=True) for name in group["names"]
    }
    heads = [name for name in rates if not name.startswith("0.")]
    assert len(heads) == 4  # two layers' weights and biases
    assert {name: rate for name, rate in rates.items() if rate != recipe.learning_rate} == dict.fromkeys(
        heads, 50 * recipe.learning_rate
    )


def test_the_projection_is_loaded_as_sentence_transformers_loads_it(start: ModelFiles, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    out = tiny_trainings.run(Fitting("bi_encoder", start, replace(LSH, epochs=1), 3), make_examples(), tmp_path / "one")
    texts = ["w1 w2 w3", "w40 w41", "w7"]
    encoded = encode_texts(str(out / "model"), texts, tmp_path / "vectors")
    model = SentenceTransformer(str(out / "model"), device="cpu")
    assert encoded.shape == (3, 8)
    assert encoded == pytest.approx(model.encode(texts), abs=1e-5)
    assert [type(module).__name__ for module in model][-2:] == ["Dense", "Dense"]
    assert np.linalg.norm(encoded, axis=1) != pytest.approx(np.ones(3), abs=1e-3)  # not of unit length


def test_a_head_trains_with_other_losses_too(start: ModelFiles, tmp_path: Path) -> None:
    """The ablation changes one word."""
    out = tiny_trainings.run(
        Fitting("bi_encoder", start, replace(LSH, loss="mnr", epochs=1), 3), make_examples(), tmp_path
    )
    assert encode_texts(str(out / "model"), ["w1"], tmp_path / "vectors").shape == (1, 8)


def test_unit_vectors_cannot_lie_farther_apart_than_two(start: ModelFiles, tmp_path: Path) -> None:
    """Property 01.6.6."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize

    model = SentenceTransformer(str(start.path), device="cpu")
    model.append(Normalize())
    model.save_pretrained(str(tmp_path / "unit"), create_model_card=False)
    start = resolve_model(str(tmp_path / "unit"))
    tiny_trainings.run(
        Fitting("bi_encoder", start, replace(LSH, head=None, radius=0.5, epochs=1), 3), make_examples(), tmp_path
    )
    with pytest.raises(ConfigError, match="radius · ratio is 3, and the model's vectors have unit length"):
        tiny_trainings.run(Fitting("bi_encoder", start, replace(LSH, head=None), 3), make_examples(), tmp_path)


def test_only_bi_encoders_learn_distances(tmp_path: Path) -> None:
    base = tiny_trainings.make_base("cross_encoder", tmp_path / "base")
    with pytest.raises(ConfigError, match="loss 'lsh' does not train a cross-encoder"):
        tiny_trainings.run(Fitting("cross_encoder", base, replace(LSH, head=None), 3), make_examples(), tmp_path)
