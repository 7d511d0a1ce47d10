"""Run the layers of BERT and its kin on a processor: no token of padding, products by `linear.py`.

A batch's tokens are put behind each other, (tokens, dimension), so that products, norms and activations see no
padding; attention runs over sequences of one length at a time, without a mask. Query, key and value are one product;
bias, residual and GELU go with the product that they follow.

When a model is packed, random sequences must get what the model's own code gives them; else its own code stays. Where
they get the same bits from every number of threads, calls use the number that is the fastest for now (`threads.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from nirank.inference.linear import CHUNK, LINEAR_KINDS, OPERATOR_ERRORS, Linear
from nirank.inference.threads import ThreadChoice, list_thread_numbers, use_threads

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

log = logging.getLogger("nirank")

_MAX_PLAIN_ATTENTION = 1024  # tokens whose attention is three plain steps; the fused kernel takes longer ones
# Attention's weights that are computed at a time. They stay in cache; and larger blocks go back to the system when they
# are freed, which hands out and zeroes their pages again for every layer: up to half of a layer's time at 256 tokens.
_MAX_WEIGHTS = 1 << 19
_LAYER_OUTPUTS = ("output_hidden_states", "output_attentions")  # options of a model that need each layer's output
_PROBE_LENGTHS = (1, 3, 3, 17, 40)  # tokens of the random sequences
_THREAD_PROBES = ((7,), (256, 40, 7))  # of those that are given to every number of threads, a small and a large product
_TOLERANCE = 2e-4  # of float32, relative to the greatest value; random input magnifies rounding, a trained model more
_MIN_COSINE = 0.9  # of a random token in 16 bits and in float32; float32 has shown before that the structure is right


class LayerParts(NamedTuple):
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


def pack_encoders(model: nn.Module, precision: str, *, keep_parts: bool = False) -> int:
    """Replace the layers of every encoder inside a model that is known here; return how many encoders that were.

    model       in float32, on a processor; what is not replaced keeps its precision
    precision   of the layers: 'float32' or 'bfloat16'; models in others are left alone
    keep_parts  for who replaces products; the layers then have torch's number of threads until `choose_threads`
    Unless parts are kept, the replaced layers' weights are released, so the model takes no more memory than before.
    """
    import torch

    if precision not in ("float32", "bfloat16"):
        return 0
    configs = [module.config for module in model.modules() if hasattr(module, "config")]
    if any(getattr(config, name, False) for config in configs for name in _LAYER_OUTPUTS):
        return 0
    count = 0
    for encoder in list(model.modules()):
        if not isinstance(getattr(encoder, "layer", None), torch.nn.ModuleList):
            continue
        with torch.inference_mode(), use_threads(1):  # checks are short: more threads would only wait for each other
            layers = _pack_layers(encoder, precision)
        if layers is not None:
            if not keep_parts:
                layers.release_parts()
                choose_threads(layers)
            layers.replaced_parameters = sum(weight.numel() for weight in encoder.layer.parameters())
            encoder.forward = layers
            encoder.layer = torch.nn.ModuleList()
            count += 1
    return count


def choose_threads(layers: PackedLayers) -> None:
    """Let layers choose how many threads compute them, where that changes no bit."""
    import torch

    limit = torch.get_num_threads()
    layers.choice = ThreadChoice(limit) if _has_same_bits(layers, limit) else None


def find_packed_layers(model: nn.Module) -> list[PackedLayers]:
    """Return the packed layers of every encoder inside a model."""
    return [module.forward for module in model.modules() if isinstance(module.forward, PackedLayers)]


def count_parameters(model: nn.Module) -> int:
    """Return how many numbers of a model were learned, those of packed layers with them; shared ones count once."""
    replaced: int = sum(getattr(module.forward, "replaced_parameters", 0) for module in model.modules())
    return replaced + int(sum(weight.numel() for weight in model.parameters()))


def _pack_layers(encoder: Any, precision: str) -> PackedLayers | None:
    """Return an encoder's layers, packed, with the fastest products that give its own answers; None if none do."""
    import torch

    try:
        parts = [_name_parts(layer) for layer in encoder.layer]
        sequences = _make_random_sequences(parts[0].query.in_features, _PROBE_LENGTHS)
        expected = [encoder(sequence[None]).last_hidden_state[0] for sequence in sequences]
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
        log.debug("%s keeps its own code: %s", type(encoder).__name__, error)  # another structure
        return None
    for kind in LINEAR_KINDS:
        try:
            for dtype in dict.fromkeys((torch.float32, getattr(torch, precision))):
                layers = PackedLayers(parts, dtype, kind)
                if not _gives_expected(layers, sequences, expected):
                    log.debug("%s with %s in %s gives other answers", type(encoder).__name__, kind.__name__, dtype)
                    break
            else:
                return layers
        except OPERATOR_ERRORS as error:
            log.debug("%s cannot use %s: %s", type(encoder).__name__, kind.__name__, error)
    return None


