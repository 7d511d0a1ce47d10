"""The classifier of codes behind an encoder while it is trained.

Imported by what trains on codes, and by nobody else: it needs torch at once.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from nirank.training.coded_texts import CodedTexts

_SPREAD = 0.02  # standard deviation of new weights, as BERT's


class CodeHead(torch.nn.Module):  # type: ignore[misc]
    """A logit for each code: a linear function of a text's vector.

    It stands behind an encoder's modules, so that it is trained, checkpointed and moved with them, and passes vectors
    on as they are. Before training a code's logit is about that of its share of the texts.
    """

    def __init__(self, width: int, coded: CodedTexts, seed: int, *, of_unit_length: bool) -> None:
        super().__init__()
        self.factor = math.sqrt(width) if of_unit_length else 1.0  # components of about 1, as behind a LayerNorm
        self.linear = torch.nn.Linear(width, len(coded.names))
        drawn = torch.randn(self.linear.weight.shape, generator=torch.Generator().manual_seed(seed))
        frequencies = torch.bincount(torch.from_numpy(coded.codes), minlength=len(coded.names))
        shares = (frequencies + 0.5) / (len(coded) + 1)
        with torch.no_grad():
            self.linear.weight.copy_(_SPREAD * drawn)
            self.linear.bias.copy_(torch.logit(shares))

    def forward(self, features: dict[str, Any]) -> dict[str, Any]:
        return features

    def score_codes(self, vectors: Tensor) -> Tensor:
        """Return the logits of vectors, (n, n_codes)."""
        scores: Tensor = self.linear(self.factor * vectors)
        return scores


def add_head(model: Any, coded: CodedTexts, seed: int, *, of_unit_length: bool) -> None:
    """Put a classifier of codes behind a bi-encoder."""
    model.append(CodeHead(model.get_embedding_dimension(), coded, seed, of_unit_length=of_unit_length).to(model.device))


def get_head(model: Any) -> CodeHead:
    """Return the classifier behind a bi-encoder."""
    head = list(model.children())[-1]
    assert isinstance(head, CodeHead), "it was put there"
    return head


def drop_head(model: Any) -> None:
    """Take the classifier off again."""
    delattr(model, list(model._modules)[-1])
