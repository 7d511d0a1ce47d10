"""Products by oneDNN's packed weights and by public operators are the same, and the second stand in for the first."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from nirank.inference.linear import OneDNNLinear, PlainLinear
from nirank.inference.projection import BlockProjection

torch = pytest.importorskip("torch")

DTYPES = ["float32", "bfloat16"]


def draw(*shape: int, dtype: str, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(getattr(torch, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("tokens", [0, 1, 7, 1100])
def test_both_kinds_give_the_products_of_float64(dtype: str, has_bias: bool, tokens: int) -> None:
    weight, inputs = draw(48, 32, dtype=dtype, seed=0), draw(tokens, 32, dtype=dtype, seed=1)
    bias = draw(48, dtype=dtype, seed=2) if has_bias else None
    residual = draw(tokens, 48, dtype=dtype, seed=3)
    exact = inputs.double() @ weight.double().T + (0 if bias is None else bias.double())
    tolerance = 1e-5 if dtype == "float32" else 0.2  # of values up to 30, in 8 bits
    for kind in (OneDNNLinear, PlainLinear):
        linear = kind(weight, bias)
        for product, expected in (
            (linear.project(inputs), exact),
            (linear.project_and_add(inputs, residual), exact + residual.double()),
            (linear.project_with_gelu(inputs), torch.nn.functional.gelu(exact)),
        ):
            assert product.shape == (tokens, 48) and product.dtype == weight.dtype
            assert torch.allclose(product.double(), expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("works", [True, False])
def test_a_projection_by_blocks(dtype: str, works: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    weight, tokens = draw(50, 24, dtype=dtype, seed=0), draw(7, 24, dtype=dtype, seed=1)
    if not works:
        monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace())
    projection = BlockProjection(weight, 16)
    assert projection.is_packed == works
    blocks = list(projection.project(tokens))
    assert [block.shape for block in blocks] == [(7, 16), (7, 16), (7, 16), (7, 2)]
    products, exact = torch.cat(blocks, 1).double(), tokens.double() @ weight.double().T
    assert (products - exact).abs().max() < (1e-5 if dtype == "float32" else 0.1)


def test_a_projection_by_wrong_operators_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    weight, tokens = draw(50, 24, dtype="float32", seed=0), draw(7, 24, dtype="float32", seed=1)
    operators = SimpleNamespace(
        _linear_pointwise=lambda tokens, weight, *given: 1.001 * tokens @ weight.T,
        _reorder_linear_weight=lambda weight, rows: weight,
    )
    monkeypatch.setattr(torch.ops, "mkldnn", operators)
    projection = BlockProjection(weight, 16)
    assert not projection.is_packed
    assert torch.allclose(torch.cat(list(projection.project(tokens)), 1), tokens @ weight.T, atol=1e-5)