def _name_parts(layer: Any) -> LayerParts:
    """Name a layer's parts; raise AttributeError for another structure."""
    if hasattr(layer, "sa_layer_norm"):  # DistilBERT
        attention, ffn = layer.attention, layer.ffn
        return LayerParts(
            *(attention.q_lin, attention.k_lin, attention.v_lin, attention.out_lin, layer.sa_layer_norm),
            *(ffn.lin1, ffn.activation, ffn.lin2, layer.output_layer_norm, attention.n_heads),
        )
    attention, attention_output, ffn, ffn_output = (
        layer.attention.self,
        layer.attention.output,
        layer.intermediate,
        layer.output,
    )
    return LayerParts(
        *(attention.query, attention.key, attention.value, attention_output.dense, attention_output.LayerNorm),
        *(ffn.dense, ffn.intermediate_act_fn, ffn_output.dense, ffn_output.LayerNorm, attention.num_attention_heads),
    )


def _make_random_sequences(dimension: int, lengths: Sequence[int]) -> list[Tensor]:
    """Return random sequences, (length, dimension), as a norm in front of the first layer leaves them."""
    import torch

    generator = torch.Generator().manual_seed(0)
    return [
        torch.nn.functional.layer_norm(torch.randn(length, dimension, generator=generator), (dimension,))
        for length in lengths
    ]


def _gives_expected(layers: PackedLayers, sequences: Sequence[Tensor], expected: Sequence[Tensor]) -> bool:
    """Tell whether packed layers give for padded sequences what the model's own code gives for each alone."""
    import torch

    padded = torch.nn.utils.rnn.pad_sequence(list(sequences), batch_first=True)
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    mask = torch.arange(padded.shape[1]) < lengths[:, None]
    hidden = layers(padded.to(layers.dtype), mask[:, None, None]).last_hidden_state.float()
    ours, theirs = hidden[mask], torch.cat(list(expected))
    if layers.dtype != torch.float32:
        return bool((torch.nn.functional.cosine_similarity(ours, theirs) >= _MIN_COSINE).all())
    return bool((ours - theirs).abs().max() <= _TOLERANCE * theirs.abs().max())


def _has_same_bits(layers: PackedLayers, limit: int) -> bool:
    """Tell whether random sequences get the same bits from every number of threads up to a limit of two or more."""
    import torch

    if limit == 1:
        return False
    chunks = [
        (torch.cat(_make_random_sequences(layers.dimension, lengths)).to(layers.dtype), lengths)
        for lengths in _THREAD_PROBES
    ]
    states = []
    for number in list_thread_numbers(limit):
        with torch.inference_mode(), use_threads(number):
            states.append(torch.cat([layers.run_chunk(tokens, lengths) for tokens, lengths in chunks]))
    return all(torch.equal(state, states[0]) for state in states)


class PackedLayers:
    """An encoder's layers; called like the encoder.

    replaced_parameters  how many parameters the encoder's own layers had
    choice               of the number of threads; None: torch's own number
    """

    replaced_parameters = 0
    choice: ThreadChoice | None = None

    def __init__(self, layers: Sequence[LayerParts], dtype: torch.dtype, kind: type[Linear]) -> None:
        self.dtype, self.dimension = dtype, layers[0].query.in_features
        self.layers = [PackedLayer(parts, dtype, kind) for parts in layers]

    def release_parts(self) -> None:
        """Forget what the layers were made of."""
        for layer in self.layers:
            layer.parts = None

    def __call__(self, hidden_states: Tensor, attention_mask: Tensor | None = None, **_: Any) -> Any:
        """Return the last hidden states, (sequences, tokens, dimension), zero where padding was.

        attention_mask  (sequences, 1, any, tokens): bool, or what is added to attention's logits
        """
        import torch
        from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

        sequences, longest, dimension = hidden_states.shape
        tokens = hidden_states.reshape(-1, dimension)
        if attention_mask is None:
            hidden = self._run(tokens, [longest] * sequences)
        else:
            row = attention_mask[:, 0, 0]
            valid = row if row.dtype == torch.bool else row == 0
            rows = valid.reshape(-1).nonzero()[:, 0]
            hidden = torch.zeros_like(tokens)
            hidden[rows] = self._run(tokens[rows], valid.sum(1).tolist())
        return BaseModelOutputWithPastAndCrossAttentions(last_hidden_state=hidden.view(sequences, longest, dimension))

    def _run(self, tokens: Tensor, lengths: Sequence[int]) -> Tensor:
        import torch

        outputs = []
        for chunk in _split_into_chunks(lengths):
            n = sum(chunk)
            with self.choice.measure(n) if self.choice else nullcontext():
                outputs.append(self.run_chunk(tokens[:n], chunk))
            tokens = tokens[n:]
        return torch.cat(outputs) if outputs else tokens

    def run_chunk(self, tokens: Tensor, lengths: Sequence[int]) -> Tensor:
        """Return the last hidden states of packed tokens, (tokens, dimension); lengths are the sequences'."""
        runs = [(length, len(list(equal))) for length, equal in groupby(lengths)]
        for layer in self.layers:
            tokens = layer(tokens, runs)
        return tokens


