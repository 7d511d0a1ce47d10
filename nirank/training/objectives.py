"""From a batch to its loss: the outputs of a model, the scores that follow from them, and what makes those wrong."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.model import ModelKind
from nirank.errors import ConfigError, DataError
from nirank.training import losses
from nirank.training.collators import Batch
from nirank.training.examples import Examples
from nirank.training.recipe import Loss, Recipe

if TYPE_CHECKING:
    from torch import Tensor

_DEFAULT_LOSS: dict[ModelKind, Loss] = {"bi_encoder": "mnr", "sparse_encoder": "mnr", "cross_encoder": "lce"}
_LOSS_KINDS: dict[Loss, tuple[ModelKind, ...]] = {
    "mnr": ("bi_encoder", "sparse_encoder"),
    "lce": ("bi_encoder", "sparse_encoder", "cross_encoder"),
    "margin": ("bi_encoder", "sparse_encoder", "cross_encoder"),
    "margin_mse": ("bi_encoder", "sparse_encoder", "cross_encoder"),
    "lsh": ("bi_encoder",),
    "bce": ("bi_encoder",),
}


def resolve_loss(kind: ModelKind, recipe: Recipe, *, coded: bool = False) -> Loss:
    """Return the loss; raise ConfigError where it does not fit the kind of model, or the data.

    coded  whether codes of documents are learned
    """
    loss = recipe.loss or ("bce" if coded else _DEFAULT_LOSS[kind])
    if (loss == "bce") != coded:
        wanted = "codes of documents are learned by loss 'bce'" if coded else "loss 'bce' is for codes of documents"
        raise ConfigError(f"recipe: {wanted}; got loss '{loss}' for {'codes' if coded else 'other data'}")
    if kind not in _LOSS_KINDS[loss]:
        fitting = ", ".join(name for name, kinds in _LOSS_KINDS.items() if kind in kinds)
        raise ConfigError(f"recipe: loss '{loss}' does not train a {kind.replace('_', '-')}; expected one of {fitting}")
    return loss


def select_usable(examples: Examples, loss: Loss, batch: int) -> NDArray[np.int64]:
    """Return the examples that a loss can use, as rows; raise DataError where there is none."""
    if not len(examples):
        raise DataError("training: there is no example")
    if loss == "margin_mse" and examples.scores is None:
        raise DataError("training: loss 'margin_mse' needs a teacher's scores, and the examples have none")
    counts = np.diff(examples.offsets)
    if loss in ("mnr", "lsh"):
        if not counts.any() and (batch == 1 or len(examples) == 1):
            raise DataError(f"training: loss '{loss}' with one example a step needs mined negatives, got none")
        return np.arange(len(examples))
    if not counts.any():
        raise DataError(f"training: loss '{loss}' needs negatives, and no example has any")
    return np.flatnonzero(counts)


class Objective:
    """A batch's loss under a model.

    similarity  of a bi-encoder: 'cosine' or 'dot'
    """

    def __init__(self, kind: ModelKind, loss: Loss, recipe: Recipe, similarity: str) -> None:
        self.kind, self.loss, self.recipe = kind, loss, recipe
        self.cosine = kind == "bi_encoder" and similarity == "cosine" and loss != "lsh" and recipe.head is None
        self.scale = recipe.scale if self.cosine else 1.0

    def __call__(self, model: Any, batch: Batch) -> Tensor:
        """Return the loss, a scalar."""
        outputs = self.compute_outputs(model, batch["inputs"])[batch["place"]]
        if self.kind == "cross_encoder":
            return self._compute_list_loss(outputs[batch["lists"]], batch)
        queries, docs = outputs[: batch["n_queries"]], outputs[batch["n_queries"] :]
        if self.loss == "lsh":
            loss = self._compute_lsh_loss(losses.euclidean_distances(queries[batch["queries"]], docs), batch)
        elif self.loss == "mnr":
            similarities = queries[batch["queries"]] @ docs.T
            loss = losses.mnr(similarities, batch["positives"], batch["mask"], self.scale)
        else:
            similarities = (queries[batch["queries"]][:, None] * docs[batch["lists"]]).sum(-1)
            loss = self._compute_list_loss(similarities, batch)
        if self.kind == "sparse_encoder":
            of_queries, of_docs = self.recipe.flops
            loss = loss + of_queries * losses.flops(queries) + of_docs * losses.flops(docs)
        return loss

    def compute_outputs(self, model: Any, inputs: list[dict[str, Tensor]]) -> Tensor:
        """Return what the model makes of several passes' inputs: (rows, dimension) vectors, or (rows,) logits.

        Under bfloat16 the transformer computes in it; pooling, heads behind it and similarities stay float32.
        """
        import torch

        device = model.device.type
        mixed = self.recipe.precision == "bfloat16"
        outputs = []
        with torch.autocast(device, torch.bfloat16) if mixed else nullcontext():
            for batch_inputs in inputs:
                if self.kind == "cross_encoder":
                    outputs.append(model.model(**batch_inputs, return_dict=True).logits[:, 0].float())
                    continue
                features = model[0](dict(batch_inputs))
                with torch.autocast(device, enabled=False):
                    lowered = [name for name in ("token_embeddings", "sentence_embedding") if name in features]
                    features.update({name: features[name].float() for name in lowered})
                    for module in list(model)[1:]:
                        features = module(features)
                    outputs.append(features["sentence_embedding"].float())
        joined = torch.cat(outputs)
        return torch.nn.functional.normalize(joined, dim=-1) if self.cosine else joined

    def _compute_lsh_loss(self, distances: Tensor, batch: Batch) -> Tensor:
        """Pull each query's positive inside the radius; push what is no known positive of it outside."""
        positives = distances.gather(1, batch["positives"][:, None])[:, 0]
        return losses.lsh(positives, distances, ~batch["mask"], self.recipe.radius, self.recipe.ratio, self.recipe.push)

    def _compute_list_loss(self, scores: Tensor, batch: Batch) -> Tensor:
        present = batch["present"]
        if self.loss == "lce":
            return losses.lce(self.scale * scores, present)
        if self.loss == "margin":
            return losses.margin(scores, present, self.recipe.margin)
        return losses.margin_mse(self.scale * scores, batch["teacher"], present)
