"""Fit: train a model on examples, watched by held-out queries, and leave it behind as any other model."""

from __future__ import annotations

import importlib.util
import json
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nirank.algebra.context import Context
from nirank.algebra.model import ModelKind
from nirank.base.identity import Digester
from nirank.errors import ConfigError, DataError, MissingExtra
from nirank.inference.encoder import choose_device
from nirank.inference.models import ModelFiles
from nirank.training import layers, learning_rates, model_io, projection
from nirank.training.batches import Batches
from nirank.training.checkpoints import BestWeights, Checkpoints, parse_step
from nirank.training.code_training import MICRO_F1, CodeCollator, CodeEvaluator, CodeObjective
from nirank.training.coded_texts import CodedTexts
from nirank.training.collators import Collator, EncoderCollator, PairCollator
from nirank.training.examples import Examples
from nirank.training.groups import Groups
from nirank.training.linear_products import use_onednn
from nirank.training.model_card import format_card
from nirank.training.ngrams import weigh_rows
from nirank.training.objectives import Objective, resolve_loss, select_usable
from nirank.training.recipe import Loss, Recipe
from nirank.training.trainer import TrainerSetup, make_trainer
from nirank.training.training_curve import TrainingCurve
from nirank.training.watch_evaluator import WatchEvaluator
from nirank.training.watched_lists import WatchedLists

log = logging.getLogger("nirank")

_TRAINING = 2  # the version of what turns examples into weights: checkpoints of another are passed over


@dataclass(frozen=True)
class Fitting:
    """What is trained, and how.

    base                      the model that training starts from
    query_prompt, doc_prompt  put in front of texts, as in encoding
    patience, every           where training is watched, the model is evaluated every so many steps (None: once an
                              epoch), and training stops after `patience` evaluations without gain (None: never);
                              the best evaluation's weights are the model
    held_out                  of coded texts, the share of documents by which training is watched; 0: none
    """

    kind: ModelKind
    base: ModelFiles
    recipe: Recipe
    seed: int
    query_prompt: str = ""
    doc_prompt: str = ""
    patience: int | None = None
    every: int | None = None
    held_out: float = 0.0

    def __post_init__(self) -> None:
        wrong = [
            f"training: {name} must be 1 or more, got {value}"
            for name, value in (("patience", self.patience), ("every", self.every))
            if value is not None and value < 1
        ]
        if wrong:
            raise ConfigError(*wrong)


def fit_model(
    fitting: Fitting,
    given: Examples | Groups | CodedTexts,
    watched: WatchedLists | None,
    scratch: Path,
    folder: Path,
    ctx: Context,
) -> None:
    """Train a model; write `model/`, `curve.json` and `training.json` into a folder.

    watched  what chooses the best of the evaluations; None: the last weights are the model
    scratch  where checkpoints are: a training that was killed goes on from there, and ends with the same weights

    `model/` is loaded like any model, float32 in safetensors. `curve.json` has `steps`, [step, loss, learning rate],
    and `evaluations`, [step, value]. The same seed, threads and machine give the same weights.
    Raises ConfigError, DataError or ModelError before anything is trained where loss, examples and model do not
    fit each other; ModelError, naming the step, where loss or gradient stop being finite; MissingExtra.
    """
    _check_extras(fitting.recipe)
    loss = resolve_loss(fitting.kind, fitting.recipe, coded=isinstance(given, CodedTexts))
    epochs = fitting.recipe.count_epochs(len(given)) if isinstance(given, Groups) else 1
    drawn = given.draw(epochs, fitting.seed) if isinstance(given, Groups) else given
    checkpoints = Checkpoints(scratch / _digest_training(fitting, drawn, watched))
    examples, held_out = _choose_examples(drawn, fitting, loss, ctx)
    with _keep_random_states():
        model, new_head = model_io.load_start(fitting.base, fitting.kind, fitting.seed, choose_device(ctx.device))
        new_head = new_head or fitting.recipe.head is not None or isinstance(examples, CodedTexts)
        if fitting.recipe.head_factor != 1 and not new_head:
            name = _name_model(fitting.base)
            log.warning("recipe: head_factor is for a new head, and '%s' has none; it does nothing", name)
        weigh_rows(model, examples.texts)
        _apply_recipe(model, fitting)
        if isinstance(examples, CodedTexts):
            _add_code_head(model, examples, fitting)
        setup = _set_up(model, new_head, fitting, loss, examples, held_out, epochs, watched, checkpoints, ctx)
        curve, n_steps = _train(model, fitting.kind, setup)
        n_trained = sum(parameter.numel() for group in setup.groups for parameter in group["params"])
        if fitting.recipe.lora is not None:
            _merge_lora(model)
        if isinstance(examples, CodedTexts):
            _drop_code_head(model)
        if not fitting.recipe.keep_head:
            projection.drop_head(model)
        model_io.save_model(model, folder / "model")
        model_io.save_distances(fitting.recipe, folder / "model")
    description = {
        "kind": fitting.kind,
        "base": _name_model(fitting.base),
        "identity": dict(fitting.base.identity),
        "loss": loss,
        "recipe": fitting.recipe.options(),
        "precision": fitting.recipe.precision,
        "max_length": setup.collator.reader.limit,
        "query_prompt": fitting.query_prompt,
        "doc_prompt": fitting.doc_prompt,
        "seed": fitting.seed,
        "examples": setup.batches.n,
        "steps": n_steps,
        "epochs": n_steps / len(setup.batches),
        "best_step": curve.best[0] if curve.best else None,
        "stopped_early": n_steps < setup.steps,
        "trainable_parameters": n_trained,
    }
    measure = MICRO_F1 if held_out is not None else watched.measure if watched is not None else None
    card = format_card(description, examples.counts, curve, measure)
    (folder / "model" / "README.md").write_text(card, encoding="utf-8")
    points = {"measure": measure, "steps": curve.steps, "evaluations": curve.evaluations}
    (folder / "curve.json").write_text(json.dumps(points) + "\n")
    (folder / "training.json").write_text(json.dumps(description, indent=1) + "\n")
    ctx.declare("seconds", round(checkpoints.spent, 3))  # not in a file: equal trainings have equal artifacts
    for name in ("loss", "precision", "max_length", "steps", "best_step"):
        if description[name] is not None:
            ctx.declare(name, description[name])
    ctx.count("stopped_early", int(n_steps < setup.steps))


