"""A transformer's layers while it is trained: which are frozen, which start anew, and how fast each learns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from nirank.errors import ConfigError
from nirank.training.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, eq=False)
class Anatomy:
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

    def upper(self, layers: int) -> tuple[nn.Module, ...]:
        """Return the top layers, so many."""
        return self.layers[len(self.layers) - layers :]


def anatomy(module: nn.Module) -> Anatomy:
    """Find the parts of a transformers model, alone or inside a model of sentence-transformers.

    Raises ConfigError where there is not one transformer, or not one list of its layers.
    """
    import torch
    from transformers import PreTrainedModel

    found: list[tuple[str, Any]] = []
    for name, one in module.named_modules():
        inside = any(name.startswith(f"{outer}.") or not outer for outer, _ in found)
        if isinstance(one, PreTrainedModel) and not inside:
            found.append((name, one))
    what = type(module).__name__
    if len(found) != 1:
        raise ConfigError(
            f"recipe: {what} holds {len(found)} transformers; one was expected, whose layers have numbers"
        )
    whole = found[0][1]
    backbone = whole.base_model
    n_layers = getattr(backbone.config, "num_hidden_layers", None)
    lists = [
        (name, one)
        for name, one in backbone.named_modules()
        if isinstance(one, torch.nn.ModuleList) and len(one) == n_layers
    ]
    if not lists:
        raise ConfigError(
            f"recipe: {type(backbone).__name__} has no list of {n_layers} layers; options for single layers need one"
        )
    name, layers = lists[0]
    pooler = getattr(backbone, "pooler", None)
    before, behind = _around(backbone, name)
    crosses = type(whole).__name__.endswith("ForSequenceClassification") or what == "CrossEncoder"
    spread = float(getattr(backbone.config, "initializer_range", 0.02))
    return Anatomy(before, tuple(layers), pooler, behind, spread, crosses)


def _around(backbone: nn.Module, layers: str) -> tuple[tuple[nn.Module, ...], tuple[nn.Module, ...]]:
    """Return a transformer's modules in front of its layers and behind them, each without its own parts."""
    import torch

    before: list[nn.Module] = []
    behind: list[nn.Module] = []
    taken: list[str] = []
    passed = False
    for name, one in backbone.named_modules():
        if f"{layers}.".startswith(f"{name}.") or not name:  # the list itself, or what holds it
            passed = passed or name == layers
        elif not name.startswith(tuple(f"{outer}." for outer in (layers, *taken))):
            first = not passed or isinstance(one, torch.nn.Embedding)
            (before if first else behind).append(one)
            taken.append(name)
    return tuple(before), tuple(behind)


def freeze(module: nn.Module, recipe: Recipe) -> None:
    """Let the lowest layers and the embeddings keep their weights, as the recipe says.

    Their parameters need no gradient from here on; dropout stays active. A masked language model's output matrix is
    its embeddings', and is frozen with them.
    """
    if recipe.freeze_layers == 0 and not recipe.freeze_embeddings:
        return
    parts = anatomy(module)
    n_layers = len(parts.layers)
    frozen = n_layers // 2 if recipe.freeze_layers == "half" else recipe.freeze_layers
    _check("freeze_layers", frozen, n_layers)
    embeddings = frozen > 0 if recipe.freeze_embeddings is None else recipe.freeze_embeddings
    for part in (*(parts.embeddings if embeddings else ()), *parts.layers[:frozen]):
        part.requires_grad_(False)


def reinit(module: nn.Module, recipe: Recipe, seed: int) -> None:
    """Let the top layers start anew, and the pooler with them, as the recipe says.

    Linear and embedding weights ~ N(0, initializer_range of the model's configuration), biases 0, norms' weights 1.
    Weights that the embeddings share are left alone. The global random state is neither used nor moved.

    Zhang et al., ICLR 2021, arXiv 2006.05987, and their code.
    """
    import torch

    pooled = recipe.reinit_layers > 0 if recipe.reinit_pooler is None else recipe.reinit_pooler
    if recipe.reinit_layers == 0 and not pooled:
        return
    parts = anatomy(module)
    _check("reinit_layers", recipe.reinit_layers, len(parts.layers))
    if recipe.reinit_pooler and parts.pooler is None:
        raise ConfigError(f"recipe: reinit_pooler is set, and {type(module).__name__} has no pooler")
    new = [*parts.upper(recipe.reinit_layers), *([parts.pooler] if pooled and parts.pooler is not None else [])]
    kept = {id(one) for part in parts.embeddings for one in part.parameters()}
    ways = [(one, _way(owner, name)) for part in new for owner, name, one in _owned(part) if id(one) not in kept]
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter, way in ways:
            if way == "random":
                drawn = torch.randn(parameter.shape, generator=random) * parts.spread
                parameter.copy_(drawn)
            else:
                parameter.fill_(float(way == "one"))


