"""Products with a weight of very many rows, such as the projection onto a vocabulary, by blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nirank.inference.linear import OPERATOR_ERRORS, OneDNNLinear

if TYPE_CHECKING:
    from torch import Tensor

_TOLERANCE, _TOLERANCE_16_BITS = 2e-4, 0.02  # of single products, relative to the greatest value


class BlockProjection:
    """A weight, (outputs, dimension), in blocks of rows: in oneDNN's layout where that works, else as it is."""

    def __init__(self, weight: Tensor, rows: int) -> None:
        self._blocks = weight.detach().split(rows)
        self._linears = self._pack_blocks(weight)

    def _pack_blocks(self, weight: Tensor) -> list[OneDNNLinear]:
        """Return the blocks in oneDNN's layout; [] where torch cannot do that, or gives other products."""
        import torch

        if weight.device.type != "cpu" or weight.dtype not in (torch.float32, torch.bfloat16):
            return []
        probe = torch.randn(3, weight.shape[1], generator=torch.Generator().manual_seed(0)).to(weight.dtype)
        try:
            with torch.inference_mode():
                linears = [OneDNNLinear(block, None) for block in self._blocks]
                products = torch.cat([linear.project(probe) for linear in linears], 1)
        except OPERATOR_ERRORS:
            return []
        exact = torch.cat(list(self._multiply_plainly(probe)), 1).float()
        difference = (products.float() - exact).abs().max() / exact.abs().max()
        tolerance = _TOLERANCE if weight.dtype == torch.float32 else _TOLERANCE_16_BITS
        return linears if bool(difference <= tolerance) else []

    @property
    def is_packed(self) -> bool:
        """Whether products use oneDNN's layout."""
        return bool(self._linears)

    def project(self, tokens: Tensor) -> Iterator[Tensor]:
        """Yield the products of (n, dimension) tokens with each block, (n, rows)."""
        if self._linears:
            return (linear.project(tokens) for linear in self._linears)
        return self._multiply_plainly(tokens)

    def _multiply_plainly(self, tokens: Tensor) -> Iterator[Tensor]:
        columns = tokens.T.contiguous()  # tokens last: such products stay in cache
        return ((block @ columns).T for block in self._blocks)