def _set_up(
    model: Any,
    new_head: bool,
    fitting: Fitting,
    loss: Loss,
    examples: Examples | CodedTexts,
    held_out: CodedTexts | None,
    epochs: int,
    watched: WatchedLists | None,
    checkpoints: Checkpoints,
    ctx: Context,
) -> TrainerSetup:
    """Prepare batches, loss, optimiser groups and what watches a training.

    epochs  of which the examples are; 1: every epoch has all of them
    """
    recipe = fitting.recipe
    reader = model_io.make_reader(model, recipe.max_length)
    prompts = (fitting.query_prompt, fitting.doc_prompt)
    collator: Collator | CodeCollator
    evaluator: WatchEvaluator | CodeEvaluator | None = None
    apart = None
    if isinstance(examples, CodedTexts):
        collator = CodeCollator(examples, reader, fitting.doc_prompt)
        code_objective = CodeObjective(recipe, fitting.base.similarity)
        objective: Objective = code_objective
        if held_out is not None:
            evaluator = CodeEvaluator(held_out, code_objective, reader, fitting.doc_prompt)
    else:
        collator = (PairCollator if fitting.kind == "cross_encoder" else EncoderCollator)(examples, reader, prompts)
        objective = Objective(fitting.kind, loss, recipe, fitting.base.similarity)
        apart = np.column_stack((examples.queries, examples.positives)) if loss == "mnr" else None
    if watched is not None:
        evaluator = WatchEvaluator(watched, objective, reader, prompts)
    collator.count_truncated(ctx)
    sizes = collator.count_example_tokens() if recipe.buckets else None
    batches = Batches(len(examples) // epochs, recipe.batch, fitting.seed, sizes, apart, epochs)
    steps = recipe.steps or recipe.epochs * len(batches)
    checkpoint = checkpoints.find_latest()
    first_step = parse_step(checkpoint) if checkpoint else 0
    label = f"training from {_name_model(fitting.base)}"
    return TrainerSetup(
        objective,
        batches,
        collator,
        learning_rates.make_parameter_groups(model, recipe, new_head=new_head),
        recipe,
        fitting.seed,
        steps,
        iter(ctx.track(range(first_step, steps), steps - first_step, label)),
        checkpoints,
        checkpoint,
        BestWeights(checkpoints.folder),
        evaluator,
        fitting.patience,
        fitting.every,
    )


def _choose_examples(
    drawn: Examples | CodedTexts, fitting: Fitting, loss: Loss, ctx: Context
) -> tuple[Examples | CodedTexts, CodedTexts | None]:
    """Return what is trained on, and the coded texts that are held out; raise DataError where nothing is left."""
    if isinstance(drawn, CodedTexts):
        examples, held_out = drawn.split(fitting.held_out)
        if not len(examples) or (fitting.held_out and not len(held_out)):
            raise DataError(
                f"training: of {len(drawn)} coded texts {len(held_out)} are held out; there must be some of both"
            )
        return examples, held_out if fitting.held_out else None
    usable = select_usable(drawn, loss, fitting.recipe.batch)
    ctx.count("dropped_examples", len(drawn) - len(usable))
    return drawn if len(usable) == len(drawn) else drawn.select(usable), None


def _add_code_head(model: Any, coded: CodedTexts, fitting: Fitting) -> None:
    from nirank.training.code_head import add_head

    add_head(model, coded, fitting.seed, of_unit_length=fitting.base.similarity == "cosine")


def _drop_code_head(model: Any) -> None:
    from nirank.training.code_head import drop_head

    drop_head(model)


def _train(model: Any, kind: ModelKind, setup: TrainerSetup) -> tuple[TrainingCurve, int]:
    """Train, from a checkpoint where there is one, and leave the best weights in the model; return curve and steps."""
    trainer = make_trainer(kind, model, setup)
    with use_onednn(model):
        trainer.train(resume_from_checkpoint=str(setup.checkpoint) if setup.checkpoint else None)
    for _ in setup.progress:
        pass
    curve = TrainingCurve.of(trainer.state.log_history)
    if curve.best is not None:
        setup.best.load(model, curve.best[0])
    return curve, trainer.state.global_step


def _apply_recipe(model: Any, fitting: Fitting) -> None:
    """Make of a loaded model what the recipe trains."""
    recipe = fitting.recipe
    if recipe.dropout is not None:
        layers.set_dropout(model, recipe.dropout)
    layers.reinit_layers(model, recipe, fitting.seed)
    layers.freeze_layers(model, recipe)
    if recipe.gradient_checkpointing:
        if not hasattr(model[0], "auto_model"):
            raise ConfigError("recipe: gradient_checkpointing is for transformers")
        body = model[0].auto_model
        # transformers gave it another name in 5
        enable = getattr(body, "activation_checkpointing_enable", None) or body.gradient_checkpointing_enable
        enable({"use_reentrant": False})
    if recipe.lora is not None:
        from nirank.training import lora

        lora.inject_lora(model, recipe.lora, fitting.seed)
    if recipe.head is not None:  # last: nothing of it is frozen
        projection.add_head(model, recipe, fitting.seed)
    projection.check_distances(model, recipe)


def _merge_lora(model: Any) -> None:
    from nirank.training import lora

    lora.merge_lora(model)


def _name_model(base: ModelFiles) -> str:
    """Return a model's name without its place on this machine."""
    return base.name if "hub" in base.identity or base.name.startswith(("pkg:", "ngrams:")) else base.path.name


def _check_extras(recipe: Recipe) -> None:
    packages = ("accelerate", "datasets", *(("peft",) if recipe.lora is not None else ()))
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtra(f"training needs {' and '.join(missing)}: pip install 'nirank[train]'")


def _digest_training(fitting: Fitting, examples: Examples | CodedTexts, watched: WatchedLists | None) -> str:
    """Return what the weights depend on, as a digest; options that change no weight are the same training."""
    digester = Digester()
    stops: list[Any] | None = [fitting.patience, fitting.every] if watched is not None or fitting.held_out else None
    if fitting.held_out and stops is not None:
        stops = [*stops, fitting.held_out]
    recipe = fitting.recipe.options()
    digester.add(
        [
            _TRAINING,
            fitting.kind,
            dict(fitting.base.identity),
            recipe,
            fitting.seed,
            fitting.query_prompt,
            fitting.doc_prompt,
            stops,
        ]
    )
    for text in examples.texts:
        digester.add(text.as_py())
    arrays = examples.arrays
    if watched is not None:
        digester.add([watched.measure, list(watched.queries), list(watched.docs)])
        arrays += (watched.at, watched.qrels.rows, watched.qrels.query_rows, watched.qrels.grades)
    for array in arrays:
        digester.add([str(array.dtype), list(array.shape)])
        digester.add_bytes(np.ascontiguousarray(array).tobytes())
    return digester.hexdigest()


@contextmanager
def _keep_random_states() -> Iterator[None]:
    """Leave the process's random states as they were: the libraries seed them all."""
    import torch

    states = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.random.set_rng_state(states[2])
