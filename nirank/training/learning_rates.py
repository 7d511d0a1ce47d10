"""How fast each part of a model learns, and how the rate rises and falls over the steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from nirank.training.anatomy import find_parts, has_transformer, is_norm, list_parameters
from nirank.training.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn


class _RatedPart(NamedTuple):
    name: str
    rate: float
    modules: tuple[nn.Module, ...]


def make_parameter_groups(model: nn.Module, recipe: Recipe, *, new_head: bool = False) -> list[dict[str, Any]]:
    """Return the groups of an optimiser: every parameter that is trained, once, each with its rate.

    Layer l of L learns at rate · decay^(L - l + offset), the embeddings at rate · decay^(L + offset), what stands
    above at rate; a new head at head_factor · rate. Biases and norms have no weight decay.

    new_head  the model has a head that nothing has trained: a cross-encoder's, or the projection of a bi-encoder

    A group has `params`, `lr`, `weight_decay`, its `name` ('embeddings', 'layer 3', 'pooler', 'head'; two
    groups may share it: with and without weight decay) and its parameters' `names`.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decays = {
        id(parameter): 0.0 if name == "bias" or is_norm(owner) else recipe.weight_decay
        for owner, name, parameter in list_parameters(model)
        if parameter.requires_grad
    }
    groups: list[dict[str, Any]] = []
    for part in _rate_parts(model, recipe, new_head):
        by_decay: dict[float, list[nn.Parameter]] = {recipe.weight_decay: [], 0.0: []}
        for parameter in (parameter for module in part.modules for parameter in module.parameters()):
            decay = decays.pop(id(parameter), None)
            if decay is not None:
                by_decay[decay].append(parameter)
        groups += [
            {
                "params": parameters,
                "lr": part.rate,
                "weight_decay": decay,
                "name": part.name,
                "names": [names[id(parameter)] for parameter in parameters],
            }
            for decay, parameters in by_decay.items()
            if parameters
        ]
    return groups


def _rate_parts(model: nn.Module, recipe: Recipe, new_head: bool) -> Iterator[_RatedPart]:
    """Yield the parts of a model and their rates; a parameter belongs to the first that has it."""
    full, decay = recipe.learning_rate, recipe.layer_lr_decay
    if decay == 1 and not has_transformer(model):
        body = model.children() if not new_head else list(model.children())[:1]
        yield _RatedPart("model", full, tuple(body))
        yield _RatedPart("head", full * recipe.head_factor, (model,))
        return
    parts = find_parts(model)
    depth = len(parts.layers) + recipe.lr_offset
    yield _RatedPart("embeddings", full * decay**depth, parts.embeddings)
    for number, layer in enumerate(parts.layers, 1):
        yield _RatedPart(f"layer {number}", full * decay ** (depth - number), (layer,))
    yield _RatedPart("pooler", full, (parts.pooler,) if parts.pooler is not None else ())
    yield _RatedPart("top", full, parts.top)
    yield _RatedPart("head", full * recipe.head_factor if new_head else full, (model,))


def scale_rate(step: int, steps: int, warmup: float) -> float:
    """Return the factor of all learning rates after `step` of `steps` steps.

    Linear from 0 to 1 over the share `warmup` of the steps, then linear to 0.
    """
    rising = warmup * steps
    return step / rising if step < rising else max(0.0, (steps - step) / (steps - rising))
