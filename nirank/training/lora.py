"""LoRA: low-rank updates of a transformer's linear modules, put in by peft, and merged into them at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nirank.errors import ConfigError, MissingExtra, suggest
from nirank.training.anatomy import find_parts
from nirank.training.recipe import Lora

if TYPE_CHECKING:
    from torch import nn


def inject_lora(model: nn.Module, lora: Lora, seed: int) -> int:
    """Put low-rank updates beside the linear modules of all layers, and freeze everything else; return their weights.

    The output is the same until the first step, since B starts at 0; A is Kaiming-uniform, from the seed alone: the
    global random state is not moved. A cross-encoder's head and pooler, which may be new, are trained whole.
    Raises ConfigError for a target that no linear module is called, MissingExtra without peft.

    returns  how many weights the updates have: the sum of rank · (inputs + outputs)
    """
    import torch

    try:
        from peft import LoraConfig, inject_adapter_in_model
        from peft.tuners.lora import LoraLayer
    except ImportError:
        raise MissingExtra("LoRA needs peft: pip install 'nirank[train]'") from None
    parts = find_parts(model)
    linear = {id(module) for layer in parts.layers for module in layer.modules() if isinstance(module, torch.nn.Linear)}
    names = [name for name, module in model.named_modules() if id(module) in linear]
    targets = names if lora.targets is None else _match_targets(names, lora.targets)
    model.requires_grad_(False)
    if parts.crosses:
        for parameter in model.parameters():
            parameter.requires_grad_(True)
        above_layers = (module for module in parts.top if module is not parts.pooler)
        for part in (*parts.embeddings, *parts.layers, *above_layers):
            part.requires_grad_(False)
    trainable = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    config = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, model)
    for layer in (module for module in model.modules() if isinstance(module, LoraLayer)):
        layer.train(layer.get_base_layer().training)  # peft's dropout would be active in a model that evaluates
    n_weights = 0
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(trainable.get(name, ".lora_" in name))
        n_weights += parameter.numel() if ".lora_" in name else 0
    return n_weights


def _match_targets(names: list[str], targets: tuple[str, ...]) -> list[str]:
    """Return the modules that end in one of these names, as peft understands them: whole parts between dots."""
    for target in targets:
        if not any(f".{name}".endswith(f".{target}") for name in names):
            known = {name.split(".")[-1] for name in names}
            raise ConfigError(
                f"lora: no linear module of the layers is called '{target}'; there are"
                f" {', '.join(sorted(known))}{suggest(target, known)}"
            )
    return [name for name in names if any(f".{name}".endswith(f".{target}") for target in targets)]


def merge_lora(model: nn.Module) -> None:
    """Add the updates to the weights that they stand beside, W0 + (alpha / rank) B A, and remove them.

    The plain model remains, with the names that it had before.
    """
    from peft.tuners.lora import LoraLayer

    for path, module in list(model.named_modules()):
        if isinstance(module, LoraLayer):
            module.merge(safe_merge=True)
            parent, _, name = path.rpartition(".")
            setattr(model.get_submodule(parent), name, module.get_base_layer())
    for module in model.modules():
        vars(module).pop("peft_config", None)
