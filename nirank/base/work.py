"""Work in shards: what a computation asks of whoever executes it."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nirank.errors import StageError


@dataclass(frozen=True)
class Work:
    """What is done to each shard.

    opener   "module:function": called with `options` once per worker, it opens what is needed (a model)
             and returns a function shard → value. Options, shards and values can be pickled
    tell     what a shard is, for a person who must find what is wrong with it
    """

    opener: str
    options: tuple[Any, ...]
    describe_shard: Callable[[Any], str]

    def open(self) -> Callable[[Any], Any]:
        """Return the function of a shard, here and now."""
        return call_opener(self.opener, self.options)


def call_opener(opener: str, options: tuple[Any, ...]) -> Callable[[Any], Any]:
    """Call the opener of that name; return its function of shards."""
    module, function = opener.split(":")
    shard_function: Callable[[Any], Any] = getattr(importlib.import_module(module), function)(*options)
    return shard_function


class LostShard(StageError):
    """No worker survived a shard, the `shard` that the caller gave."""

    def __init__(self, message: str, shard: Any) -> None:
        super().__init__(message)
        self.shard = shard


def make_sendable(error: Exception) -> Exception:
    """Return an error as it can travel between processes: itself, or its kind and message."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


class Engine(Protocol):
    """Executes work, wherever that may be; the caller keeps what comes back.

    workers      how many processes on this machine, beside the caller's
    process_ids  of those that run now
    """

    workers: int

    @property
    def process_ids(self) -> Sequence[int]: ...

    def map(self, work: Work, shards: Iterable[Any]) -> Iterator[Any]:
        """Yield what becomes of each shard, in the shards' order; takes shards as it can use them.

        Raises what the work raises, and LostShard for a shard that no worker survives.
        """
        ...

    def close(self) -> None:
        """End all workers."""
        ...
