"""Train and Soup: models that are made as part of a plan."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, get_args

from nirank.algebra.model import (
    KINDS,
    MODEL,
    EncoderKind,
    Model,
    ModelKind,
    NetworkKind,
    PlannedModel,
    TrainedModel,
    list_model_inputs,
    plan_models,
)
from nirank.algebra.node import Node
from nirank.algebra.sides import Sides
from nirank.base.identity import SEED, Placeholder
from nirank.base.memory import MemoryNeed, Sizes
from nirank.base.values import fit_fields, to_expression
from nirank.errors import ConfigError
from nirank.training.codes import Codes
from nirank.training.mining_rounds import mine_anew
from nirank.training.recipe import Recipe
from nirank.training.training_data import TASKS, TrainingData
from nirank.training.watch import Watch, WatchCodes

Inputs = tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Train(TrainedModel):
    """A model trained on a training set, from another model.

    base    hub id, folder, pkg:PACKAGE/path, or a trained model
    data    what it is trained on
    kind    what it becomes: 'bi_encoder' (for dense, hnsw, ivf, max_sim), 'cross_encoder' or 'sparse_encoder'
    recipe  how
    watch   held-out queries by which the best weights are chosen, or of codes held-out documents; None: those of the
            last step
    seed    of new weights, order and dropout; SEED: the experiment's
    rounds  trainings in a row: each after the first takes its hard negatives from what the one before finds, see
            `mine_anew`
    rounds_from   where each of these starts: 'base', anew, or 'previous', going on with the weights of the one before
    """

    base: Model
    data: TrainingData
    kind: EncoderKind = "bi_encoder"
    recipe: Recipe = dataclasses.field(default_factory=Recipe)
    watch: Watch | WatchCodes | None = None
    seed: int | Placeholder = SEED
    rounds: int = 1
    rounds_from: Literal["base", "previous"] = "base"

    def __post_init__(self) -> None:
        fit_fields(self, "train")
        if isinstance(self.base, TrainedModel) and self.base.kind in get_args(NetworkKind):
            raise ConfigError(f"train: base is an encoder; {self.base.title} is {KINDS[self.base.kind]}")
        if self.rounds < 1:
            raise ConfigError(f"train: rounds must be 1 or more, got {self.rounds}")
        if self.rounds_from not in ("base", "previous"):
            raise ConfigError(f"train: rounds_from is base or previous, got {self.rounds_from!r}")
        if self.rounds_from != "base" and self.rounds == 1:
            raise ConfigError("train: rounds_from does nothing in one round; leave it out, or set rounds")
        self._check_codes()
        if self.rounds > 1:
            self.expand_rounds()  # what cannot be mined by this model is refused here

    @property
    def base_name(self) -> str:
        return self.base if isinstance(self.base, str) else self.base.base_name

    @property
    def title(self) -> str:
        named = self.base.rstrip("/").removesuffix("/model") if isinstance(self.base, str) else self.base.title
        options = [f"{name} {value}" for name, value in self.recipe.options().items()]
        if isinstance(self.seed, int):
            options.append(f"seed {self.seed}")
        if self.rounds > 1:
            options.append(f"{self.rounds} rounds" + (", each from the last" if self.rounds_from != "base" else ""))
        title = f"{named.rpartition('/')[2].removeprefix('pkg:')} trained on {self.data.title}"
        return f"{title} ({', '.join(options)})" if options else title

    @property
    def match_radius(self) -> float | None:
        return self.recipe.match_radius

    def _check_codes(self) -> None:
        """Raise ConfigError for what does not fit training on codes, or fits it alone."""
        if isinstance(self.data, Codes):
            if self.kind != "bi_encoder":
                raise ConfigError(f"train: codes of documents train a bi_encoder, got kind {self.kind}")
            if self.recipe.head is not None:
                raise ConfigError("train: codes are told by the encoder's own vectors; leave head out of the recipe")
            if self.recipe.loss not in (None, "bce"):
                raise ConfigError(f"train: codes of documents are learned by loss bce, got {self.recipe.loss}")
        elif self.recipe.loss == "bce" or isinstance(self.watch, WatchCodes):
            what = "watch: held_out" if self.recipe.loss != "bce" else "loss bce"
            raise ConfigError(f"train: {what} is for codes of documents, such as data {{codes: {{key: eurovoc}}}}")

    def expand_rounds(self) -> Train:
        """Return the training of the last round, as one would write it with a model for each round."""
        single = dataclasses.replace(self, rounds=1, rounds_from="base")
        model = single
        for _ in range(self.rounds - 1):
            base = model if self.rounds_from == "previous" else self.base
            model = dataclasses.replace(single, base=base, data=mine_anew(self.data, model))
        return model

    def compile_node(self, sides: Sides) -> Node:
        from nirank.inference.models import resolve_model

        if self.rounds > 1:
            return self.expand_rounds().compile_node(sides)
        train = plan_models(self, sides, None, "train")
        params: dict[str, Any] = {"kind": self.kind, "seed": self.seed}
        if isinstance(train.base, str):
            params["base"] = dict(resolve_model(train.base).identity)
        if self.recipe.options():
            params["recipe"] = self.recipe.options()
        inputs: Inputs = (*list_model_inputs(train), ("examples", self.data.compile_node(sides)))
        if self.watch is not None:
            inputs += self.watch.inputs(sides)
            params["watch"] = self.watch.params()
        return Node(
            f"{TASKS}:train_model",
            2 if self.recipe.head is not None or self.recipe.loss == "lsh" else 1,  # heads, and `push`, began otherwise
            params,
            inputs,
            offline=True,
            training=True,
            memory=train.memory,
            stage=train,
            label=f"train {KINDS[self.kind]}: {self.title}",
        )

    def memory(self, sizes: Sizes) -> MemoryNeed:
        """Return what training needs whatever the batch."""
        from nirank.inference.device import estimate_training_memory
        from nirank.inference.models import resolve_model

        del sizes
        return estimate_training_memory(resolve_model(self.base_name))

    def __repr__(self) -> str:
        return to_expression(self)


@dataclass(frozen=True)
class Soup(TrainedModel):
    """A model whose weights are averages of several models' that started from the same one.

    of     the models
    how    'uniform': of all; 'greedy': a model enters where the mean does not get worse by it, the best one first;
           'wise': alpha of the (uniform) mean and 1 - alpha of what they started from
    watch  what 'greedy' measures
    tie    'accept': a mean that is as good lets a model in (the paper's recipe); 'reject' (the paper's code)

    Wortsman et al., ICML 2022, arXiv 2203.05482, recipe 1; WiSE-FT: Wortsman et al., CVPR 2022, arXiv 2109.01903.
    """

    of: tuple[TrainedModel, ...]
    how: Literal["uniform", "greedy", "wise"] = "uniform"
    watch: Watch | None = None
    tie: Literal["accept", "reject"] = "accept"
    alpha: float = 0.5

    def __post_init__(self) -> None:
        fit_fields(self, "soup")
        if not self.of:
            raise ConfigError("soup: expected at least one model")
        networks = [model for model in self.of if model.kind in get_args(NetworkKind)]
        if networks:
            raise ConfigError(
                f"soup: encoders from one start are averaged; {networks[0].title} is {KINDS[networks[0].kind]}, which"
                " starts from nothing"
            )
        if self.how not in ("uniform", "greedy", "wise"):
            raise ConfigError(f"soup: how is uniform, greedy or wise, got {self.how!r}")
        if (self.how == "greedy") != (self.watch is not None):
            raise ConfigError("soup: greedy measures on held-out queries and needs watch; the others use none")
        if not 0 <= self.alpha <= 1:
            raise ConfigError(f"soup: alpha must lie in [0, 1], got {self.alpha}")
        kinds = sorted({model.kind for model in self.of})
        starts = list(dict.fromkeys(find_start(model) for model in self.of))
        if len(kinds) > 1 or len(starts) > 1:
            names = [start if isinstance(start, str) else start.title for start in starts]
            raise ConfigError(
                f"soup: its models must be of one kind and start from one model, got {', '.join((*kinds, *names))}"
            )
        idle = [
            name
            for name, is_set, has_effect in (
                ("tie", self.tie != "accept", self.how == "greedy"),
                ("alpha", self.alpha != 0.5, self.how == "wise"),
                ("watch.every", self.watch is not None and self.watch.every is not None, False),
                ("watch.patience", self.watch is not None and self.watch.patience is not None, False),
            )
            if is_set and not has_effect
        ]
        if idle:
            raise ConfigError(f"soup: {idle[0]} does nothing in a soup that is {self.how}; leave it out")

    @property
    def kind(self) -> ModelKind:
        return self.of[0].kind

    @property
    def base_name(self) -> str:
        return self.of[0].base_name

    @property
    def title(self) -> str:
        return f"{self.how} soup of {len(self.of)} × {self.of[0].title}"

    @property
    def match_radius(self) -> float | None:
        radii = {model.match_radius for model in self.of}
        return radii.pop() if len(radii) == 1 else None

    def compile_node(self, sides: Sides) -> Node:
        from nirank.inference.models import resolve_model

        models = tuple(PlannedModel(model, model.compile_node(sides)) for model in self.of)
        params: dict[str, Any] = {"how": self.how}
        inputs: Inputs = tuple((MODEL, model.node) for model in models)
        if self.how == "wise":
            start = find_start(self)
            params["alpha"] = self.alpha
            if isinstance(start, TrainedModel):
                inputs += (("start", start.compile_node(sides)),)
            else:
                files = resolve_model(start)
                architectures = str(files.read_config("config.json").get("architectures", ""))
                if self.kind == "cross_encoder" and "SequenceClassification" not in architectures:
                    raise ConfigError(f"soup: {start} is no cross-encoder; there is nothing between it and one")
                params["base"] = dict(files.identity)
        if self.watch is not None:
            inputs += self.watch.inputs(sides)
            params |= {"tie": self.tie, "watch": self.watch.params()}
        return Node(
            f"{TASKS}:average_models", 1, params, inputs, offline=True, training=True, stage=self, label=self.title
        )

    def __repr__(self) -> str:
        return to_expression(self)


def find_start(model: TrainedModel) -> str | TrainedModel:
    """Return what a model's training started from."""
    if isinstance(model, Soup):
        return find_start(model.of[0])
    if isinstance(model, PlannedModel):
        return find_start(model.model)
    assert isinstance(model, Train), f"{type(model).__name__} says nothing of its start"
    return model.base
