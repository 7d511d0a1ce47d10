"""The parts of a transformer: embeddings, layers, pooler, and what stands behind the last layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nirank.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, eq=False)
class TransformerParts:
    """The parts of the one transformer inside a model; what is in none of them is its head.

    embeddings  what the first layer reads, and all position tables: a projection (ELECTRA), relative positions (MPNet)
    layers      from the bottom to the top
    pooler      None: there is none
    top         behind the last layer, the pooler among it
    spread      standard deviation of the weights of a new layer
    crosses     the model gives scores of pairs
    """

    embeddings: tuple[nn.Module, ...]
    layers: tuple[nn.Module, ...]
    pooler: nn.Module | None
    top: tuple[nn.Module, ...]
    spread: float
    crosses: bool

    def take_top_layers(self, n: int) -> tuple[nn.Module, ...]:
        """Return the n layers at the top."""
        return self.layers[len(self.layers) - n :]


def find_parts(model: nn.Module) -> TransformerParts:
    """Find the parts of a transformers model, alone or inside a model of sentence-transformers.

    Raises ConfigError where there is not one transformer, or not one list of its layers.
    """
    import torch

    model_type = type(model).__name__
    transformer = _find_transformer(model)
    backbone = transformer.base_model
    n_layers = getattr(backbone.config, "num_hidden_layers", None)
    lists = [
        (name, module)
        for name, module in backbone.named_modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) == n_layers
    ]
    if not lists:
        raise ConfigError(
            f"recipe: {type(backbone).__name__} has no list of {n_layers} layers; options for single layers need one"
        )
    name, layers = lists[0]
    pooler = getattr(backbone, "pooler", None)
    embeddings, top = _split_outer_modules(backbone, name)
    crosses = type(transformer).__name__.endswith("ForSequenceClassification") or model_type == "CrossEncoder"
    spread = float(getattr(backbone.config, "initializer_range", 0.02))
    return TransformerParts(embeddings, tuple(layers), pooler, top, spread, crosses)


def has_transformer(model: nn.Module) -> bool:
    """Tell whether there is any transformers model inside a model."""
    from transformers import PreTrainedModel

    return any(isinstance(module, PreTrainedModel) for module in model.modules())


def _find_transformer(model: nn.Module) -> Any:
    """Return the one transformers model inside a model; raise ConfigError where there is none or more."""
    from transformers import PreTrainedModel

    transformers: list[tuple[str, Any]] = []
    for name, module in model.named_modules():
        is_inside = any(name.startswith(f"{outer}.") or not outer for outer, _ in transformers)
        if isinstance(module, PreTrainedModel) and not is_inside:
            transformers.append((name, module))
    if len(transformers) != 1:
        raise ConfigError(
            f"recipe: {type(model).__name__} holds {len(transformers)} transformers; one was expected, whose layers"
            " have numbers"
        )
    return transformers[0][1]


def _split_outer_modules(backbone: nn.Module, layers: str) -> tuple[tuple[nn.Module, ...], tuple[nn.Module, ...]]:
    """Return a transformer's modules in front of its layers and behind them, each without its own parts.

    layers  name of the list of layers
    """
    import torch

    before: list[nn.Module] = []
    behind: list[nn.Module] = []
    listed: list[str] = []
    passed = False
    for name, module in backbone.named_modules():
        if f"{layers}.".startswith(f"{name}.") or not name:  # the list itself, or what holds it
            passed = passed or name == layers
        elif not name.startswith(tuple(f"{outer}." for outer in (layers, *listed))):
            is_in_front = not passed or isinstance(module, torch.nn.Embedding)
            (before if is_in_front else behind).append(module)
            listed.append(name)
    return tuple(before), tuple(behind)


def list_parameters(part: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Parameter]]:
    """Yield the parameters of a module, each once, with the submodule that owns it and its name there."""
    seen: set[int] = set()
    for owner in part.modules():
        for name, parameter in owner.named_parameters(recurse=False):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield owner, name, parameter


def is_norm(module: nn.Module) -> bool:
    """Tell whether a module normalises: LayerNorm, RMSNorm and models' own."""
    return type(module).__name__.endswith("Norm")
