"""Fit: train a model on examples, watched by held-out queries, and leave it behind as any other model."""

from __future__ import annotations

import importlib.util
import json
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.base.identity import Digester
from nirank.errors import ConfigError, MissingExtra
from nirank.inference.encoder import chosen_device
from nirank.inference.models import ModelFiles
from nirank.training import layers, learning_rates, model_io, projection
from nirank.training.batches import Batches
from nirank.training.checkpoints import BestWeights, Checkpoints
from nirank.training.collators import EncoderCollator, PairCollator
from nirank.training.examples import Examples
from nirank.training.linear_products import use_onednn
from nirank.training.model_card import format_card
from nirank.training.objectives import Objective, resolve_loss, select_usable
from nirank.training.recipe import Kind, Recipe
from nirank.training.tokens import TokenReader
from nirank.training.trainer import TrainerSetup, make_trainer
from nirank.training.training_curve import TrainingCurve
from nirank.training.watch_evaluator import WatchEvaluator
from nirank.training.watched_lists import WatchedLists

log = logging.getLogger("nirank")

_TRAINING = 1  # the version of what turns examples into weights: checkpoints of another are passed over


@dataclass(frozen=True)
class Fitting:
    """What is trained, and how.

    base                      the model that training starts from
    query_prompt, doc_prompt  put in front of texts, as in encoding
    patience, every           where training is watched, the model is evaluated every so many steps (None: once an
                              epoch), and training stops after `patience` evaluations without gain (None: never);
                              the best evaluation's weights are the model
    """

    kind: Kind
    base: ModelFiles
    recipe: Recipe
    seed: int
    query_prompt: str = ""
    doc_prompt: str = ""
    patience: int | None = None
    every: int | None = None

    def __post_init__(self) -> None:
        wrong = [
            f"training: {name} must be 1 or more, got {value}"
            for name, value in (("patience", self.patience), ("every", self.every))
            if value is not None and value < 1
        ]
        if wrong:
            raise ConfigError(*wrong)


def fit_model(
    how: Fitting, examples: Examples, watched: WatchedLists | None, scratch: Path, folder: Path, ctx: Context
) -> None:
    """Train a model; write `model/`, `curve.json` and `training.json` into a folder.

    watched  what chooses the best of the evaluations; None: the last weights are the model
    scratch  where checkpoints are: a training that was killed goes on from there, and ends with the same weights

    `model/` is loaded like any model, float32 in safetensors. `curve.json` has `steps`, [step, loss, learning rate],
    and `evaluations`, [step, value]. The same seed, threads and machine give the same weights.
    Raises ConfigError, DataError or ModelError before anything is trained where loss, examples and model do not
    fit each other; ModelError, naming the step, where loss or gradient stop being finite; MissingExtra.
    """
    _check_extras(how.recipe)
    loss = resolve_loss(how.kind, how.recipe)
    used = select_usable(examples, loss, how.recipe.batch)
    ctx.count("dropped_examples", len(examples) - len(used))
    key = _digest_training(how, examples, watched)
    examples = examples if len(used) == len(examples) else _select_examples(examples, used)
    with _keep_random_states():
        model, headed = model_io.load_start(how.base, how.kind, how.seed, chosen_device(ctx.device))
        if how.recipe.head_factor != 1 and not headed:
            name = _name_model(how.base)
            log.warning("recipe: head_factor is for a new head, and '%s' has none; it does nothing", name)
        _apply_recipe(model, how)
        reader = TokenReader(model.tokenizer, model_io.limit_length(model, how.recipe.max_length))
        prompts = (how.query_prompt, how.doc_prompt)
        pairs = how.kind == "cross_encoder"
        collator = (PairCollator if pairs else EncoderCollator)(examples, reader, prompts)
        collator.count_truncated(ctx)
        objective = Objective(how.kind, loss, how.recipe, how.base.similarity)
        apart = np.column_stack((examples.queries, examples.positives)) if loss == "mnr" else None
        sizes = collator.count_example_tokens() if how.recipe.buckets else None
        batches = Batches(len(examples), how.recipe.batch, how.seed, sizes, apart)
        steps = how.recipe.steps or how.recipe.epochs * len(batches)
        groups = learning_rates.make_parameter_groups(model, how.recipe, new_head=headed)
        kept = Checkpoints(scratch / key)
        resumed = kept.find_latest()
        made = int(resumed.name.rpartition("-")[2]) if resumed else 0
        work = TrainerSetup(
            objective,
            batches,
            collator,
            groups,
            how.recipe,
            how.seed,
            steps,
            iter(ctx.track(range(made, steps), steps - made, f"training from {_name_model(how.base)}")),
            kept,
            BestWeights(kept.folder),
            WatchEvaluator(watched, objective, reader, prompts) if watched is not None else None,
            how.patience,
            how.every,
        )
        trained = make_trainer(how.kind, model, work)
        with use_onednn(model):
            trained.train(resume_from_checkpoint=str(resumed) if resumed else None)
        for _ in work.done:
            pass
        curve = TrainingCurve.of(trained.state.log_history)
        if curve.best is not None:
            work.best.load(model, curve.best[0])
        n_trained = sum(one.numel() for group in groups for one in group["params"])
        if how.recipe.lora is not None:
            _merge(model)
        done = trained.state.global_step
        said = {
            "kind": how.kind,
            "base": _name_model(how.base),
            "identity": dict(how.base.identity),
            "loss": loss,
            "recipe": how.recipe.options(),
            "precision": how.recipe.precision,
            "max_length": reader.limit,
            "query_prompt": how.query_prompt,
            "doc_prompt": how.doc_prompt,
            "seed": how.seed,
            "examples": len(examples),
            "steps": done,
            "epochs": done / len(batches),
            "best_step": curve.best[0] if curve.best else None,
            "stopped_early": done < steps,
            "trainable_parameters": n_trained,
        }
        model_io.save_model(model, folder / "model")
    measure = watched.measure if watched is not None else None
    (folder / "model" / "README.md").write_text(format_card(said, examples.counts, curve, measure), encoding="utf-8")
    points = {"measure": measure, "steps": curve.steps, "evaluations": curve.evaluations}
    (folder / "curve.json").write_text(json.dumps(points) + "\n")
    (folder / "training.json").write_text(json.dumps(said, indent=1) + "\n")
    ctx.declare("seconds", round(kept.spent, 3))  # not in a file: equal trainings have equal artifacts
    for name in ("loss", "precision", "max_length", "steps", "best_step"):
        if said[name] is not None:
            ctx.declare(name, said[name])
    ctx.count("stopped_early", int(done < steps))


