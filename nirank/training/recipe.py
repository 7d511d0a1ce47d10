"""Recipe: how a model is trained, apart from what it starts from and on what it is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from nirank.base.values import find_changed_fields, fit_fields, to_expression
from nirank.errors import ConfigError

Loss = Literal["mnr", "lce", "margin", "margin_mse", "lsh", "bce"]
Push = Literal["all", "violating", "hardest"]


@dataclass(frozen=True)
class Lora:
    """Low-rank updates W0 + (alpha / rank) B A; merged into the weights when training ends.

    Hu et al., ICLR 2022, arXiv 2106.09685, section 4.1.

    targets  names of the linear modules; None: all linear modules of attention and feed-forward layers
    """

    rank: int = 16
    alpha: float = 32.0
    dropout: float = 0.05
    targets: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        return to_expression(self)

    def __post_init__(self) -> None:
        fit_fields(self, "lora")
        if self.rank < 1:
            raise ConfigError(f"lora: rank must be 1 or more, got {self.rank}")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"lora: dropout must lie in [0, 1), got {self.dropout}")


@dataclass(frozen=True)
class Recipe:
    """How a model is trained. Everything here can change the weights, and is part of their address.

    loss            'mnr' (softmax over the batch's documents and the mined negatives), 'lce' (softmax over a
                    query's own 1 positive and n negatives, of cosines times `scale`), 'margin' (pairwise hinge),
                    'margin_mse' (distillation from a teacher), 'lsh' (matches within a radius, all others outside a
                    greater one), 'bce' (binary cross-entropy of the codes of documents); None: bce for codes, else mnr
                    for encoders, lce for cross-encoders
    epochs, steps   passes over the examples; or so many steps of the optimiser, which then counts
    batch           examples a step, each with its negatives
    learning_rate   at the end of the warm-up; `head_factor` times that for a new head: a cross-encoder's, or `head`
    warmup          share of the steps in which the rate grows linearly; then it falls linearly to 0
    weight_decay    decoupled, not on biases and LayerNorm
    clip            greatest norm of the gradient
    dropout         None: as the model's configuration says
    precision       'bfloat16': autocast; the weights stay float32
    max_length      tokens of a text, for a cross-encoder of query and document together; None: the model's own
    scale           factor of cosine similarities in mnr (1 / temperature), lce and margin_mse; dot products have none
    margin          margin: what a positive should be ahead by
    radius, ratio   lsh: distance that matches should not exceed, and how many times as far all others should be
    push            lsh: which negatives of a query are pushed away: the mean is over 'all' of them, over the
                    'violating' ones, which are too near yet, or over the 'hardest', the nearest one of each query
    head            bi-encoders: outputs of a new projection behind the pooling, Linear(h, h) - GELU - Linear(h, head),
                    which starts as a projection that keeps distances; its vectors are not normalised and compared by
                    distance; None: the model's own vectors
    keep_head       False: `head` is left out after training, and the encoder's own vectors are searched, of unit
                    length (as Sudowoodo does for blocking: Wang, Li and Wang, ICDE 2023)
    flops           sparse encoders: weight of the FLOPS regulariser on (queries, documents)
    freeze_layers   this many of the lowest layers, and the embeddings, keep their weights; 'half': half of them
    freeze_embeddings   None: if any layer is frozen
    layer_lr_decay, lr_offset   layer l of L learns at rate · decay^(L - l + offset), the embeddings at
                    rate · decay^(L + offset), the head at rate
    reinit_layers   this many of the top layers start anew; reinit_pooler: None: with them
    buckets         batches of texts of similar length (the batches differ from run to run only with the seed)
    gradient_checkpointing   trades time for memory

    Zhang et al., ICLR 2021, arXiv 2006.05987; Mosbach et al., ICLR 2021, arXiv 2006.04884; Tinn et al., arXiv
    2112.07869. `offset` 1 is the code of Zhang et al., 2 that of ELECTRA, 0 lets the top layer learn at the full rate.
    """

    loss: Loss | None = None
    epochs: int = 1
    steps: int | None = None
    batch: int = 32
    learning_rate: float = 2e-5
    head_factor: float = 1.0
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    dropout: float | None = None
    precision: Literal["float32", "bfloat16"] = "float32"
    max_length: int | None = None
    scale: float = 20.0
    margin: float = 0.1
    radius: float = 1.0
    ratio: float = 3.0
    push: Push = "hardest"
    head: int | None = None
    keep_head: bool = True
    flops: tuple[float, float] = (5e-5, 3e-5)
    freeze_layers: int | Literal["half"] = 0
    freeze_embeddings: bool | None = None
    layer_lr_decay: float = 1.0
    lr_offset: int = 1
    reinit_layers: int = 0
    reinit_pooler: bool | None = None
    lora: Lora | None = None
    buckets: bool = True
    gradient_checkpointing: bool = False

    def __post_init__(self) -> None:
        fit_fields(self, "recipe")
        wrong = [
            f"recipe: {name} must be {expected}, got {value!r}"
            for name, value, good, expected in (
                (
                    "loss",
                    self.loss,
                    self.loss is None or self.loss in get_args(Loss),
                    f"one of {', '.join(get_args(Loss))}",
                ),
                ("epochs", self.epochs, self.epochs >= 1, "1 or more"),
                ("steps", self.steps, self.steps is None or self.steps >= 1, "1 or more"),
                ("batch", self.batch, self.batch >= 1, "1 or more"),
                ("learning_rate", self.learning_rate, self.learning_rate > 0, "above 0"),
                ("head_factor", self.head_factor, self.head_factor > 0, "above 0"),
                ("warmup", self.warmup, 0 <= self.warmup < 1, "in [0, 1)"),
                ("weight_decay", self.weight_decay, self.weight_decay >= 0, "0 or more"),
                ("clip", self.clip, self.clip > 0, "above 0"),
                ("dropout", self.dropout, self.dropout is None or 0 <= self.dropout < 1, "in [0, 1)"),
                ("max_length", self.max_length, self.max_length is None or self.max_length >= 5, "5 or more"),
                ("scale", self.scale, self.scale > 0, "above 0"),
                ("margin", self.margin, self.margin >= 0, "0 or more"),
                ("radius", self.radius, self.radius > 0, "above 0"),
                ("ratio", self.ratio, self.ratio > 1, "above 1"),
                ("push", self.push, self.push in get_args(Push), f"one of {', '.join(get_args(Push))}"),
                ("head", self.head, self.head is None or self.head >= 1, "1 or more"),
                ("flops", self.flops, len(self.flops) == 2 and min(self.flops) >= 0, "two weights, 0 or more"),
                (
                    "freeze_layers",
                    self.freeze_layers,
                    self.freeze_layers == "half" or (isinstance(self.freeze_layers, int) and self.freeze_layers >= 0),
                    "a number of layers, or 'half'",
                ),
                ("layer_lr_decay", self.layer_lr_decay, 0 < self.layer_lr_decay <= 1, "in (0, 1]"),
                ("lr_offset", self.lr_offset, self.lr_offset in (0, 1, 2), "0, 1 or 2"),
                ("reinit_layers", self.reinit_layers, self.reinit_layers >= 0, "0 or more"),
            )
            if not good
        ]
        if self.lora is not None and (self.freeze_layers or self.reinit_layers):
            wrong.append(
                "recipe: lora freezes all weights of the model; freeze_layers and reinit_layers do not go with it"
            )
        if not self.keep_head and self.head is None:
            wrong.append("recipe: keep_head is for a recipe that sets head")
        if wrong:
            raise ConfigError(*wrong)

    @property
    def match_radius(self) -> float | None:
        """The distance halfway between what matches and all others should have; None where none is trained."""
        return (1 + self.ratio) * self.radius / 2 if self.loss == "lsh" and self.keep_head else None

    def count_epochs(self, n: int) -> int:
        """Return how many passes over n examples there are, the last perhaps in part."""
        return self.epochs if self.steps is None else -(-self.steps // -(-n // self.batch))

    def options(self) -> dict[str, Any]:
        """Return what differs from the defaults, as JSON values."""
        return {name: _to_json(value) for name, value in find_changed_fields(self).items()}

    def __repr__(self) -> str:
        return to_expression(self)


__all__ = ["Lora", "Loss", "Push", "Recipe"]


def _to_json(value: Any) -> Any:
    if isinstance(value, Lora):
        return {name: _to_json(part) for name, part in find_changed_fields(value).items()}
    return list(value) if isinstance(value, tuple) else value
