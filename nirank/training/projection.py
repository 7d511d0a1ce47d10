"""A projection behind a bi-encoder, whose distances are trained: what neural LSH hashes."""

from __future__ import annotations

from typing import Any

from nirank.errors import ConfigError
from nirank.training.recipe import Recipe

_GREATEST_DISTANCE = 2.0  # the greatest distance of two vectors of unit length


def add_head(model: Any, outputs: int, seed: int) -> None:
    """Put Linear(h, h) - GELU - Linear(h, outputs) behind a bi-encoder's pooling, drawn from the seed.

    Vectors are not normalised any more, and the model says that they are compared by Euclidean distance.
    """
    import torch
    from sentence_transformers.sentence_transformer.modules import Dense

    if not hasattr(model, "similarity_fn_name"):
        raise ConfigError("recipe: head is for bi-encoders")
    for name in [name for name, module in model.named_children() if type(module).__name__ == "Normalize"]:
        delattr(model, name)
    width = model.get_embedding_dimension()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = (
            Dense(width, width, activation_function=torch.nn.GELU()),
            Dense(width, outputs, activation_function=torch.nn.Identity()),
        )
    for layer in layers:
        model.append(layer.to(model.device))
    model.similarity_fn_name = "euclidean"


def check_distances(model: Any, recipe: Recipe) -> None:
    """Raise ConfigError where vectors of unit length would have to lie farther apart than they can."""
    normalised = any(type(module).__name__ == "Normalize" for module in model.children())
    if recipe.loss == "lsh" and normalised and recipe.radius * recipe.ratio > _GREATEST_DISTANCE:
        raise ConfigError(
            f"recipe: radius · ratio is {recipe.radius * recipe.ratio:g}, and the model's vectors have unit length, so"
            f" none are more than {_GREATEST_DISTANCE:g} apart; lower them, or set head"
        )
