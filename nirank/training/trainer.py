"""sentence-transformers' trainers with nirank's batches, losses, watching and checkpoints; the loop is theirs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nirank.algebra.model import ModelKind
from nirank.errors import ModelError
from nirank.training.batches import Batches
from nirank.training.checkpoints import BestWeights, Checkpoints, read_weights, write_weights
from nirank.training.code_training import CodeCollator, CodeEvaluator
from nirank.training.collators import Collator
from nirank.training.learning_rates import scale_rate
from nirank.training.objectives import Objective
from nirank.training.recipe import Recipe
from nirank.training.training_curve import EVALUATION, TrainingCurve
from nirank.training.watch_evaluator import WatchEvaluator

_WEIGHTS = "trained.safetensors"


@dataclass
class TrainerSetup:
    """What a trainer works with, beside the model.

    groups    the optimiser's
    progress  advanced by every step
    checkpoint  what training goes on from; None: it begins
    patience  evaluations without gain after which training stops; None: never
    every     steps between evaluations; None: once an epoch
    """

    objective: Objective
    batches: Batches
    collator: Collator | CodeCollator
    groups: list[dict[str, Any]]
    recipe: Recipe
    seed: int
    steps: int
    progress: Iterator[Any]
    checkpoints: Checkpoints
    checkpoint: Path | None
    best: BestWeights
    watch: WatchEvaluator | CodeEvaluator | None
    patience: int | None
    every: int | None


def make_trainer(kind: ModelKind, model: Any, setup: TrainerSetup) -> Any:
    """Return the library's trainer for this kind of model, ready to `train`."""
    import torch
    from sentence_transformers import cross_encoder, sentence_transformer, sparse_encoder
    from torch.utils.data import DataLoader
    from transformers import PrinterCallback, TrainerCallback

    trainer_classes: dict[str, tuple[Any, Any]] = {
        "bi_encoder": (
            sentence_transformer.SentenceTransformerTrainer,
            sentence_transformer.SentenceTransformerTrainingArguments,
        ),
        "cross_encoder": (cross_encoder.CrossEncoderTrainer, cross_encoder.CrossEncoderTrainingArguments),
        "sparse_encoder": (sparse_encoder.SparseEncoderTrainer, sparse_encoder.SparseEncoderTrainingArguments),
    }
    trainer_class, arguments_class = trainer_classes[kind]
    recipe = setup.recipe
    optimizer = torch.optim.AdamW(setup.groups, eps=1e-6, fused=model.device.type in ("cpu", "cuda"))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: scale_rate(step, setup.steps, recipe.warmup))

    class Trainer(trainer_class):  # type: ignore[misc, valid-type]
        control: Any

        def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
            pass  # the card is ours

        def get_train_dataloader(self) -> Any:
            rows = range(setup.batches.n * setup.batches.epochs)
            return self.accelerator.prepare(DataLoader(rows, batch_sampler=setup.batches, collate_fn=setup.collator))

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            loss = setup.objective(model, inputs)
            return (loss, {}) if return_outputs else loss

        def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
            if "loss" in logs:
                step = self.state.global_step
                logs["learning_rate"] = recipe.learning_rate * scale_rate(step - 1, setup.steps, recipe.warmup)
                wrong = [name for name in ("loss", "grad_norm") if not math.isfinite(logs.get(name, 0.0))]
                if wrong:
                    what = {"loss": "the loss", "grad_norm": "the gradient's norm"}[wrong[0]]
                    raise ModelError(
                        f"training: {what} is {logs[wrong[0]]} at step {step} of {setup.steps}; a lower learning rate,"
                        " a longer warm-up or float32 may help"
                    )
                next(setup.progress, None)
            super().log(logs, start_time)

        def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
            assert setup.watch is not None
            value, step = setup.watch.value(self.model), self.state.global_step
            self.log({EVALUATION: value})
            curve = TrainingCurve.of(self.state.log_history)
            if curve.best == (step, value):
                setup.best.keep(self.model, step)
            if setup.patience is not None and curve.evaluations_since_best >= setup.patience:
                self.control.should_training_stop = True
            metrics = {EVALUATION: value}
            self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
            return metrics

        def _save_checkpoint(self, model: Any, trial: Any) -> None:
            if self.control.should_training_stop:
                return  # the model itself is written next
            with setup.checkpoints.write_next() as folder:
                self.args.output_dir = str(folder)
                super()._save_checkpoint(model, trial)
            best = TrainingCurve.of(self.state.log_history).best
            setup.best.forget(best[0] if best else None)

        def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
            folder = Path(output_dir or self.args.output_dir)
            folder.mkdir(parents=True, exist_ok=True)
            write_weights(self.model, folder / _WEIGHTS)

        def _load_from_checkpoint(self, checkpoint_path: str) -> None:
            read_weights(self.model, Path(checkpoint_path) / _WEIGHTS)

    class Steering(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            every = setup.every or len(setup.batches)
            if setup.watch is not None and (state.global_step % every == 0 or state.global_step == setup.steps):
                control.should_evaluate = True
            control.should_save = setup.checkpoints.is_due()

    arguments = arguments_class(
        output_dir=str(setup.checkpoints.folder),
        per_device_train_batch_size=recipe.batch,
        num_train_epochs=recipe.epochs,
        max_steps=setup.steps,
        max_grad_norm=recipe.clip,
        seed=setup.seed,
        use_cpu=model.device.type == "cpu",
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # several would each be given a part of a batch, and miss its negatives
    trainer = Trainer(
        model=model,
        args=arguments,
        loss=torch.nn.Identity(),
        data_collator=setup.collator,
        callbacks=[Steering()],
        optimizers=(optimizer, schedule),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer
