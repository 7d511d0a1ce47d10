"""LoRA: nothing changes at first, merged equals unmerged, and what is saved is a plain model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel, ModernBertConfig, ModernBertModel

from nirank.errors import ConfigError, MissingExtra
from nirank.training.layers import freeze_layers
from nirank.training.learning_rates import make_parameter_groups
from nirank.training.lora import inject_lora, merge_lora
from nirank.training.recipe import Lora, Recipe


def make_bert(**options: Any) -> BertModel:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}
    return BertModel(BertConfig(vocab_size=40, max_position_embeddings=40, **sizes | options)).eval()


def make_distilbert() -> DistilBertModel:
    config = DistilBertConfig(vocab_size=40, dim=16, n_layers=3, n_heads=2, hidden_dim=24, max_position_embeddings=40)
    return DistilBertModel(config).eval()


def make_modernbert() -> ModernBertModel:
    config = ModernBertConfig(
        vocab_size=40, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=40, pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2,
    )  # fmt: skip
    return ModernBertModel(config).eval()


def compute_output(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=torch.tensor([[1, 5, 6, 7, 2], [1, 9, 8, 30, 2]])).last_hidden_state


def count_trained(model: torch.nn.Module) -> dict[str, int]:
    return {name: parameter.numel() for name, parameter in model.named_parameters() if parameter.requires_grad}


def stir_updates(model: torch.nn.Module) -> None:
    """Give every update a value, as training does."""
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_" in name:
                parameter.add_(torch.randn(parameter.shape, generator=random) * 0.1)


FAMILIES = pytest.mark.parametrize(
    "make_model", [make_bert, make_distilbert, make_modernbert], ids=lambda make_model: make_model.__name__
)


@FAMILIES
def test_nothing_changes_before_the_first_step(make_model) -> None:
    model = make_model()
    before = compute_output(model)
    inject_lora(model, Lora(rank=4), 0)
    assert torch.equal(compute_output(model), before)


@FAMILIES
def test_merged_equals_unmerged_and_is_plain(make_model) -> None:
    model, plain = make_model(), make_model()
    before = compute_output(model)
    inject_lora(model, Lora(rank=4, alpha=6.0), 0)
    stir_updates(model)
    unmerged = compute_output(model)
    merge_lora(model)
    merged = compute_output(model)
    assert (merged - unmerged).abs().max() < 1e-5
    assert (merged - before).abs().max() > 0.1
    assert {name: parameter.shape for name, parameter in model.state_dict().items()} == {
        name: parameter.shape for name, parameter in plain.state_dict().items()
    }
    assert [type(parameter) for parameter in model.modules()] == [type(parameter) for parameter in plain.modules()]
    assert not hasattr(model, "peft_config")


def test_a_merged_weight_is_that_of_the_formula() -> None:
    model = make_bert()
    start = model.encoder.layer[0].attention.self.query.weight.clone()
    inject_lora(model, Lora(rank=4, alpha=6.0), 0)
    stir_updates(model)
    layer = model.encoder.layer[0].attention.self.query
    a, b = layer.lora_A["default"].weight.detach(), layer.lora_B["default"].weight.detach()
    assert a.shape == (4, 16)
    assert b.shape == (16, 4)
    merge_lora(model)
    value = model.encoder.layer[0].attention.self.query.weight
    assert torch.allclose(value, start + 6.0 / 4 * b @ a, atol=1e-6)


@pytest.mark.parametrize("rank, expected", [(8, 294_912), (16, 589_824)])
def test_queries_and_values_of_bert_base_have_the_published_number_of_weights(rank: int, expected: int) -> None:
    with torch.device("meta"):
        model = BertModel(BertConfig(vocab_size=10, intermediate_size=8))  # 12 layers, 768 wide
    model.to_empty(device="cpu")
    assert inject_lora(model, Lora(rank=rank, targets=("query", "value")), 0) == expected
    assert sum(count_trained(model).values()) == expected


@FAMILIES
def test_every_linear_module_of_every_layer_is_updated_and_nothing_else_trained(make_model) -> None:
    model = make_model()
    linear = {
        name: parameter.in_features + parameter.out_features
        for name, parameter in model.named_modules()
        if isinstance(parameter, torch.nn.Linear) and "layer" in name
    }
    assert len(linear) == 3 * (4 if make_model is make_modernbert else 6)
    assert inject_lora(model, Lora(rank=2), 0) == 2 * sum(linear.values())
    value = count_trained(model)
    assert sum(value.values()) == 2 * sum(linear.values())
    assert {name.split(".lora_")[0] for name in value} == linear.keys()


def test_models_of_sentence_transformers_are_saved_plain(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(tiny_models.make_bi_encoder(tmp_path)))
    before = model.encode(["w1 w2 w3"])
    inject_lora(model, Lora(rank=2), 0)
    stir_updates(model)
    unmerged = model.encode(["w1 w2 w3"])
    merge_lora(model)
    model.save_pretrained(str(tmp_path / "saved"))
    assert not list((tmp_path / "saved").rglob("adapter*"))
    value = SentenceTransformer(str(tmp_path / "saved")).encode(["w1 w2 w3"])
    assert abs(value - unmerged).max() < 1e-5
    assert abs(value - before).max() > 1e-3


def test_a_cross_encoders_head_and_pooler_are_trained_whole(tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(tiny_models.make_cross_encoder(tmp_path, 1)))
    weights = inject_lora(model, Lora(rank=2), 0)
    trained_whole = {name: n for name, n in count_trained(model).items() if ".lora_" not in name}
    assert {name.split(".", 2)[2] for name in trained_whole} == {
        "classifier.weight", "classifier.bias", "bert.pooler.dense.weight", "bert.pooler.dense.bias",
    }  # fmt: skip
    assert sum(count_trained(model).values()) == weights + 16 * 16 + 16 + 16 + 1


def test_layers_learn_at_their_own_rates_with_lora_too() -> None:
    model = make_bert()
    inject_lora(model, Lora(rank=2), 0)
    groups = make_parameter_groups(model, Recipe(learning_rate=1.0, layer_lr_decay=0.5))
    assert {group["name"]: group["lr"] for group in groups} == {"layer 1": 0.125, "layer 2": 0.25, "layer 3": 0.5}
    assert sum(len(group["params"]) for group in groups) == len(count_trained(model))


def test_training_moves_the_updates_only() -> None:
    model = make_bert()
    inject_lora(model, Lora(rank=2, dropout=0), 0)
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    optimiser = torch.optim.AdamW(make_parameter_groups(model, Recipe(learning_rate=1e-2)))
    for _ in range(3):
        optimiser.zero_grad()
        values = model(input_ids=torch.tensor([[1, 5, 6, 7, 2]])).last_hidden_state
        (values.flatten() * torch.linspace(-1, 2, values.numel())).sum().backward()
        optimiser.step()
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name]) == (".lora_" not in name), name


def test_a_seed_gives_the_same_updates_and_the_global_state_is_not_moved() -> None:
    models = [make_bert() for _ in range(3)]
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    for model, seed in zip(models, (1, 1, 2), strict=True):
        inject_lora(model, Lora(rank=2), seed)
    assert torch.equal(torch.rand(3), expected)
    parameter, same_seed, other_seed = (
        model.encoder.layer[0].output.dense.lora_A["default"].weight for model in models
    )
    assert torch.equal(parameter, same_seed)
    assert not torch.equal(parameter, other_seed)


def test_dropout_is_in_front_of_a_in_training_only() -> None:
    model = make_bert(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    inject_lora(model, Lora(rank=2, dropout=0.5), 0)
    stir_updates(model)
    assert torch.equal(compute_output(model), compute_output(model))
    model.train()
    assert not torch.equal(compute_output(model), compute_output(model))


def test_an_unknown_target_names_the_nearest_and_all() -> None:
    model = make_bert()
    before = count_trained(model)
    with pytest.raises(ConfigError) as error:
        inject_lora(model, Lora(targets=("query", "valeu")), 0)
    assert str(error.value) == (
        "lora: no linear module of the layers is called 'valeu'; there are dense, key, query, value; did you mean 'value'?"
    )
    assert count_trained(model) == before


def test_targets_may_be_several_parts_of_a_name() -> None:
    model = make_bert()
    inject_lora(model, Lora(rank=1, targets=("attention.output.dense",)), 0)
    assert {name.split(".lora_")[0].split(".", 3)[3] for name in count_trained(model)} == {"attention.output.dense"}


def test_without_peft_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtra, match=r"LoRA needs peft: pip install 'nirank\[train\]'"):
        inject_lora(make_bert(), Lora(), 0)


def test_what_is_frozen_before_stays_so() -> None:
    model = make_bert()
    freeze_layers(model, Recipe(freeze_layers=3))
    inject_lora(model, Lora(rank=1), 0)
    assert all(".lora_" in name for name in count_trained(model))
