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
    from nirank.inference.encoder import Precision
    from nirank.inference.precision import Answers

S = TypeVar("S", bound=Stage)
_CHECKED = 64  # stages and devices whose answer a process keeps


def resolve_precision(one: S, device: str, answers: Callable[[S, Path, Context], Answers]) -> S:
    """Return the stage with its model's files found, and 'auto' replaced by the precision that it means on this device.

    What is loaded later must be the files that were found.

    answers  what the stage's model says to `inference.precision.SAMPLE`, given a folder to work in
    """
    from nirank.inference.models import Planned

    named: Any = one
    if not isinstance(named.model, TrainedModel):
        named = replace(named, model=Planned.of(named.model, named.revision))
    one = named
    if getattr(one, "precision", None) != "auto":
        return one
    asked = _stand_in(one)
    changed: Any = {"precision": _settle(asked, _content(asked), device, answers)}
    return replace(one, **changed)


def _content(one: Any) -> tuple[tuple[str, str], ...]:
    from nirank.inference.models import resolve

    return resolve(one.model, one.revision).content


def _stand_in(one: S) -> S:
    """Return the stage with the model that its trained model starts from, which has the same layers.

    Raises ConfigError where the start cannot do what the trained model will do.
    """
    model = getattr(one, "model", None)
    if not isinstance(model, TrainedModel):
        return one
    if one.model_kind != "bi_encoder":
        raise ConfigError(
            f"{one.name}: precision: auto is decided by trying the model, and {model.title} is yet to be trained;"
            " name float32, bfloat16 or float16"
        )
    changed: Any = {"model": model.base_name}
    return replace(one, **changed)


@lru_cache(maxsize=_CHECKED)
def _settle(
    one: Any, content: tuple[tuple[str, str], ...], device: str, answers: Callable[[Any, Path, Context], Answers]
) -> Precision:
    """Decide for a stage whose model has this content; the stage itself names a place only."""
    from nirank.inference.precision import settle

    del content

    def ask(precision: Precision) -> Answers:
        with tempfile.TemporaryDirectory(prefix="nirank-precision-") as folder:
            return answers(replace(one, precision=precision), Path(folder), Context(device=device))

    return settle(device, ask)