def _apply_recipe(model: Any, how: Fitting) -> None:
    """Make of a loaded model what the recipe trains."""
    recipe = how.recipe
    if recipe.head is not None:
        projection.add_head(model, recipe.head, how.seed)
    projection.check_distances(model, recipe)
    if recipe.dropout is not None:
        layers.set_dropout(model, recipe.dropout)
    layers.reinit_layers(model, recipe, how.seed)
    layers.freeze_layers(model, recipe)
    if recipe.gradient_checkpointing:
        body = model[0].auto_model
        # transformers gave it another name in 5
        enable = getattr(body, "activation_checkpointing_enable", None) or body.gradient_checkpointing_enable
        enable({"use_reentrant": False})
    if recipe.lora is not None:
        from nirank.training import lora

        lora.inject_lora(model, recipe.lora, how.seed)


def _merge(model: Any) -> None:
    from nirank.training import lora

    lora.merge_lora(model)


def _name_model(base: ModelFiles) -> str:
    """Return a model's name without its place on this machine."""
    return base.name if "hub" in base.identity or base.name.startswith("pkg:") else base.path.name


def _check_extras(recipe: Recipe) -> None:
    wanted = ("accelerate", "datasets", *(("peft",) if recipe.lora is not None else ()))
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtra(f"training needs {' and '.join(missing)}: pip install 'nirank[train]'")


def _select_examples(examples: Examples, rows: NDArray[np.int64]) -> Examples:
    """Return some of the examples; texts stay as they are."""
    starts, ends = examples.offsets[rows], examples.offsets[rows + 1]
    spans = [slice(a, b) for a, b in zip(starts, ends, strict=True)]
    lists = [slice(a + row, b + row + 1) for a, b, row in zip(starts, ends, rows, strict=True)]
    return replace(
        examples,
        queries=examples.queries[rows],
        positives=examples.positives[rows],
        offsets=np.concatenate(([0], np.cumsum(ends - starts))),
        negatives=np.concatenate([examples.negatives[span] for span in spans]),
        scores=None if examples.scores is None else np.concatenate([examples.scores[span] for span in lists]),
        query_ids=[examples.query_ids[row] for row in rows],
        positive_ids=[examples.positive_ids[row] for row in rows],
    )


def _digest_training(how: Fitting, examples: Examples, watched: WatchedLists | None) -> str:
    """Return what the weights depend on, as a digest; options that change no weight are the same training."""
    whole = Digester()
    stops = [how.patience, how.every] if watched is not None else None
    recipe = how.recipe.options()
    whole.add([_TRAINING, how.kind, dict(how.base.identity), recipe, how.seed, how.query_prompt, how.doc_prompt, stops])
    for text in examples.texts:
        whole.add(text.as_py())
    scores = np.empty(0, np.float32) if examples.scores is None else examples.scores
    lists = (examples.queries, examples.positives, examples.offsets, examples.negatives, examples.known)
    arrays: tuple[NDArray[Any], ...] = (*lists, scores)
    if watched is not None:
        whole.add([watched.measure, list(watched.queries), list(watched.docs)])
        arrays += (watched.at, watched.qrels.rows, watched.qrels.query_rows, watched.qrels.grades)
    for array in arrays:
        whole.add([str(array.dtype), list(array.shape)])
        whole.add_bytes(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()


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
