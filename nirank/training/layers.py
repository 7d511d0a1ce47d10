"""What a recipe does to a transformer's layers before training: some are frozen, some start anew, dropout is set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nirank.errors import ConfigError
from nirank.training.anatomy import find_parts, is_norm, list_parameters
from nirank.training.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn


def freeze_layers(model: nn.Module, recipe: Recipe) -> None:
    """Let the lowest layers and the embeddings keep their weights, as the recipe says.

    Their parameters need no gradient from here on; dropout stays active. A masked language model's output matrix is
    its embeddings', and is frozen with them.
    """
    if recipe.freeze_layers == 0 and not recipe.freeze_embeddings:
        return
    parts = find_parts(model)
    n_layers = len(parts.layers)
    n_frozen = n_layers // 2 if recipe.freeze_layers == "half" else recipe.freeze_layers
    _check_layers("freeze_layers", n_frozen, n_layers)
    embeddings = n_frozen > 0 if recipe.freeze_embeddings is None else recipe.freeze_embeddings
    for part in (*(parts.embeddings if embeddings else ()), *parts.layers[:n_frozen]):
        part.requires_grad_(False)


def reinit_layers(model: nn.Module, recipe: Recipe, seed: int) -> None:
    """Let the top layers start anew, and the pooler with them, as the recipe says.

    Linear and embedding weights ~ N(0, initializer_range of the model's configuration), biases 0, norms' weights 1.
    Weights that the embeddings share are left alone. The global random state is neither used nor moved.

    Zhang et al., ICLR 2021, arXiv 2006.05987, and their code.
    """
    import torch

    reinit_pooler = recipe.reinit_layers > 0 if recipe.reinit_pooler is None else recipe.reinit_pooler
    if recipe.reinit_layers == 0 and not reinit_pooler:
        return
    parts = find_parts(model)
    _check_layers("reinit_layers", recipe.reinit_layers, len(parts.layers))
    if recipe.reinit_pooler and parts.pooler is None:
        raise ConfigError(f"recipe: reinit_pooler is set, and {type(model).__name__} has no pooler")
    pooler = [parts.pooler] if reinit_pooler and parts.pooler is not None else []
    shared = {id(parameter) for part in parts.embeddings for parameter in part.parameters()}
    starts = [
        (parameter, _choose_start(owner, name))
        for part in (*parts.take_top_layers(recipe.reinit_layers), *pooler)
        for owner, name, parameter in list_parameters(part)
        if id(parameter) not in shared
    ]
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter, start in starts:
            if start == "random":
                weights = torch.randn(parameter.shape, generator=random) * parts.spread
                parameter.copy_(weights)
            else:
                parameter.fill_(float(start == "one"))


def _choose_start(owner: nn.Module, name: str) -> str:
    """Return how a parameter starts: 'random', 'zero' or 'one'."""
    import torch

    if name == "bias":
        return "zero"
    if name == "weight" and is_norm(owner):
        return "one"
    if name == "weight" and isinstance(owner, torch.nn.Linear | torch.nn.Embedding):
        return "random"
    raise ConfigError(f"recipe: reinit_layers cannot start the parameter '{name}' of {type(owner).__name__} anew")


def _check_layers(option: str, layers: int, n_layers: int) -> None:
    if layers > n_layers:
        raise ConfigError(f"recipe: {option} is {layers}, and the model has {n_layers} layers")


def set_dropout(model: nn.Module, p: float) -> None:
    """Set every dropout's probability, attention's included; before `inject_lora`, whose own it would set too."""
    import torch

    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = p
        elif isinstance(getattr(module, "attention_dropout", None), float):  # ModernBERT's, a number
            module.attention_dropout = p
