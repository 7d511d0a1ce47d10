"""Layers in training: what is frozen, what starts anew, and what learns how fast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny_models
import torch
from transformers import (
    AlbertConfig,
    AlbertModel,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    DistilBertConfig,
    DistilBertForMaskedLM,
    DistilBertForSequenceClassification,
    DistilBertModel,
    ElectraConfig,
    ElectraForSequenceClassification,
    ElectraModel,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    ModernBertModel,
    MPNetConfig,
    MPNetForSequenceClassification,
    MPNetModel,
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaForSequenceClassification,
    RobertaModel,
    get_linear_schedule_with_warmup,
)

from nirank.errors import ConfigError
from nirank.training.anatomy import find_parts
from nirank.training.layers import freeze_layers, reinit_layers, set_dropout
from nirank.training.learning_rates import make_parameter_groups, scale_rate
from nirank.training.recipe import Recipe

SIZES = {
    "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 24,
    "max_position_embeddings": 40, "num_labels": 1,
}  # fmt: skip
CONFIGS: dict[str, Any] = {
    "Bert": (BertConfig, SIZES),
    "Roberta": (RobertaConfig, SIZES),
    "MPNet": (MPNetConfig, SIZES),
    "Electra": (ElectraConfig, SIZES | {"embedding_size": 8}),
    "ModernBert": (ModernBertConfig, SIZES | {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2, "reference_compile": False}),
    "DistilBert": (DistilBertConfig, {"vocab_size": 40, "dim": 16, "n_layers": 4, "n_heads": 2, "hidden_dim": 24, "max_position_embeddings": 40, "num_labels": 1}),
}  # fmt: skip
MODELS = [
    BertModel, BertForMaskedLM, BertForSequenceClassification, RobertaModel, RobertaForMaskedLM,
    RobertaForSequenceClassification, MPNetModel, MPNetForSequenceClassification, ElectraModel,
    ElectraForSequenceClassification, ModernBertModel, ModernBertForSequenceClassification, DistilBertModel,
    DistilBertForMaskedLM, DistilBertForSequenceClassification,
]  # fmt: skip
FAMILIES = pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)


def make_model(kind: type, **fields: Any) -> Any:
    config, options = CONFIGS[kind.__name__.split("For")[0].removesuffix("Model")]
    torch.manual_seed(0)
    return kind(config(**options | fields))


def copy_state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: parameter.clone() for name, parameter in model.state_dict().items()}


def read_layer(name: str) -> int | None:
    """The number of a parameter's layer, from 1, read from its name."""
    parts = name.replace("layers.", "layer.").split(".")
    return int(parts[parts.index("layer") + 1]) + 1 if "layer" in parts else None


def list_rates(model: torch.nn.Module, recipe: Recipe, *, new_head: bool = False) -> dict[str, float]:
    """Every parameter's rate, by its name; a parameter in two groups fails."""
    value: dict[str, float] = {}
    for group in make_parameter_groups(model, recipe, new_head=new_head):
        for name in group["names"]:
            assert name not in value
            value[name] = group["lr"]
    return value


def compute_loss(model: Any) -> torch.Tensor:
    value = model(input_ids=torch.tensor([[1, 5, 6, 7, 2], [1, 9, 8, 30, 2]]))
    values = value.logits if "logits" in value else value.last_hidden_state
    return (values.flatten() * torch.linspace(-1, 2, values.numel())).sum()


# -- anatomy


@FAMILIES
def test_every_family_has_its_parts(kind: type) -> None:
    model = make_model(kind)
    parts = find_parts(model)
    assert len(parts.layers) == 4
    named = {id(parameter): name for name, parameter in model.named_modules()}
    assert [read_layer(named[id(parameter)]) for parameter in parts.layers] == [1, 2, 3, 4]
    words = model.get_input_embeddings().weight
    assert any(parameter is words for part in parts.embeddings for parameter in part.parameters())
    pooled = {"BertModel", "BertForSequenceClassification", "RobertaModel", "MPNetModel"}
    assert (parts.pooler is not None) == (kind.__name__ in pooled)
    assert parts.crosses == kind.__name__.endswith("SequenceClassification")


def test_what_the_first_layer_reads_belongs_to_the_embeddings() -> None:
    low = Recipe(layer_lr_decay=0.5)
    for kind, name in (
        (ElectraModel, "embeddings_project.weight"),
        (MPNetModel, "encoder.relative_attention_bias.weight"),
    ):
        assert list_rates(make_model(kind), low)[name] == pytest.approx(2e-5 / 32)
    assert list_rates(make_model(ModernBertModel), low)["final_norm.weight"] == 2e-5


