"""Run the layers of BERT and its kin on a processor: no token of padding, weights in oneDNN's own layout.

A batch's tokens are put behind each other, (tokens, dimension), so that products, norms and activations see no
padding; attention runs over sequences of one length at a time, without a mask. Query, key and value are one product;
bias, residual and GELU are part of the product that they follow. PyTorch's own float32 products are MKL's, which leaves
AVX-512 unused on processors of other makers; oneDNN's do not.

The operators are those that torch.compile emits for a processor. They are no public interface: what is missing, or
gives other answers than the model's own code, is noticed when a model is packed, and its own code stays.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

log = logging.getLogger("nirank")

CHUNK = 1024  # tokens that go through all layers together: what they need stays in cache
_PRODUCTS = 1024  # longest sequence whose attention is three plain steps; longer ones never hold all their weights
_NOT_GIVEN = ("output_hidden_states", "output_attentions")  # what a model may ask of its layers
_CHECKED = (1, 3, 3, 17, 40)  # lengths of the sequences that are compared with the model's own code
_APART = 2e-4  # what float32 may be apart, of the greatest value; random input magnifies rounding, a trained model more
_APART_16_BITS = 0.02  # of single products
_LEAST_COSINE = 0.9  # between a random token in 16 bits and in float32; that the structure is right, float32 has shown


class Parts(NamedTuple):
    """A layer's parts under one set of names."""

    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    out: nn.Linear
    attention_norm: nn.LayerNorm
    up: nn.Linear
    activation: nn.Module
    down: nn.Linear
    norm: nn.LayerNorm
    heads: int


def pack(model: nn.Module, precision: str) -> int:
    """Replace the layers of every encoder inside a model that is known here; return how many encoders that were.

    model      in float32, on a processor; what is not replaced keeps its precision
    precision  of the layers: 'float32' or 'bfloat16'; others are left alone
    The layers' own weights are given up, so that memory stays what it was.
    """
    import torch

    if precision not in ("float32", "bfloat16"):
        return 0
    configs = [module.config for module in model.modules() if hasattr(module, "config")]
    if any(getattr(one, name, False) for one in configs for name in _NOT_GIVEN):
        return 0
    packed = 0
    for encoder in list(model.modules()):
        if not isinstance(getattr(encoder, "layer", None), torch.nn.ModuleList):
            continue
        try:
            with torch.inference_mode():
                layers = _checked(encoder, precision)
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
            log.debug("%s keeps its own code: %s", type(encoder).__name__, error)  # another structure, or no operator
            continue
        layers.given_up = sum(one.numel() for one in encoder.layer.parameters())
        encoder.forward = layers
        encoder.layer = torch.nn.ModuleList()
        packed += 1
    return packed


def n_parameters(model: nn.Module) -> int:
    """Return how many numbers of a model were learned, those of packed layers with them; shared ones count once."""
    packed: int = sum(getattr(module.forward, "given_up", 0) for module in model.modules())
    return packed + int(sum(one.numel() for one in model.parameters()))


def _checked(encoder: Any, precision: str) -> _Layers:
    """Return an encoder's packed layers; raise ValueError where they give other answers than its own code."""
    import torch

    parts = [_parts(layer) for layer in encoder.layer]
    hidden = _hidden(parts[0].query.in_features)
    exact = [encoder(one[None]).last_hidden_state[0] for one in hidden]
    for dtype in dict.fromkeys((torch.float32, getattr(torch, precision))):
        layers = _Layers(parts, dtype)
        if not _agree(layers, hidden, exact):
            raise ValueError(f"packed layers in {dtype} give other answers")
    return layers


def _parts(layer: Any) -> Parts:
    """Name a layer's parts; raise AttributeError for another structure."""
    if hasattr(layer, "sa_layer_norm"):  # DistilBERT
        own, ffn = layer.attention, layer.ffn
        attention = (own.q_lin, own.k_lin, own.v_lin, own.out_lin, layer.sa_layer_norm)
        return Parts(*attention, ffn.lin1, ffn.activation, ffn.lin2, layer.output_layer_norm, own.n_heads)
    own, mixed, output = layer.attention.self, layer.attention.output, layer.output
    attention = (own.query, own.key, own.value, mixed.dense, mixed.LayerNorm)
    between = layer.intermediate
    rest = (between.dense, between.intermediate_act_fn, output.dense, output.LayerNorm)
    return Parts(*attention, *rest, own.num_attention_heads)


