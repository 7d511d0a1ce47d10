"""The device that models run on: which one it is, and how long they compute there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from nirank.context import Context
from nirank.identity import digest
from nirank.inference.models import ModelFiles
from nirank.inference.packed import n_parameters
from nirank.memo import Rows

if TYPE_CHECKING:
    from torch import nn

T = TypeVar("T")


class Answer(NamedTuple):
    """What becomes of a shard, and the seconds that a model computed for it."""

    rows: Rows
    device_s: float


class _Clock(threading.local):
    seconds = 0.0


_clock = _Clock()


@contextmanager
def computing(device: Any) -> Iterator[None]:
    """Count the seconds of the block as the device's; an accelerator is waited for before and after.

    device  a torch.device or its name
    """
    _wait_for(device)
    began = time.perf_counter()
    try:
        yield
        _wait_for(device)
    finally:
        _clock.seconds += time.perf_counter() - began


def timed(function: Callable[[T], Rows]) -> Callable[[T], Answer]:
    """Return a function of shards that also tells how long it was `computing`, wherever it is executed."""

    def call(shard: T) -> Answer:
        before = _clock.seconds
        rows = function(shard)
        return Answer(rows, _clock.seconds - before)

    return call


def state_use(files: ModelFiles, model: nn.Module, device: Any, ctx: Context) -> None:
    """State which model runs on which device, for the row."""
    ctx.uses(digest(dict(files.identity)), n_parameters(model), _name(device))


def _name(device: Any) -> str:
    """Return a device as a row tells it: an accelerator with what it is."""
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})" if str(device).startswith("cuda") else str(device)


def _wait_for(device: Any) -> None:
    """Wait until an accelerator has done what it was given; a processor has, when a call returns."""
    import torch

    kind = str(device).split(":")[0]
    if kind == "cuda":
        torch.cuda.synchronize(device)
    elif kind == "mps":
        torch.mps.synchronize()