def test_models_of_sentence_transformers(tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder, SentenceTransformer, SparseEncoder

    for name in ("bi", "cross", "sparse"):
        (tmp_path / name).mkdir()
    models = [
        SentenceTransformer(str(tiny_models.make_bi_encoder(tmp_path / "bi"))),
        CrossEncoder(str(tiny_models.make_cross_encoder(tmp_path / "cross", 1))),
        SparseEncoder(str(tiny_models.make_splade(tmp_path / "sparse"))),
    ]
    recipe = Recipe(learning_rate=1e-3, head_factor=10, layer_lr_decay=0.5, freeze_layers=1, reinit_layers=1)
    for model in models:
        before = copy_state(model)
        freeze_layers(model, recipe)
        reinit_layers(model, recipe, 1)
        changed = {name for name, parameter in model.state_dict().items() if not torch.equal(parameter, before[name])}
        assert {read_layer(name) for name in changed if "pooler" not in name} == {2}
        rates_by_name = list_rates(model, recipe, new_head=model is models[1])
        assert all(read_layer(name) != 1 and "embeddings" not in name for name in rates_by_name)
        assert {value for name, value in rates_by_name.items() if read_layer(name) == 2} == {5e-4}
    heads = [
        {rate for name, rate in list_rates(model, recipe, new_head=at == 1).items() if read_layer(name) is None}
        for at, model in enumerate(models)
    ]
    assert heads == [{1e-3}, {1e-3, 1e-2}, {1e-3}]  # the cross-encoder's: its pooler, its new head


def test_what_has_no_numbered_layers_is_refused() -> None:
    shared = AlbertModel(AlbertConfig(**SIZES | {"embedding_size": 8}))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="AlbertModel has no list of 4 layers"):
        find_parts(shared)
    with pytest.raises(ConfigError, match="Sequential holds 2 transformers"):
        find_parts(torch.nn.Sequential(make_model(BertModel), make_model(BertModel)))
    with pytest.raises(ConfigError, match="Linear holds 0 transformers"):
        find_parts(torch.nn.Linear(2, 2))


# -- rates


@pytest.mark.parametrize(
    "offset, top, bottom, embeddings",
    [(1, 1.8e-5, 5.648591e-6, 5.083732e-6), (0, 2e-5, None, None), (2, 1.62e-5, None, 4.575358e-6)],
)
def test_layers_learn_at_the_published_rates(offset: int, top: float, bottom: float | None, embeddings: float) -> None:
    model = make_model(BertForSequenceClassification, num_hidden_layers=12)
    value = list_rates(model, Recipe(layer_lr_decay=0.9, lr_offset=offset))  # type: ignore[arg-type]
    assert value["classifier.weight"] == value["bert.pooler.dense.bias"] == 2e-5
    assert value["bert.encoder.layer.11.attention.self.query.weight"] == pytest.approx(top, rel=1e-6)
    if bottom is not None:
        assert value["bert.encoder.layer.0.output.LayerNorm.bias"] == pytest.approx(bottom, rel=1e-6)
    if embeddings is not None:
        assert value["bert.embeddings.word_embeddings.weight"] == pytest.approx(embeddings, rel=1e-6)


@FAMILIES
def test_every_trained_parameter_is_in_one_group(kind: type) -> None:
    model = make_model(kind)
    freeze_layers(model, Recipe(freeze_layers=1))
    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    recipe = Recipe(layer_lr_decay=0.5, learning_rate=1.0)
    assert list_rates(model, recipe).keys() == trained.keys()
    groups = make_parameter_groups(model, recipe)
    assert sorted(id(parameter) for group in groups for parameter in group["params"]) == sorted(
        map(id, trained.values())
    )
    for group in groups:
        assert [id(trained[name]) for name in group["names"]] == [id(parameter) for parameter in group["params"]]
        for name in group["names"]:
            assert group["lr"] == 0.5 ** (5 - (read_layer(name) or 5))
            plain = name.endswith("bias") or "norm" in name.lower()
            assert group["weight_decay"] == (0 if plain else 0.01)
    assert len({(group["name"], group["weight_decay"]) for group in groups}) == len(groups)


def test_without_decay_all_learn_alike_and_a_new_head_faster() -> None:
    model = make_model(BertForSequenceClassification)
    assert set(list_rates(model, Recipe()).values()) == {2e-5}
    assert set(list_rates(model, Recipe(head_factor=10)).values()) == {2e-5}, "a trained head learns like the rest"
    value = list_rates(model, Recipe(head_factor=10), new_head=True)
    assert {name for name, parameter in value.items() if parameter != 2e-5} == {"classifier.weight", "classifier.bias"}
    assert value["classifier.weight"] == pytest.approx(2e-4)