def _owned(part: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Parameter]]:
    """Yield the parameters of a module, each once, with the module whose own it is and its name there."""
    seen: set[int] = set()
    for owner in part.modules():
        for name, one in owner.named_parameters(recurse=False):
            if id(one) not in seen:
                seen.add(id(one))
                yield owner, name, one


def _norm(owner: nn.Module) -> bool:
    return type(owner).__name__.endswith("Norm")  # LayerNorm, RMSNorm and models' own


def _way(owner: nn.Module, name: str) -> str:
    """Tell how a parameter starts: 'random', 'zero' or 'one'."""
    import torch

    if name == "bias":
        return "zero"
    if name == "weight" and _norm(owner):
        return "one"
    if name == "weight" and isinstance(owner, torch.nn.Linear | torch.nn.Embedding):
        return "random"
    raise ConfigError(f"recipe: reinit_layers cannot start the parameter '{name}' of {type(owner).__name__} anew")


def _check(option: str, layers: int, n_layers: int) -> None:
    if layers > n_layers:
        raise ConfigError(f"recipe: {option} is {layers}, and the model has {n_layers} layers")


class _Place(NamedTuple):
    name: str
    rate: float
    modules: tuple[nn.Module, ...]


def parameter_groups(module: nn.Module, recipe: Recipe, *, new_head: bool = False) -> list[dict[str, Any]]:
    """Return the groups of an optimiser: every parameter that is trained, once, each with its rate.

    Layer l of L learns at rate · decay^(L - l + offset), the embeddings at rate · decay^(L + offset), what stands
    above at rate; a cross-encoder's new head at head_factor · rate. Biases and norms have no weight decay.

    new_head  the model is a cross-encoder whose head nothing has trained

    A group has `params`, `lr`, `weight_decay`, its `name` ('embeddings', 'layer 3', 'pooler', 'head'; two
    groups may share it: with and without weight decay) and its parameters' `names`.
    """
    names = {id(one): name for name, one in module.named_parameters()}
    left = {id(one): (owner, own) for owner, own, one in _owned(module) if one.requires_grad}
    groups: list[dict[str, Any]] = []
    for place in _places(module, recipe, new_head):
        sorted_out: dict[float, list[nn.Parameter]] = {recipe.weight_decay: [], 0.0: []}
        for one in (one for part in place.modules for one in part.parameters()):
            owner, own = left.pop(id(one), (None, ""))
            if owner is not None:
                plain = own == "bias" or _norm(owner)
                sorted_out[0.0 if plain else recipe.weight_decay].append(one)
        groups += [
            {
                "params": params,
                "lr": place.rate,
                "weight_decay": decay,
                "name": place.name,
                "names": [names[id(one)] for one in params],
            }
            for decay, params in sorted_out.items()
            if params
        ]
    return groups


def _places(module: nn.Module, recipe: Recipe, new_head: bool) -> Iterator[_Place]:
    """Yield the parts of a model and their rates; a parameter belongs to the first that has it."""
    full, decay = recipe.learning_rate, recipe.layer_lr_decay
    parts = anatomy(module)
    depth = len(parts.layers) + recipe.lr_offset
    yield _Place("embeddings", full * decay**depth, parts.embeddings)
    for number, layer in enumerate(parts.layers, 1):
        yield _Place(f"layer {number}", full * decay ** (depth - number), (layer,))
    yield _Place("pooler", full, (parts.pooler,) if parts.pooler is not None else ())
    yield _Place("top", full, parts.top)
    yield _Place("head", full * recipe.head_factor if new_head else full, (module,))


def set_dropout(module: nn.Module, p: float) -> None:
    """Set every dropout's probability, attention's included; before `lora.inject`, whose own it would set too."""
    import torch

    for one in module.modules():
        if isinstance(one, torch.nn.Dropout):
            one.p = p
        elif isinstance(getattr(one, "attention_dropout", None), float):  # ModernBERT's, a number
            one.attention_dropout = p


def rate(step: int, steps: int, warmup: float) -> float:
    """Return the factor of all learning rates when so many steps of all have been made.

    Linear from 0 to 1 over the share `warmup` of the steps, then linear to 0.
    """
    rising = warmup * steps
    return step / rising if step < rising else max(0.0, (steps - step) / (steps - rising))
