"""Packed layers give what the models' own code gives, or leave it alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny_models

from nirank.algebra.context import Context
from nirank.inference import encoder, packed_layers
from nirank.inference.encoder import Encoding, encode
from nirank.inference.models import resolve_model
from nirank.inference.packed_layers import pack_encoders

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

WORDS = [*tiny_models.SPECIAL, *(f"w{i}" for i in range(60))]
SIZES: dict[str, Any] = {
    "vocab_size": len(WORDS), "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
    "intermediate_size": 48, "max_position_embeddings": 66, "initializer_range": 0.3, "pad_token_id": 0,
}  # fmt: skip
DISTIL: dict[str, Any] = {
    "vocab_size": len(WORDS), "dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 48,
    "max_position_embeddings": 66, "initializer_range": 0.3, "pad_token_id": 0,
}  # fmt: skip
MODELS = {
    "bert": lambda: transformers.BertModel(transformers.BertConfig(**SIZES)),
    "bert with relu": lambda: transformers.BertModel(transformers.BertConfig(**SIZES, hidden_act="relu")),
    "bert with gelu_new": lambda: transformers.BertModel(transformers.BertConfig(**SIZES, hidden_act="gelu_new")),
    "roberta": lambda: transformers.RobertaModel(transformers.RobertaConfig(**SIZES)),
    "xlm-roberta": lambda: transformers.XLMRobertaModel(transformers.XLMRobertaConfig(**SIZES)),
    "electra": lambda: transformers.ElectraModel(transformers.ElectraConfig(**SIZES, embedding_size=16)),
    "distilbert": lambda: transformers.DistilBertModel(transformers.DistilBertConfig(**DISTIL)),
}
UNPACKED = {
    "mpnet": lambda: transformers.MPNetModel(transformers.MPNetConfig(**SIZES)),
    "albert": lambda: transformers.AlbertModel(transformers.AlbertConfig(**SIZES, embedding_size=16)),
    "norm first": lambda: transformers.RobertaPreLayerNormModel(transformers.RobertaPreLayerNormConfig(**SIZES)),
    "decoder": lambda: transformers.BertModel(transformers.BertConfig(**SIZES, is_decoder=True)),
    "all layers asked for": lambda: transformers.BertModel(transformers.BertConfig(**SIZES, output_hidden_states=True)),
}
TEXTS = ["w1 w2", "", "w3", " ".join(f"w{i}" for i in range(55)), "w1 w2 w4 w5 w5", " \n", "w9 " * 200, "w2 w1"]


def build_model(name: str) -> Any:
    torch.manual_seed(1)
    model = {**MODELS, **UNPACKED}[name]().eval()
    with torch.no_grad():
        for module in model.modules():  # fresh norms and biases would hide a mistake with them
            if isinstance(module, torch.nn.LayerNorm):
                module.weight.uniform_(0.5, 1.5)
            if getattr(module, "bias", None) is not None:
                module.bias.normal_(0, 0.3)
    return model


def make_masks() -> Any:
    """Return masks: full, padded right, padded left, with holes, and nothing at all."""
    mask = torch.ones(6, 23, dtype=torch.long)
    mask[1, 9:] = 0
    mask[2, :9] = 0
    mask[3, ::3] = 0
    mask[4] = 0
    mask[5, 1:] = 0
    return mask


def compute_states(model: Any, mask: Any) -> Any:
    ids = torch.randint(5, len(WORDS), mask.shape, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        return model(input_ids=ids, attention_mask=mask).last_hidden_state


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("padded", [True, False])
def test_hidden_states_are_the_models_own(name: str, padded: bool) -> None:
    plain = build_model(name)
    model = copy.deepcopy(plain)
    assert pack_encoders(model, "float32") == 1
    mask = make_masks() if padded else torch.ones(3, 40, dtype=torch.long)
    is_read = mask.bool() & mask.any(1, keepdim=True)
    ours, theirs = compute_states(model, mask)[is_read], compute_states(plain, mask)[is_read]
    assert (ours - theirs).abs().max() < 1e-5
    assert theirs.std() > 0.1


def test_masks_that_are_added_to_logits() -> None:
    plain = build_model("bert")
    plain.set_attn_implementation("eager")
    model = copy.deepcopy(plain)
    assert pack_encoders(model, "float32") == 1
    mask = make_masks()
    mask[4, 0] = 1  # with nothing to attend to, eager attention attends to everything
    assert (compute_states(model, mask)[mask.bool()] - compute_states(plain, mask)[mask.bool()]).abs().max() < 1e-5


def test_chunks_are_whole_sequences_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_layers, "CHUNK", 10)
    assert list(packed_layers._split_into_chunks([12, 5, 5, 1, 0, 9, 10])) == [[12], [5, 5], [1, 0, 9], [10]]
    assert list(packed_layers._split_into_chunks([])) == []


@pytest.mark.parametrize("name", ["bert", "distilbert"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_chunks_and_long_sequences(name: str, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_layers, "CHUNK", 30)
    monkeypatch.setattr(packed_layers, "_MAX_PLAIN_ATTENTION", 20)
    plain = build_model(name)
    model = copy.deepcopy(plain)
    assert pack_encoders(model, precision) == 1
    model.to(getattr(torch, precision))
    mask = make_masks()
    is_read = mask.bool()
    ours, theirs = compute_states(model, mask)[is_read].float(), compute_states(plain, mask)[is_read]
    if precision == "float32":
        assert (ours - theirs).abs().max() < 1e-5
    assert torch.nn.functional.cosine_similarity(ours, theirs).min() > 0.999


@pytest.mark.parametrize("weights_at_once", [1, 3 * 23**2, 5 * 23**2])  # a head at a time, three, five of the 24
def test_attention_in_parts_has_the_same_bits(weights_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model("bert")
    assert pack_encoders(model, "bfloat16") == 1
    model.to(torch.bfloat16)
    full = torch.ones(6, 23, dtype=torch.long)
    together = compute_states(model, full)
    monkeypatch.setattr(packed_layers, "_MAX_WEIGHTS", weights_at_once)
    assert torch.equal(compute_states(model, full), together)


@pytest.mark.parametrize("name", UNPACKED)
def test_other_structures_keep_their_own_code(name: str) -> None:
    plain = build_model(name)
    model = copy.deepcopy(plain)
    assert pack_encoders(model, "float32") == 0
    mask = torch.ones(2, 9, dtype=torch.long)
    assert torch.equal(compute_states(model, mask), compute_states(plain, mask))


def test_a_structure_that_only_looks_the_same_is_found_out() -> None:
    model = build_model("bert")
    original = model.encoder.layer[1].forward
    model.encoder.layer[1].forward = lambda *given, **options: original(*given, **options) * 1.001
    assert pack_encoders(model, "float32") == 0
    assert len(model.encoder.layer) == 3


def remove_operators() -> Any:
    """Stand for the private operators of a torch that has none of them."""
    return SimpleNamespace()


def make_raising_operators() -> Any:
    def fail(*arguments: Any) -> Any:
        raise RuntimeError("mkldnn::_linear_pointwise: unsupported")

    fail.binary = fail  # type: ignore[attr-defined]
    return SimpleNamespace(_linear_pointwise=fail, _reorder_linear_weight=lambda weight, rows: weight)


def make_wrong_operators() -> Any:
    def multiply(tokens: Any, weight: Any, *arguments: Any) -> Any:
        return tokens @ weight.T * 1.01

    multiply.binary = lambda tokens, residual, weight, *given: tokens @ weight.T + residual  # type: ignore[attr-defined]
    return SimpleNamespace(_linear_pointwise=multiply, _reorder_linear_weight=lambda weight, rows: weight)


@pytest.mark.parametrize("operators", [remove_operators, make_raising_operators, make_wrong_operators])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["bert", "bert with relu", "distilbert"])
def test_another_torch_packs_with_public_operators(
    name: str, precision: str, operators: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = build_model(name)
    model, packed_model = copy.deepcopy(plain), copy.deepcopy(plain)
    pack_encoders(packed_model, precision)
    monkeypatch.setattr(torch.ops, "mkldnn", operators())
    assert pack_encoders(model, precision) == 1
    monkeypatch.undo()
    mask = make_masks()
    is_read = mask.bool()
    for copied in (packed_model, model):
        copied.to(getattr(torch, precision))
    ours, theirs = compute_states(model, mask)[is_read].float(), compute_states(packed_model, mask)[is_read].float()
    if precision == "float32":
        assert (ours - theirs).abs().max() < 1e-5
    assert torch.nn.functional.cosine_similarity(ours, theirs).min() > 0.999
    assert torch.nn.functional.cosine_similarity(ours, compute_states(plain, mask)[is_read]).min() > 0.999


def test_other_precisions_are_left_alone() -> None:
    model = build_model("bert")
    assert pack_encoders(model, "float16") == 0
    assert len(model.encoder.layer) == 3


def test_the_layers_own_weights_are_given_up() -> None:
    model = build_model("bert")
    before = sum(weight.numel() for weight in model.parameters())
    pack_encoders(model, "float32")
    assert sum(weight.numel() for weight in model.parameters()) < before / 2


def save_model(name: str, pooling: str, folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    bare = folder / "bare"
    bare.mkdir()
    build_model(name).save_pretrained(bare)
    tiny_models.save_tokenizer(bare, WORDS)
    model = SentenceTransformer(modules=[Transformer(str(bare)), Pooling(32, pooling_mode=pooling)], device="cpu")
    model.save_pretrained(str(folder / "model"))
    return model


@pytest.mark.parametrize(
    ("name", "pooling"),
    [("bert", "mean"), ("bert", "cls"), ("bert", "max"), ("roberta", "mean"), ("distilbert", "cls"),
     ("electra", "lasttoken"), ("mpnet", "mean")],
)  # fmt: skip
def test_vectors_are_those_of_sentence_transformers(name: str, pooling: str, tmp_path: Path) -> None:
    expected = save_model(name, pooling, tmp_path).encode(TEXTS)
    files = resolve_model(str(tmp_path / "model"))
    filled = [row for row, text in enumerate(TEXTS) if text.strip()]
    for precision, budget in (("float32", None), ("float32", 70), ("bfloat16", None)):
        place = tmp_path / f"{precision} {budget}"
        place.mkdir()
        encode(
            TEXTS, len(TEXTS), Encoding(files, precision=precision, batch_tokens=budget), place, Context(device="cpu")
        )  # type: ignore[arg-type]
        encoded = np.load(place / "vectors.npy")
        assert not encoded[[1, 5]].any()
        cosines = (
            (encoded * expected).sum(1) / np.linalg.norm(encoded, axis=1).clip(1e-9) / np.linalg.norm(expected, axis=1)
        )
        assert cosines[filled].min() > 0.999
        if precision == "float32":
            assert np.abs(encoded - expected)[filled].max() < 1e-5
    content = tuple(sorted(files.identity.items()))
    loaded = encoder._load(files.path, content, None, None, None, "float32", "cpu")
    kinds = {type(module.forward).__name__ for module in loaded[0].modules()}
    assert ("PackedLayers" in kinds) == (name in MODELS)
