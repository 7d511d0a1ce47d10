"""A projection behind a bi-encoder, whose distances are trained: what neural LSH hashes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nirank.errors import ConfigError
from nirank.training.recipe import Recipe

if TYPE_CHECKING:
    from torch import Tensor

_GREATEST_DISTANCE = 2.0  # the greatest distance of two vectors of unit length
_BEFORE_GELU = 0.05  # root mean square of what enters GELU in the beginning: it is nearly a straight line there


def add_head(model: Any, recipe: Recipe, seed: int) -> None:
    """Put Linear(h, h) - GELU - Linear(h, recipe.head) behind a bi-encoder's vectors of unit length.

    It starts as a random projection, drawn from the seed, that keeps the distances of the model's own vectors: training
    bends what pre-training knows instead of learning it anew. Orthogonal vectors start radius · ratio apart. The model
    says that its vectors, which have no unit length any more, are compared by Euclidean distance.
    """
    import torch
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize

    if not hasattr(model, "similarity_fn_name"):
        raise ConfigError("recipe: head is for bi-encoders")
    assert recipe.head is not None
    if not any(isinstance(module, Normalize) for module in model.children()):
        model.append(Normalize())
    width = model.get_embedding_dimension()
    shrinking = _BEFORE_GELU * math.sqrt(width)
    scale = 2.0 * recipe.radius * recipe.ratio / math.sqrt(2.0) / shrinking  # GELU halves what is near 0
    hidden = Dense(width, width, activation_function=torch.nn.GELU())
    output = Dense(width, recipe.head, activation_function=torch.nn.Identity())
    starts = (shrinking * torch.eye(width), scale * _draw_projection(width, recipe.head, seed))
    for layer, weights in zip((hidden, output), starts, strict=True):
        with torch.no_grad():
            layer.linear.weight.copy_(weights)
            layer.linear.bias.zero_()
        model.append(layer.to(model.device))
    model.similarity_fn_name = "euclidean"


def drop_head(model: Any) -> None:
    """Take the projection off again: what remains are the encoder's vectors, of unit length."""
    for name in list(model._modules)[-2:]:
        delattr(model, name)
    model.similarity_fn_name = "cosine"


def _draw_projection(width: int, outputs: int, seed: int) -> Tensor:
    """Return (outputs, width) weights that keep distances: exactly if outputs >= width, else on average."""
    import torch

    drawn = torch.randn(max(width, outputs), min(width, outputs), generator=torch.Generator().manual_seed(seed))
    orthonormal = torch.linalg.qr(drawn).Q  # its columns
    return orthonormal if outputs >= width else orthonormal.T * math.sqrt(width / outputs)


def check_distances(model: Any, recipe: Recipe) -> None:
    """Raise ConfigError where vectors of unit length would have to lie farther apart than they can."""
    normalised = type(list(model.children())[-1]).__name__ == "Normalize"
    if recipe.loss == "lsh" and normalised and recipe.radius * recipe.ratio > _GREATEST_DISTANCE:
        raise ConfigError(
            f"recipe: radius · ratio is {recipe.radius * recipe.ratio:g}, and the model's vectors have unit length, so"
            f" none are more than {_GREATEST_DISTANCE:g} apart; lower them, or set head"
        )
