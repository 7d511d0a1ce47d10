"""Linear layers on a processor: with weights in oneDNN's own layout, or by public operators of torch.

PyTorch's own float32 products are MKL's, which leaves AVX-512 unused on processors of other makers; oneDNN's do not.
torch reaches oneDNN's packed weights only by operators that torch.compile emits for a processor. They are no public
interface, so all that nirank uses of them is here, and `PlainLinear` gives the same numbers without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = 1024  # tokens that are multiplied together: what they need stays in cache


class Linear(Protocol):
    """A weight, (outputs, inputs), and its bias, (outputs,) or None, of one type; tokens are (n, inputs)."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None: ...

    def project(self, tokens: Tensor) -> Tensor:
        """Return tokens · weightᵀ + bias, (n, outputs)."""
        ...

    def project_and_add(self, tokens: Tensor, residual: Tensor) -> Tensor:
        """Return the projection plus what is (n, outputs) too."""
        ...

    def project_with_gelu(self, tokens: Tensor) -> Tensor:
        """Return the exact GELU of the projection."""
        ...


class OneDNNLinear:
    """Weights in oneDNN's layout; addition and GELU are part of the product.

    Raises AttributeError or RuntimeError where torch lacks the operators or cannot run them on this processor.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        import torch

        self._operator = torch.ops.mkldnn._linear_pointwise
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), CHUNK)
        self._bias = bias

    def project(self, tokens: Tensor) -> Tensor:
        projected: Tensor = self._operator(tokens, self._weight, self._bias, "none", [], "")
        return projected

    def project_and_add(self, tokens: Tensor, residual: Tensor) -> Tensor:
        total: Tensor = self._operator.binary(tokens, residual, self._weight, self._bias, "add")
        return total

    def project_with_gelu(self, tokens: Tensor) -> Tensor:
        activated: Tensor = self._operator(tokens, self._weight, self._bias, "gelu", [], "none")
        return activated


class PlainLinear:
    """The same by public operators, one after the other."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight, self._bias = weight, bias

    def project(self, tokens: Tensor) -> Tensor:
        from torch.nn.functional import linear

        return linear(tokens, self._weight, self._bias)

    def project_and_add(self, tokens: Tensor, residual: Tensor) -> Tensor:
        return self.project(tokens) + residual

    def project_with_gelu(self, tokens: Tensor) -> Tensor:
        from torch.nn.functional import gelu

        return gelu(self.project(tokens))


LINEAR_KINDS: tuple[type[Linear], ...] = (OneDNNLinear, PlainLinear)  # the fastest first
OPERATOR_ERRORS = (
    AttributeError,
    RuntimeError,
    TypeError,
)  # torch has no such operator, or another one
