"""The device that models run on: which one it is, and how long they compute there."""

from __future__ import annotations

import json
import math
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from nirank.algebra.context import Context
from nirank.base.identity import digest
from nirank.base.loading import count_loading
from nirank.base.memo import Rows
from nirank.base.memory import MIB, WORKER_BYTES, MemoryNeed, estimate_library_memory, release_memory
from nirank.inference.gguf import find_converted
from nirank.inference.models import ModelFiles
from nirank.inference.ngram_models import count_drawn_numbers
from nirank.inference.packed_layers import count_parameters
from nirank.inference.quantised_layers import count_quantised

if TYPE_CHECKING:
    from torch import nn

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_MAX_LOADED = 2  # models of a kind that stay in memory
_WORK_BYTES = 64 * MIB  # texts and tokens of a shard, and the least batch
_BYTES = {"float32": 4, "int8": 7}  # of a number of a model; int8 is made of float32, and may turn out to be bfloat16
_loaders: list[Any] = []


class ShardResult(NamedTuple):
    """The rows of a shard, and the seconds that a model computed them."""

    rows: Rows
    device_s: float


class _Clock(threading.local):
    seconds = 0.0


_clock = _Clock()


@contextmanager
def count_device_seconds(device: Any) -> Iterator[None]:
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


def measure_shards(function: Callable[[T], Rows]) -> Callable[[T], ShardResult]:
    """Return a function of shards that also tells how long it was `computing`, wherever it is executed."""

    def call(shard: T) -> ShardResult:
        before = _clock.seconds
        rows = function(shard)
        return ShardResult(rows, _clock.seconds - before)

    return call


def cache_models(function: F) -> F:
    """Make a function that loads models keep the last two, until memory is short."""
    cached = lru_cache(maxsize=_MAX_LOADED)(function)
    _loaders.append(cached)

    @wraps(cached)
    def load(*options: Any) -> Any:
        with count_loading():
            return cached(*options)

    return load  # type: ignore[return-value]


def forget_models() -> None:
    """Release all loaded models; they are loaded again when they are needed."""
    for load in _loaders:
        load.cache_clear()
    release_memory()


def estimate_model_memory(files: ModelFiles, precision: str) -> MemoryNeed:
    """Return the main memory that a model needs where it runs, its libraries with it."""
    size = _BYTES.get(precision, 2) * _count_stored_numbers(files) + _WORK_BYTES
    return MemoryNeed(estimate_library_memory("torch") + size, WORKER_BYTES + 400 * MIB + size)


def estimate_training_memory(files: ModelFiles) -> MemoryNeed:
    """Return the main memory that training a model needs at the least: weights, gradients, the optimiser's two means.

    What a batch needs comes on top; a smaller batch would be another training.
    """
    return MemoryNeed(estimate_library_memory("torch") + 4 * 4 * _count_stored_numbers(files) + _WORK_BYTES)


def _count_stored_numbers(files: ModelFiles) -> int:
    """Return how many numbers a model's files hold, without loading it; a file that cannot be read has its bytes."""
    folder = files.path
    if folder.is_file():  # of GGUF, whose numbers have four bits or more
        folder = find_converted(files.identity["files"])
        if not folder.is_dir():
            return 2 * files.path.stat().st_size
    n = count_drawn_numbers(folder)
    for path in folder.rglob("*.safetensors"):
        try:
            with path.open("rb") as file:
                (length,) = struct.unpack("<Q", file.read(8))
                header = json.loads(file.read(min(length, path.stat().st_size)))
            n += sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
            n += path.stat().st_size  # loading it will say what is wrong
    return n


def read_hidden_size(files: ModelFiles) -> int:
    """Return the length of a model's token vectors; 1024 where its configuration does not say."""
    config = files.read_config("config.json") or files.read_config("0_Transformer/config.json")
    return int(config.get("hidden_size") or config.get("dim") or config.get("d_model") or 1024)


def record_model_use(files: ModelFiles, model: nn.Module, device: Any, ctx: Context) -> None:
    """State which model runs on which device, for the row, and of which commit it is."""
    if files.commit is not None:
        ctx.declare("commit", files.commit)
    quantised, products = count_quantised(model)
    if quantised:
        ctx.declare("int8_products", f"{quantised} of {products}")
    ctx.record_model(digest(dict(files.identity)), count_parameters(model), _describe_device(device))


def _describe_device(device: Any) -> str:
    """Return a device as a row shows it: an accelerator with its name."""
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
