"""Checkpoints: what a training that was killed goes on from. They are transient, and no part of any artifact.

A checkpoint gets its name when it is whole: it is written beside and renamed, and holds the digest of its files, so
that what is not whole after all is passed over. Each training has a folder of its own.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nirank.base.identity import digest_files

SECONDS = 60.0  # between two checkpoints, at least
_SHARE = 0.02  # of the time that may go into writing them
_CHECKPOINTS = 2
_SEAL = "nirank.json"
_ASIDE = "unfinished"


@dataclass
class Checkpoints:
    """The checkpoints of one training, and no other, in a folder.

    seconds  of training before this attempt, as the last checkpoint knew
    """

    folder: Path
    seconds: float = 0.0
    _began: float = field(default_factory=time.perf_counter)
    _last: float = field(default_factory=time.perf_counter)
    _cost: float = 0.0

    def is_due(self) -> bool:
        """Tell whether it is time for another."""
        return time.perf_counter() - self._last >= max(SECONDS, self._cost / _SHARE)

    @property
    def spent(self) -> float:
        """Return the seconds of this training, earlier attempts included."""
        return self.seconds + time.perf_counter() - self._began

    def find_latest(self) -> Path | None:
        """Return the newest checkpoint that is whole."""
        for path in sorted(self.folder.glob("checkpoint-*"), key=parse_step, reverse=True):
            seal = _read_seal(path)
            if seal.get("files") == _digest_checkpoint(path):
                self.seconds = float(seal["seconds"])
                return path
        return None

    @contextmanager
    def write_next(self) -> Iterator[Path]:
        """Give a folder in which one checkpoint is written; then it gets its name, and old ones go."""
        start = time.perf_counter()
        aside = self.folder / _ASIDE
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        yield aside
        (written,) = aside.glob("checkpoint-*")
        seal = {"files": _digest_checkpoint(written), "seconds": self.spent}
        (written / _SEAL).write_text(json.dumps(seal))
        shutil.rmtree(self.folder / written.name, ignore_errors=True)
        written.rename(self.folder / written.name)
        aside.rmdir()
        for path in sorted(self.folder.glob("checkpoint-*"), key=parse_step)[:-_CHECKPOINTS]:
            shutil.rmtree(path, ignore_errors=True)
        self._last = time.perf_counter()
        self._cost = self._last - start


class BestWeights:
    """The best weights so far, a file for each step that was the best: `best-STEP.safetensors`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, model: Any, step: int) -> None:
        """Write the weights."""
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = self.folder / f"{_ASIDE}.safetensors"
        write_weights(model, aside)
        aside.rename(self._path(step))

    def load(self, model: Any, step: int) -> None:
        """Read the weights of a step that was the best."""
        read_weights(model, self._path(step))

    def forget(self, except_step: int | None) -> None:
        """Remove the weights of steps that are no longer the best."""
        for path in self.folder.glob("best-*.safetensors"):
            if except_step is None or path != self._path(except_step):
                path.unlink(missing_ok=True)

    def _path(self, step: int) -> Path:
        return self.folder / f"best-{step}.safetensors"


def write_weights(model: Any, path: Path) -> None:
    """Write the weights that are trained; shared ones once."""
    from safetensors.torch import save_file

    weights = {
        name: parameter.detach().contiguous() for name, parameter in model.named_parameters() if parameter.requires_grad
    }
    save_file(weights, str(path))


def read_weights(model: Any, path: Path) -> None:
    """Read what `write_weights` wrote."""
    import torch
    from safetensors.torch import load_file

    weights = load_file(str(path))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(weights.pop(name))


def parse_step(path: Path) -> int:
    """Return the step that a checkpoint's name states, -1 where it states none."""
    number = path.name.rpartition("-")[2]
    return int(number) if number.isdigit() else -1


def _read_seal(path: Path) -> dict[str, Any]:
    try:
        seal = json.loads((path / _SEAL).read_text())
    except (OSError, ValueError):
        return {}
    return seal if isinstance(seal, dict) else {}


def _digest_checkpoint(path: Path) -> str:
    return digest_files(sorted(file for file in path.iterdir() if file.name != _SEAL and file.is_file()))
