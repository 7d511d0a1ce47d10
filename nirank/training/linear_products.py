"""Linear modules whose float32 products, forward and backward, are oneDNN's while a model is trained on a processor.

PyTorch's own are MKL's, which leaves AVX-512 unused on processors of other makers. The operator is the one that
torch.compile emits; it is no public interface, so that where it is missing or disagrees, modules keep their own code.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

log = logging.getLogger("nirank")

_TOLERANCE = 1e-5  # what products may be apart, of the greatest value


@contextmanager
def use_onednn(model: nn.Module) -> Iterator[int]:
    """Let a model's linear modules compute by oneDNN inside the block; give how many do.

    Only float32 on a processor, and only plain modules: others keep their own code.
    """
    import torch

    plain = [module for module in model.modules() if type(module) is torch.nn.Linear and "forward" not in vars(module)]
    chosen = [module for module in plain if module.weight.device.type == "cpu" and module.weight.dtype == torch.float32]
    if not chosen or not _is_correct():
        chosen = []
    for module in chosen:
        module.forward = partial(_apply_linear, module)
    try:
        yield len(chosen)
    finally:
        for module in chosen:
            del module.forward


def _apply_linear(module: nn.Linear, inputs: Tensor) -> Tensor:
    import torch

    if not inputs.numel() or inputs.dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
        return torch.nn.functional.linear(inputs, module.weight, module.bias)
    outputs: Tensor = _make_function().apply(inputs, module.weight, module.bias)
    return outputs


def _multiply(left: Tensor, right: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return left · rightᵀ + bias of two matrices."""
    import torch

    product: Tensor = torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], "")
    return product


@cache
def _make_function() -> Any:
    import torch

    class Linear(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            ctx.save_for_backward(inputs, weight)
            rows = inputs.reshape(-1, inputs.shape[-1])
            return _multiply(rows, weight, bias).view(*inputs.shape[:-1], len(weight))

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
            inputs, weight = ctx.saved_tensors
            rows, input_rows = gradient.reshape(-1, gradient.shape[-1]), inputs.reshape(-1, inputs.shape[-1])
            of_inputs, of_weight, of_bias = ctx.needs_input_grad
            return (
                _multiply(rows, weight.t()).view_as(inputs) if of_inputs else None,
                _multiply(rows.t(), input_rows.t()) if of_weight else None,
                rows.sum(0) if of_bias else None,
            )

    return Linear


@cache
def _is_correct() -> bool:
    """Tell whether values and gradients are those of PyTorch's own code, for a few shapes."""
    import torch

    random = torch.Generator().manual_seed(0)
    try:
        for rows, inputs, outputs in ((1, 16, 1), (37, 48, 32), (130, 64, 96)):
            operands = torch.randn(rows, inputs, generator=random), torch.randn(outputs, inputs, generator=random)
            bias, weights = torch.randn(outputs, generator=random), torch.randn(rows, outputs, generator=random)
            results = []
            for apply in (torch.nn.functional.linear, _make_function().apply):
                leaves = [tensor.clone().requires_grad_(True) for tensor in (*operands, bias)]
                value = apply(*leaves)
                (value * weights).sum().backward()
                results.append((value.detach(), *(tensor.grad for tensor in leaves)))
            for value_here, value_there in zip(*results, strict=True):
                if not (value_here - value_there).abs().max() <= _TOLERANCE * value_there.abs().max():
                    return False
    except (AttributeError, RuntimeError, TypeError) as error:
        log.debug("linear modules keep their own code: %s", error)
        return False
    return True
