"""Whole computations on workers: what is sent of one, what a worker does with it, and what it answers.

A worker writes no store. What it made it puts where the caller keeps unfinished artifacts if it sees that folder;
else it answers the files themselves.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nirank.algebra.context import Context
from nirank.base.memory import limit_memory
from nirank.base.packed_folder import PackedFolder, pack_folder
from nirank.base.work import make_sendable
from nirank.collections.text_rows import TextRows
from nirank.collections.texts import Texts
from nirank.plan.task_call import Inputs, Outcome, TaskCall, make_context
from nirank.plan.values import PlacedValue

Places = Mapping[int, PlacedValue]  # of inputs, by their number


@dataclass(frozen=True)
class SentTasks:
    """What several computations have in common.

    roles       of the inputs, in order
    inputs      those that all read
    device      for models
    max_memory  bytes that a worker may hold; None: no ceiling
    """

    call: TaskCall
    roles: tuple[str, ...]
    inputs: Places
    device: str
    max_memory: int | None


@dataclass(frozen=True)
class SentTask:
    """One of them.

    label   for people
    inputs  those that it alone reads
    folder  where the result is to lie; no path, since it is not read
    """

    label: str
    inputs: Places
    folder: str


@dataclass(frozen=True)
class Answer:
    """What became of one.

    outcome  what is said of it beside its files; None where it failed
    warnings what its stage told people
    error    that it failed with
    files    what it made, where the caller's folder is not seen here
    """

    outcome: Outcome | None = None
    warnings: tuple[str, ...] = ()
    error: Exception | None = None
    files: PackedFolder | None = None


def open_tasks(sent: SentTasks) -> Callable[[SentTask], Answer]:
    """Open what all of them read, and return the function that runs one; a worker process calls this."""
    kept: dict[TextRows, Texts] = {}  # as long as this work is open; those of one task as long as that

    def open_common(place: TextRows) -> Texts:
        return kept[place] if place in kept else kept.setdefault(place, Texts.open_rows(place))

    common = {number: place.open(open_common) for number, place in sent.inputs.items()}

    def run(task: SentTask) -> Answer:
        open_texts = cache(lambda place: kept[place] if place in kept else Texts.open_rows(place))
        values = common | {number: place.open(open_texts) for number, place in task.inputs.items()}
        inputs: dict[str, list[object]] = {}
        for number, role in enumerate(sent.roles):
            inputs.setdefault(role, []).append(values[number])
        with limit_memory(sent.max_memory):
            return _run(sent, task, inputs)

    return run


def _run(sent: SentTasks, task: SentTask, inputs: Inputs) -> Answer:
    warnings: list[str] = []
    result = Path(task.folder)
    is_seen = result.is_dir()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nirank-")))
        # A worker that died may have left something, and one that is only believed dead may still write.
        folder = result.with_name(uuid.uuid4().hex) if is_seen else scratch / "result"
        folder.mkdir()
        base = Context(device=sent.device, warn=warnings.append, scratch=scratch / "scratch")
        try:
            outcome = sent.call.run(inputs, folder, make_context(task.label, inputs, base))
            if is_seen:
                result.rmdir()
                folder.rename(result)
            return Answer(outcome, tuple(warnings), files=None if is_seen else pack_folder(folder))
        except Exception as error:
            return Answer(warnings=tuple(warnings), error=make_sendable(error))
