"""RayEngine: workers on a Ray cluster. One that dies, or whose node dies, is replaced, and its shard tried again."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nirank.base.packed_folder import unpack_folder
from nirank.base.work import LostShard, Work, call_opener
from nirank.engines.ray_sources import Source, describe_source, find_sources, move_sources, pack_source
from nirank.errors import ConfigError, MissingExtra, StageError

log = logging.getLogger("nirank")

_MAX_TRIES = 2  # of a shard whose worker died
_CORES_EACH = 4  # of a worker without an accelerator: what one batch of a model keeps busy
_START_S = 120.0  # for a first worker to start; a cluster without room says so
_ENVIRONMENT = ("NIRANK_", "HF_", "TRANSFORMERS_", "TOKENIZERS_")  # what workers are told of the caller's


class RayEngine:
    """Workers on a cluster, as actors; each opens work once and keeps it open until other work comes.

    address  of a running cluster ('auto', 'host:port', 'ray://host:port'); None: one is started on this machine
    workers  how many; None: one a GPU, or on clusters without GPUs one for every four cores

    A shard is taken from the caller when a worker is free for it; what comes back is handed over in the shards' order.
    Folders that work reads (models) are read where the caller has them, on a node that sees the same there; to others
    they are sent through Ray's object store. What the work names stays there as long as the worker, what a shard names
    as long as that shard.
    Raises MissingExtra without Ray, ConfigError where there is no such cluster.
    """

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        self._ray = ray = _import_ray()
        if workers is not None and workers < 1:
            raise ConfigError(f"workers must be 1 or more, got {workers}")
        self._began_here = not ray.is_initialized()
        if self._began_here:
            _connect(ray, address)
        resources = ray.cluster_resources()
        self._uses_gpus = resources.get("GPU", 0) >= 1
        self._cores = _share_cores(ray.nodes(), workers)
        n_fitting = _count_fitting(ray.nodes(), self._cores, self._uses_gpus)
        self.workers = workers if workers is not None else n_fitting
        self._pool: list[_Actor] = []
        self._sent: dict[_Described, Any] = {}  # sources in the object store

    @property
    def process_ids(self) -> Sequence[int]:
        """The workers on this machine that run now."""
        here = self._ray.get_runtime_context().get_node_id()
        return [actor.process_id for actor in self._pool if actor.process_id and actor.node == here]

    def map(self, work: Work, shards: Iterable[Any]) -> Iterator[Any]:
        """Yield what becomes of each shard, in the shards' order."""
        remaining, n_taken, n_returned = iter(shards), 0, 0
        again: deque[_Task] = deque()
        sources = _describe_sources(work.options)
        answers: dict[int, Any] = {}
        is_over = False
        try:
            while True:
                while (actor := self._find_free_actor()) is not None:
                    if again:
                        actor.start(work, again.popleft(), sources)
                        continue
                    if is_over or n_taken - n_returned >= self.workers:
                        break
                    shard = next(remaining, _NOTHING)
                    if shard is _NOTHING:
                        is_over = True
                        break
                    actor.start(work, _Task(n_taken, shard), sources)
                    n_taken += 1
                if is_over and n_returned == n_taken:
                    return
                if n_returned in answers:
                    yield answers.pop(n_returned)
                    n_returned += 1
                else:
                    self._wait(work, answers, again)
        finally:
            for actor in [actor for actor in self._pool if actor.task is not None]:
                self._remove(actor)  # the caller has lost interest in what it does

    def close(self) -> None:
        """End all workers, and the cluster or connection that was made for them."""
        for actor in list(self._pool):
            self._remove(actor)
        if self._began_here:
            self._ray.shutdown()

    def _find_free_actor(self) -> _Actor | None:
        """Return a worker that has started and is free; ask for more where there are fewer than there should be."""
        n_missing = self.workers - len(self._pool)
        if self._pool:  # later ones start one at a time, since the cluster may have lost the room for others
            n_missing = min(n_missing, int(all(actor.process_id for actor in self._pool)))
        self._pool += [_Actor(self._ray, self._cores, self._uses_gpus) for _ in range(n_missing)]
        return next((actor for actor in self._pool if actor.process_id and actor.task is None), None)

    def _wait(self, work: Work, answers: dict[int, Any], again: deque[_Task]) -> None:
        """Wait for an answer, a worker that has started, or one that has died."""
        pending = {actor.reference: actor for actor in self._pool if actor.reference is not None}
        works = any(actor.process_id for actor in self._pool)
        ready, _ = self._ray.wait(list(pending), num_returns=1, timeout=None if works else _START_S)
        if not ready:
            raise StageError(
                f"the Ray cluster has had no room for a worker of {self._cores} cores for {_START_S:.0f} s; what was"
                " finished before it is stored"
            )
        for reference in ready:
            self._read(pending[reference], work, answers, again)

    def _read(self, actor: _Actor, work: Work, answers: dict[int, Any], again: deque[_Task]) -> None:
        errors = self._ray.exceptions
        reference, actor.reference = actor.reference, None
        try:
            value = self._ray.get(reference)
        except (errors.RayActorError, errors.NodeDiedError, errors.ObjectLostError) as error:
            task = actor.task
            self._remove(actor)
            if task is None:
                log.warning("a worker died before it had started (%s); another is started", _get_cause(error))
                return
            if task.tries == _MAX_TRIES:
                raise LostShard(
                    f"two workers died ({_get_cause(error)}) on the same shard, {work.describe_shard(task.shard)}; what"
                    " was finished before it is stored",
                    task.shard,
                ) from None
            shard = work.describe_shard(task.shard)
            log.warning("a worker died (%s); %s is tried once more", _get_cause(error), shard)
            again.append(_Task(task.number, task.shard, task.tries + 1))
            return
        except errors.RayTaskError as error:
            actor.task = None
            raise (error.cause if isinstance(error.cause, Exception) else error) from None
        if actor.process_id == 0:
            actor.process_id, actor.node = value
            return
        assert actor.task is not None
        if isinstance(value, _Lacking):
            for described in value.sources:
                if described not in self._sent:
                    self._sent[described] = self._ray.put(pack_source(described[0]))
                actor.handle.unpack.remote(described, self._sent[described])
            actor.start(work, actor.task, _describe_sources(work.options))
            return
        for described in actor.task.sources.items():
            self._sent.pop(described, None)
        answers[actor.task.number], actor.task = value, None

    def _remove(self, actor: _Actor) -> None:
        self._pool.remove(actor)
        self._ray.kill(actor.handle)


