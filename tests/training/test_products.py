"""oneDNN's products: the same values and gradients, and modules that are themselves again afterwards."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nirank.training import linear_products
from nirank.training.linear_products import use_onednn


def make_model() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(24, 40), torch.nn.GELU(), torch.nn.Linear(40, 5, bias=False))


def compute_gradients(module: torch.nn.Module, inputs: torch.Tensor) -> list[torch.Tensor]:
    inputs = inputs.clone().requires_grad_(True)
    module.zero_grad()
    value = module(inputs)
    (value**2).sum().backward()
    return [
        value.detach(),
        inputs.grad,
        *(parameter.grad.clone() for parameter in module.parameters() if parameter.grad is not None),
    ]  # type: ignore[list-item]


@pytest.mark.parametrize("shape", [(1, 24), (7, 24), (3, 11, 24), (2, 0, 24)])
def test_values_and_gradients_are_the_same(shape: tuple[int, ...]) -> None:
    module, inputs = make_model(), torch.randn(shape, generator=torch.Generator().manual_seed(1))
    exact = compute_gradients(module, inputs)
    with use_onednn(module) as n:
        assert n == 2
        value = compute_gradients(module, inputs)
    assert len(value) == len(exact) == 5
    for value_part, exact_part in zip(value, exact, strict=True):
        torch.testing.assert_close(value_part, exact_part, rtol=1e-4, atol=1e-5)


def test_frozen_weights_get_no_gradient_and_half_precision_keeps_its_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    module = make_model()
    module[0].requires_grad_(False)
    with use_onednn(module):
        compute_gradients(module, torch.randn(4, 24))
        assert module[0].weight.grad is None
        assert module[2].weight.grad is not None
        monkeypatch.setattr(linear_products, "_multiply", None)  # never called under autocast
        with torch.autocast("cpu", torch.bfloat16):
            assert module(torch.randn(4, 24)).dtype == torch.bfloat16


def test_modules_are_themselves_again_and_without_agreement_they_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    module = make_model()
    with use_onednn(module):
        assert "forward" in vars(module[0])
    assert "forward" not in vars(module[0])

    def multiply_wrongly(left: Any, right: Any, bias: Any = None) -> Any:
        return torch.nn.functional.linear(left, right, bias) * 1.001

    monkeypatch.setattr(linear_products, "_multiply", multiply_wrongly)
    linear_products._is_correct.cache_clear()
    with use_onednn(module) as n:
        assert n == 0
    linear_products._is_correct.cache_clear()
