"""What stages that offer precision 'auto' have in common."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nirank.algebra.context import Context
from nirank.algebra.model import TrainedModel
from nirank.algebra.stage import Stage
from nirank.errors import ConfigError

if TYPE_CHECKING:
    from nirank.inference.agreement import Answers
    from nirank.inference.encoder import Precision

S = TypeVar("S", bound=Stage)
_CHECKED = 64  # stages and devices whose answer a process keeps


def resolve_precision(stage: S, device: str, answer_sample: Callable[[S, Path, Context], Answers]) -> S:
    """Return the stage with its model's files found, and 'auto' replaced by the precision that it means on this device.

    What is loaded later must be the files that were found.

    answer_sample  what the stage's model says to `inference.precision.SAMPLE`, given a folder to work in
    """
    from nirank.inference.models import PlannedName

    planned: Any = stage
    if not isinstance(planned.model, TrainedModel):
        planned = replace(planned, model=PlannedName.of(planned.model, planned.revision))
    stage = planned
    precision = getattr(stage, "precision", None)
    if precision == "int8":
        _check_int8(stage, device)
    if precision != "auto":
        return stage
    stand_in = _replace_by_base(stage)
    changed: Any = {"precision": _choose_precision(stand_in, _read_content(stand_in), device, answer_sample)}
    return replace(stage, **changed)


def _check_int8(stage: Stage, device: str) -> None:
    """Raise ConfigError where this device has no int8."""
    from nirank.inference.encoder import choose_device
    from nirank.inference.quantised_layers import explain_no_int8

    if reason := explain_no_int8(choose_device(device)):
        raise ConfigError(f"{stage.name}: {reason}")


def _read_content(stage: Any) -> tuple[tuple[str, str], ...]:
    from nirank.inference.models import resolve_model

    return resolve_model(stage.model, stage.revision).content


def _replace_by_base(stage: S) -> S:
    """Return the stage with the model that its trained model starts from, which has the same layers.

    Raises ConfigError where the start cannot do what the trained model will do.
    """
    model = getattr(stage, "model", None)
    if not isinstance(model, TrainedModel):
        return stage
    if stage.model_kind != "bi_encoder":
        raise ConfigError(
            f"{stage.name}: precision: auto is decided by trying the model, and {model.title} is yet to be trained;"
            " name float32, bfloat16 or float16"
        )
    changed: Any = {"model": model.base_name}
    return replace(stage, **changed)


@lru_cache(maxsize=_CHECKED)
def _choose_precision(
    stage: Any,
    content: tuple[tuple[str, str], ...],
    device: str,
    answer_sample: Callable[[Any, Path, Context], Answers],
) -> Precision:
    """Decide for a stage whose model has this content; the stage itself names a place only."""
    from nirank.inference.precision import choose_precision

    del content

    def ask(precision: Precision) -> Answers:
        with tempfile.TemporaryDirectory(prefix="nirank-precision-") as folder:
            return answer_sample(replace(stage, precision=precision), Path(folder), Context(device=device))

    return choose_precision(device, ask)