def _split_into_chunks(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield neighbouring sequences' lengths that sum to no more than a chunk, one sequence at least."""
    chunk: list[int] = []
    for length in lengths:
        if chunk and sum(chunk) + length > CHUNK:
            yield chunk
            chunk = []
        chunk.append(length)
    if chunk:
        yield chunk


def join_weights(parts: LayerParts) -> dict[str, tuple[Tensor, Tensor]]:
    """Return the weight, (outputs, inputs), and the bias of each product of a layer, by its name."""
    import torch

    query, key, value = parts.query, parts.key, parts.value
    scale = (query.out_features // parts.heads) ** -0.5  # once, in float32, instead of every query in 16 bits
    weight = torch.cat([query.weight * scale, key.weight, value.weight])
    bias = torch.cat([query.bias * scale, key.bias, value.bias])
    others = {"out": parts.out, "up": parts.up, "down": parts.down}
    return {"qkv": (weight, bias), **{name: (linear.weight, linear.bias) for name, linear in others.items()}}


class PackedLayer:
    """One layer.

    parts     what it was made of; None when that has been released
    products  of query, key and value joined ('qkv'), of attention's output ('out'), and the two behind ('up', 'down')
    """

    def __init__(self, parts: LayerParts, dtype: torch.dtype, kind: type[Linear]) -> None:
        self.parts: LayerParts | None = parts
        self.heads = parts.heads
        self.products: dict[str, Linear] = {
            name: kind(weight.to(dtype), bias.to(dtype)) for name, (weight, bias) in join_weights(parts).items()
        }
        self.attention_norm, self.norm = (
            (norm.normalized_shape, norm.weight.to(dtype), norm.bias.to(dtype), norm.eps)
            for norm in (parts.attention_norm, parts.norm)
        )
        self.activation = parts.activation
        self.has_gelu = type(parts.activation).__name__ == "GELUActivation"

    def __call__(self, tokens: Tensor, runs: Sequence[tuple[int, int]]) -> Tensor:
        """Return the next layer's input, (tokens, dimension); runs are (length, number) of equally long sequences."""
        from torch.nn.functional import layer_norm

        attended = self._attend(self.products["qkv"].project(tokens), runs)
        tokens = layer_norm(self.products["out"].project_and_add(attended, tokens), *self.attention_norm)
        up = self.products["up"]
        inner = up.project_with_gelu(tokens) if self.has_gelu else self.activation(up.project(tokens))
        return layer_norm(self.products["down"].project_and_add(inner, tokens), *self.norm)

    def _attend(self, qkv: Tensor, runs: Sequence[tuple[int, int]]) -> Tensor:
        import torch

        size = qkv.shape[1] // (3 * self.heads)
        attended = qkv.new_empty(len(qkv), self.heads * size)
        start = 0
        for length, n in runs:
            rows = slice(start, start := start + n * length)
            heads = qkv[rows].view(n, length, 3, self.heads, size).permute(2, 0, 3, 1, 4)
            if qkv.dtype == torch.float32 or length > _MAX_PLAIN_ATTENTION:
                values = torch.nn.functional.scaled_dot_product_attention(*heads, scale=1.0)
            else:  # in 16 bits faster than the fused kernel, which multiplies in float32
                query, key, value = heads.reshape(3, n * self.heads, length, size)
                values = torch.empty_like(query)
                heads_at_once = max(_MAX_WEIGHTS // max(length, 1) ** 2, 1)
                for part in range(0, len(query), heads_at_once):
                    at = slice(part, part + heads_at_once)
                    weights = torch.softmax(torch.bmm(query[at], key[at].transpose(1, 2)), -1)
                    torch.bmm(weights, value[at], out=values[at])
            by_token = values.view(n, self.heads, length, size).transpose(1, 2)
            attended[rows].view(n, length, self.heads, size).copy_(by_token)
        return attended