def test_rates_keep_their_ratios_along_the_schedule() -> None:
    groups = make_parameter_groups(make_model(BertModel), Recipe(layer_lr_decay=0.9))
    start = [group["lr"] for group in groups]
    optimiser = torch.optim.AdamW(groups)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: scale_rate(step, 20, 0.25))
    for step in range(20):
        scheduled_rates = [group["lr"] for group in optimiser.param_groups]
        assert scheduled_rates == pytest.approx([parameter * scale_rate(step, 20, 0.25) for parameter in start])
        optimiser.step()
        schedule.step()


def test_warm_up_and_decay() -> None:
    value = [scale_rate(step, 1000, 0.1) for step in (0, 50, 100, 550, 1000)]
    assert value == pytest.approx([0, 0.5, 1, 0.5, 0])
    assert [scale_rate(step, 4, 0) for step in range(5)] == [1, 0.75, 0.5, 0.25, 0]
    optimiser = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = get_linear_schedule_with_warmup(optimiser, 30, 300)
    for step in range(300):
        assert scale_rate(step, 300, 0.1) == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        optimiser.step()
        theirs.step()


@pytest.mark.parametrize("fused", [False, True])
def test_the_optimisers_first_step_is_corrected_for_bias(fused: bool) -> None:
    """Its size is the rate; without correction it would be 3.16 times that."""
    weight = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimiser = torch.optim.AdamW([weight], lr=1e-3, eps=0, weight_decay=0, fused=fused)
    weight.grad = torch.full_like(weight, 7.0)
    optimiser.step()
    assert weight.item() == pytest.approx(-1e-3, rel=1e-9)


# -- freezing


@FAMILIES
def test_frozen_layers_keep_their_bytes(kind: type) -> None:
    model = make_model(kind)
    freeze_layers(model, Recipe(freeze_layers="half"))
    before = copy_state(model)
    optimiser = torch.optim.AdamW(make_parameter_groups(model, Recipe(learning_rate=1e-2)))
    for _ in range(10):
        optimiser.zero_grad()
        compute_loss(model).backward()
        optimiser.step()
    low = {id(parameter) for part in find_parts(model).embeddings for parameter in part.parameters()}
    trained = set()
    for name, parameter in model.named_parameters():
        if id(parameter) in low or (read_layer(name) or 9) <= 2:
            assert parameter.grad is None, name
            assert torch.equal(parameter, before[name]), name
        elif not torch.equal(parameter, before[name]):
            trained.add(read_layer(name))
    assert {3, 4} <= trained


@pytest.mark.parametrize(
    "recipe, embeddings, layers",
    [
        (Recipe(), True, {1, 2, 3, 4}),
        (Recipe(freeze_layers=3), False, {4}),
        (Recipe(freeze_layers=3, freeze_embeddings=False), True, {4}),
        (Recipe(freeze_embeddings=True), False, {1, 2, 3, 4}),
        (Recipe(freeze_layers=4), False, set()),
    ],
)
def test_what_is_frozen(recipe: Recipe, embeddings: bool, layers: set[int]) -> None:
    model = make_model(BertForSequenceClassification)
    freeze_layers(model, recipe)
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert {read_layer(name) for name in trained} - {None} == layers
    assert any("embeddings" in name for name in trained) == embeddings
    assert "classifier.weight" in trained
    assert "bert.pooler.dense.weight" in trained


@pytest.mark.parametrize("layers", [5, 3])
def test_half_of_an_odd_number_and_more_layers_than_there_are(layers: int) -> None:
    model = make_model(BertModel, num_hidden_layers=3)
    if layers == 3:
        freeze_layers(model, Recipe(freeze_layers="half"))
        assert {read_layer(name) for name, parameter in model.named_parameters() if not parameter.requires_grad} == {
            None,
            1,
        }
    else:
        with pytest.raises(ConfigError, match="freeze_layers is 5, and the model has 3 layers"):
            freeze_layers(model, Recipe(freeze_layers=5))


# -- starting anew


@FAMILIES
def test_only_the_top_layers_and_the_pooler_start_anew(kind: type) -> None:
    model = make_model(kind, initializer_range=0.3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01)
    before = copy_state(model)
    reinit_layers(model, Recipe(reinit_layers=2), 7)
    for name, parameter in model.state_dict().items():
        new = (read_layer(name) or 0) > 2 or "pooler" in name
        assert torch.equal(parameter, before[name]) != new, name
        if new and name.endswith("bias"):
            assert not parameter.any(), name
        elif new and "norm" in name.lower():
            assert (parameter == 1).all(), name
        elif new:
            assert parameter.std().item() == pytest.approx(0.3, rel=0.15), name