def _hidden(dimension: int) -> list[Tensor]:
    """Return random sequences, (length, dimension), as a norm in front of the first layer leaves them."""
    import torch

    random = torch.Generator().manual_seed(0)
    return [
        torch.nn.functional.layer_norm(torch.randn(length, dimension, generator=random), (dimension,))
        for length in _CHECKED
    ]


def _agree(layers: _Layers, hidden: Sequence[Tensor], exact: Sequence[Tensor]) -> bool:
    """Tell whether packed layers give for padded sequences what the model's own code gives for each alone."""
    import torch

    padded = torch.nn.utils.rnn.pad_sequence(list(hidden), batch_first=True)
    mask = torch.arange(padded.shape[1]) < torch.tensor([len(one) for one in hidden])[:, None]
    found = layers(padded.to(layers.dtype), mask[:, None, None]).last_hidden_state.float()
    ours, theirs = found[mask], torch.cat(list(exact))
    if layers.dtype != torch.float32:
        return bool((torch.nn.functional.cosine_similarity(ours, theirs) >= _LEAST_COSINE).all())
    return bool((ours - theirs).abs().max() <= _APART * theirs.abs().max())


class _Layers:
    """An encoder's layers; called like the encoder.

    given_up  how many parameters the encoder's own layers had
    """

    given_up = 0

    def __init__(self, layers: Sequence[Parts], dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.layers = [_Layer(parts, dtype) for parts in layers]

    def __call__(self, hidden_states: Tensor, attention_mask: Tensor | None = None, **_: Any) -> Any:
        """Return the last hidden states, (sequences, tokens, dimension), zero where padding was.

        attention_mask  (sequences, 1, any, tokens): bool, or what is added to attention's logits
        """
        import torch
        from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

        sequences, longest, dimension = hidden_states.shape
        tokens = hidden_states.reshape(-1, dimension)
        if attention_mask is None:
            found = self._packed(tokens, [longest] * sequences)
        else:
            row = attention_mask[:, 0, 0]
            valid = row if row.dtype == torch.bool else row == 0
            kept = valid.reshape(-1).nonzero()[:, 0]
            found = torch.zeros_like(tokens)
            found[kept] = self._packed(tokens[kept], valid.sum(1).tolist())
        return BaseModelOutputWithPastAndCrossAttentions(last_hidden_state=found.view(sequences, longest, dimension))

    def _packed(self, tokens: Tensor, lengths: Sequence[int]) -> Tensor:
        import torch

        parts = []
        for chunk in _chunks(lengths):
            runs = [(length, len(list(equal))) for length, equal in groupby(chunk)]
            part, tokens = tokens[: sum(chunk)], tokens[sum(chunk) :]
            for layer in self.layers:
                part = layer(part, runs)
            parts.append(part)
        return torch.cat(parts) if parts else tokens


def _chunks(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield neighbouring sequences' lengths that sum to no more than a chunk, one sequence at least."""
    chunk: list[int] = []
    for length in lengths:
        if chunk and sum(chunk) + length > CHUNK:
            yield chunk
            chunk = []
        chunk.append(length)
    if chunk:
        yield chunk


class _Layer:
    def __init__(self, parts: Parts, dtype: torch.dtype) -> None:
        import torch

        query, key, value = parts.query, parts.key, parts.value
        self.heads = parts.heads
        scale = (query.out_features // parts.heads) ** -0.5  # once, in float32, instead of every query in 16 bits
        weight = torch.cat([query.weight * scale, key.weight, value.weight])
        bias = torch.cat([query.bias * scale, key.bias, value.bias])
        self.qkv = _weights(weight, bias, dtype)
        self.out, self.up, self.down = (
            _weights(linear.weight, linear.bias, dtype) for linear in (parts.out, parts.up, parts.down)
        )
        self.attention_norm, self.norm = (
            (one.normalized_shape, one.weight.to(dtype), one.bias.to(dtype), one.eps)
            for one in (parts.attention_norm, parts.norm)
        )
        self.activation = parts.activation
        self.gelu = type(parts.activation).__name__ == "GELUActivation"

    def __call__(self, tokens: Tensor, runs: Sequence[tuple[int, int]]) -> Tensor:
        """Return the next layer's input, (tokens, dimension); runs are (length, number) of equally long sequences."""
        import torch
        from torch.nn.functional import layer_norm

        linear = torch.ops.mkldnn._linear_pointwise
        mixed = self._attention(linear(tokens, *self.qkv, "none", [], ""), runs)
        tokens = layer_norm(linear.binary(mixed, tokens, *self.out, "add"), *self.attention_norm)
        if self.gelu:
            between = linear(tokens, *self.up, "gelu", [], "none")
        else:
            between = self.activation(linear(tokens, *self.up, "none", [], ""))
        return layer_norm(linear.binary(between, tokens, *self.down, "add"), *self.norm)

    def _attention(self, qkv: Tensor, runs: Sequence[tuple[int, int]]) -> Tensor:
        import torch

        size = qkv.shape[1] // (3 * self.heads)
        mixed = qkv.new_empty(len(qkv), self.heads * size)
        at = 0
        for length, n in runs:
            rows = slice(at, at := at + n * length)
            heads = qkv[rows].view(n, length, 3, self.heads, size).permute(2, 0, 3, 1, 4)
            if qkv.dtype == torch.float32 or length > _PRODUCTS:
                found = torch.nn.functional.scaled_dot_product_attention(*heads, scale=1.0)
            else:  # in 16 bits faster than the fused kernel, which multiplies in float32
                query, key, value = heads.reshape(3, n * self.heads, length, size)
                found = torch.bmm(torch.softmax(torch.bmm(query, key.transpose(1, 2)), -1), value)
            mixed[rows].view(n, length, self.heads, size).copy_(found.view(n, self.heads, length, size).transpose(1, 2))
        return mixed


def _weights(weight: Tensor, bias: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    import torch

    return torch.ops.mkldnn._reorder_linear_weight(weight.to(dtype).contiguous(), CHUNK), bias.to(dtype)


class Products:
    """Products with a weight of very many rows, by blocks of them: a vocabulary's."""

    def __init__(self, weight: Tensor, rows: int) -> None:
        """Pack a weight, (outputs, dimension) float32 or bfloat16; where that fails or disagrees, it stays as it is."""
        import torch

        self.blocks = weight.detach().split(rows)
        self.packed: list[Tensor] = []
        if weight.device.type != "cpu" or weight.dtype not in (torch.float32, torch.bfloat16):
            return
        probe = torch.randn(3, weight.shape[1], generator=torch.Generator().manual_seed(0)).to(weight.dtype)
        try:
            with torch.inference_mode():
                exact = torch.cat(list(self(probe)), 1).float()
                self.packed = [torch.ops.mkldnn._reorder_linear_weight(one, CHUNK) for one in self.blocks]
                apart = (torch.cat(list(self(probe)), 1).float() - exact).abs().max() / exact.abs().max()
            agrees = bool(apart <= (_APART if weight.dtype == torch.float32 else _APART_16_BITS))
        except (AttributeError, RuntimeError):
            agrees = False
        if not agrees:
            self.packed = []

    def __call__(self, tokens: Tensor) -> Iterator[Tensor]:
        """Yield the products of (n, dimension) tokens with each block, (n, rows)."""
        import torch

        if self.packed:
            for block in self.packed:
                yield torch.ops.mkldnn._linear_pointwise(tokens, block, None, "none", [], "")
        else:
            last = tokens.T.contiguous()  # tokens last: such products stay in cache
            for block in self.blocks:
                yield (block @ last).T