_NOTHING = object()
_Described = tuple[Source, str]  # a source, and what tells it from others of its name


@dataclass
class _Task:
    number: int
    shard: Any
    tries: int = 1
    sources: Mapping[Source, str] = field(init=False)

    def __post_init__(self) -> None:
        self.sources = _describe_sources(self.shard)


class _Actor:
    """One actor, and the shard that it computes; `process_id` is 0 until it has started."""

    def __init__(self, ray: Any, cores: int, uses_gpu: bool) -> None:
        threads = {name: str(cores) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")}
        options = {"num_cpus": cores, "num_gpus": 1 if uses_gpu else 0, "max_restarts": 0}
        self.handle = ray.remote(_Worker).options(**options, runtime_env={"env_vars": threads}).remote()
        self.reference = self.handle.tell_process.remote()
        self.process_id, self.node = 0, ""
        self.task: _Task | None = None

    def start(self, work: Work, task: _Task, sources: Mapping[Source, str]) -> None:
        """Send a shard; the worker opens what is needed for it first.

        sources  what the work reads, and what tells each from others: those that the node lacks are answered instead
        """
        self.task = task
        self.reference = self.handle.work.remote(work.opener, work.options, task.shard, sources, task.sources)


@dataclass(frozen=True)
class _Lacking:
    """A worker's answer to a shard: what its node has not got."""

    sources: tuple[_Described, ...]


class _Worker:
    """What runs in an actor."""

    def __init__(self) -> None:
        self._open: Any = None
        self._function: Any = None
        self._places: dict[_Described, Path] = {}
        self._n_unpacked = 0
        self._scratch = tempfile.TemporaryDirectory(prefix="nirank-")

    def tell_process(self) -> tuple[int, str]:
        """Return the process id and the id of the node."""
        import ray

        return os.getpid(), ray.get_runtime_context().get_node_id()

    def unpack(self, described: _Described, files: Any) -> None:
        """Keep a source that was sent."""
        self._n_unpacked += 1
        place = Path(self._scratch.name) / str(self._n_unpacked)
        unpack_folder(files, place)
        self._places[described] = place

    def work(
        self,
        opener: str,
        options: tuple[Any, ...],
        shard: Any,
        sources: Mapping[Source, str],
        shard_sources: Mapping[Source, str],
    ) -> Any:
        """Return what becomes of a shard, or what it reads and is not here as the caller has it."""
        is_open = self._open == (opener, options)
        elsewhere = {} if is_open else _find_elsewhere(sources)
        shard_elsewhere = _find_elsewhere(shard_sources)
        if lacking := (elsewhere | shard_elsewhere).items() - self._places.keys():
            return _Lacking(tuple(lacking))
        if not is_open:
            self._open = None
            places = {each[0]: self._places[each] for each in elsewhere.items()}
            self._function = call_opener(opener, move_sources(options, places))
            self._open = (opener, options)
        places = {each[0]: self._places[each] for each in shard_elsewhere.items()}
        try:
            return self._function(move_sources(shard, places))
        finally:
            for described in shard_elsewhere.items() - sources.items():
                shutil.rmtree(self._places.pop(described), ignore_errors=True)


def _describe_sources(value: Any) -> dict[Source, str]:
    """Return what a value names, and what tells each from others of its name."""
    return {source: describe_source(source) for source in find_sources(value)}


def _find_elsewhere(sources: Mapping[Source, str]) -> dict[Source, str]:
    """Return the sources that this node does not see as the caller does."""
    return {source: what for source, what in sources.items() if describe_source(source) != what}


def _import_ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise MissingExtra("the Ray engine needs Ray: pip install 'nirank[ray]'") from None
    return ray


def _connect(ray: Any, address: str | None) -> None:
    """Connect to a cluster, or start one; workers import what the caller can import."""
    variables = {name: value for name, value in os.environ.items() if name.startswith(_ENVIRONMENT)}
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    options: dict[str, Any] = {"address": address} if address else {"include_dashboard": False}
    try:
        ray.init(**options, runtime_env={"env_vars": variables}, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        where = address or "a local one"
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError(f"engine: no Ray cluster could be reached ({where}): {reason}") from None


def _share_cores(nodes: Sequence[Any], workers: int | None) -> int:
    """Return how many cores a worker has: four, or what the smallest node has; more workers have fewer."""
    cores = [int(node["Resources"].get("CPU", 0)) for node in nodes if node["Alive"]]
    most = min((n for n in cores if n), default=1)
    each = min(_CORES_EACH, most)
    return each if workers is None else max(min(each, sum(cores) // workers), 1)


def _count_fitting(nodes: Sequence[Any], cores: int, uses_gpus: bool) -> int:
    """Return how many workers the cluster has room for."""
    n = 0
    for node in nodes:
        if node["Alive"]:
            n_gpus = int(node["Resources"].get("GPU", 0))
            n += n_gpus if uses_gpus else int(node["Resources"].get("CPU", 0)) // cores
    return max(n, 1)


def _get_cause(error: BaseException) -> str:
    """Return why a worker died, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