def test_new_weights_are_spread_as_the_models_first_ones() -> None:
    model = make_model(BertModel, hidden_size=256, intermediate_size=512)
    reinit_layers(model, Recipe(reinit_layers=1), 3)
    weights = [
        parameter for name, parameter in model.named_parameters() if parameter.ndim == 2 and read_layer(name) == 4
    ]
    assert len(weights) == 6
    for parameter in (*weights, model.pooler.dense.weight):
        assert abs(parameter.mean().item()) < 1e-3
        assert parameter.std().item() == pytest.approx(0.02, rel=0.02)
    assert len({parameter.flatten()[0].item() for parameter in weights}) == 6  # no two are the same draw


def test_a_seed_gives_the_same_weights_and_the_global_state_is_not_moved() -> None:
    models = [make_model(BertModel) for _ in range(3)]
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    for model, seed in zip(models, (1, 1, 2), strict=True):
        reinit_layers(model, Recipe(reinit_layers=2), seed)
    assert torch.equal(torch.rand(3), expected)
    parameter, same_seed, other_seed = (model.encoder.layer[3].output.dense.weight for model in models)
    assert torch.equal(parameter, same_seed)
    assert not torch.equal(parameter, other_seed)


@pytest.mark.parametrize("kind", [BertForMaskedLM, RobertaForMaskedLM, DistilBertForMaskedLM])
def test_tied_embeddings_are_not_touched(kind: type) -> None:
    model = make_model(kind)
    words = model.get_input_embeddings().weight
    before = words.clone()
    reinit_layers(model, Recipe(reinit_layers=4), 0)
    assert torch.equal(words, before)
    assert model.get_output_embeddings().weight is words


def test_a_layer_that_shares_its_weights_with_the_embeddings_leaves_them() -> None:
    model = make_model(BertModel)
    words = model.embeddings.word_embeddings.weight
    model.encoder.layer[3].output.dense.weight = words
    before = words.clone()
    reinit_layers(model, Recipe(reinit_layers=1), 0)
    assert torch.equal(words, before)


@pytest.mark.parametrize(
    "recipe, pooler, layers",
    [
        (Recipe(), False, set()),
        (Recipe(reinit_layers=1, reinit_pooler=False), False, {4}),
        (Recipe(reinit_pooler=True), True, set()),
        (Recipe(reinit_layers=4), True, {1, 2, 3, 4}),
    ],
)
def test_what_starts_anew(recipe: Recipe, pooler: bool, layers: set[int]) -> None:
    model = make_model(BertModel)
    before = copy_state(model)
    reinit_layers(model, recipe, 0)
    changed = {name for name, parameter in model.state_dict().items() if not torch.equal(parameter, before[name])}
    assert ("pooler.dense.weight" in changed) == pooler
    assert {read_layer(name) for name in changed} - {None} == layers


def test_what_cannot_start_anew_is_said_and_nothing_is_touched() -> None:
    model = make_model(BertModel)
    before = copy_state(model)
    with pytest.raises(ConfigError, match="reinit_layers is 5, and the model has 4 layers"):
        reinit_layers(model, Recipe(reinit_layers=5), 0)
    model.encoder.layer[2].register_parameter("gate", torch.nn.Parameter(torch.ones(1)))
    with pytest.raises(ConfigError, match="cannot start the parameter 'gate' of BertLayer anew"):
        reinit_layers(model, Recipe(reinit_layers=2), 0)
    assert all(
        torch.equal(parameter, before[name]) for name, parameter in model.state_dict().items() if "gate" not in name
    )
    with pytest.raises(ConfigError, match="reinit_pooler is set, and ElectraModel has no pooler"):
        reinit_layers(make_model(ElectraModel), Recipe(reinit_pooler=True), 0)


# -- dropout


@FAMILIES
def test_dropout_is_set_everywhere(kind: type) -> None:
    model = make_model(kind).train()
    set_dropout(model, 0.0)
    with torch.no_grad():
        exact = compute_loss(model.eval())
        assert torch.equal(compute_loss(model.train()), exact)
        set_dropout(model, 0.5)
        assert compute_loss(model) != compute_loss(model)


@pytest.mark.parametrize("kind", [BertModel, ModernBertModel])
def test_attention_drops_too(kind: type) -> None:
    """Where only attention drops, two passes differ."""
    model = make_model(kind).train()
    set_dropout(model, 0.5)
    for name, parameter in model.named_modules():
        if isinstance(parameter, torch.nn.Dropout) and "attention.self" not in name:
            parameter.p = 0.0
    with torch.no_grad():
        assert compute_loss(model) != compute_loss(model)
