"""What models cost on their device: how many parameters they have, and how long they compute."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import test_packed_layers
import tiny_models

from nirank.algebra.context import Context
from nirank.inference import device, models
from nirank.inference.device import count_device_seconds, measure_shards
from nirank.inference.encoder import Encoding, encode
from nirank.inference.packed_layers import count_parameters, pack_encoders
from nirank.inference.sparse import SparseEncoding, encode_sparse

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def bi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.make_bi_encoder(tmp_path_factory.mktemp("bi"))


@pytest.mark.parametrize("name", ["bert", "electra", "distilbert", "albert"])
def test_packing_a_model_changes_nothing_about_how_many_parameters_it_has(name: str) -> None:
    model = test_packed_layers.build_model(name)
    before = sum(parameter.numel() for parameter in model.parameters())
    packed = pack_encoders(model, "float32")
    assert packed == (name != "albert")
    assert count_parameters(model) == before


def test_a_weight_that_two_layers_share_counts_once() -> None:
    first, second = torch.nn.Linear(3, 5, bias=False), torch.nn.Linear(3, 5, bias=False)
    assert count_parameters(torch.nn.Sequential(first, second)) == 30
    second.weight = first.weight
    assert count_parameters(torch.nn.Sequential(first, second)) == 15


def test_encoding_states_its_model_and_the_seconds_that_it_computed(bi: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    context = Context(device="cpu")
    start = time.perf_counter()
    encode([f"w{i} w{i + 1}" for i in range(50)], 50, Encoding(models.resolve_model(str(bi))), tmp_path / "a", context)
    wall = time.perf_counter() - start
    ((_, parameters),) = context.models.items()
    from sentence_transformers import SentenceTransformer

    assert parameters == sum(parameter.numel() for parameter in SentenceTransformer(str(bi), device="cpu").parameters())
    assert context.devices == {"cpu"}
    assert 0 < context.device_s < wall
    assert context.device_s <= context.memo_use["computed_s"]


def test_the_same_model_used_in_another_way_is_the_same_model(bi: Path, tmp_path: Path) -> None:
    context = Context(device="cpu")
    for number, options in enumerate(({}, {"prompt": "w1"}, {"max_length": 5})):
        (tmp_path / str(number)).mkdir()
        encode(["w1"], 1, Encoding(models.resolve_model(str(bi)), **options), tmp_path / str(number), context)
    assert len(context.models) == 1


def test_sparse_encoding_counts_its_projection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    model = tiny_models.make_splade(tmp_path / "model")
    ticks: list[object] = []
    monkeypatch.setattr(device, "_wait_for", ticks.append)
    context = Context(device="cpu")
    encode_sparse(["w1", "w2 w3"], 2, SparseEncoding(models.resolve_model(str(model)), "document"), tmp_path, context)
    assert context.device_s > 0
    assert len(ticks) == 4, "before and after each text's weights"
    assert len(context.models) == 1


def test_an_accelerator_is_waited_for_before_and_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the accelerator: work is queued in no time, and done when somebody waits for it."""
    queued = [0.0]

    def synchronize(_: object) -> None:
        time.sleep(queued.pop())
        queued.append(0.0)

    monkeypatch.setattr(torch.cuda, "synchronize", synchronize)

    def shard(seconds: float) -> np.ndarray:
        queued[0] += 0.2  # somebody else's, from before
        with count_device_seconds("cuda:0"):
            queued[0] += seconds
        return np.zeros(1)

    answer = measure_shards(shard)(0.1)
    assert 0.1 <= answer.device_s < 0.2
