"""Tasks that workers run as a whole, some of which die, fail or take too much; and an engine in this process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nirank import BM25
from nirank.algebra.node import Job, Node
from nirank.algebra.sides import Sides
from nirank.algebra.stage import stage
from nirank.base.memory import measure_headroom
from nirank.base.work import Work
from nirank.errors import StageError
from nirank.stages import bm25


class InlineEngine:
    """Does all work in this process; `shards` are those that were done."""

    process_ids: Sequence[int] = ()

    def __init__(self, workers: int = 2) -> None:
        self.workers = workers
        self.shards: list[Any] = []

    def map(self, work: Work, shards: Iterable[Any]) -> Iterator[Any]:
        function = work.open()
        for shard in shards:
            self.shards.append(shard)
            yield function(shard)

    def close(self) -> None:
        pass


def make_node(task: str, rows: Node, **params: Any) -> Node:
    """Return the node of a toy task over a range of rows."""
    return Node(f"sibling_tasks:{task}", 1, params, (("texts", rows),), label=f"{task} of {rows.label}", movable=True)


def copy_ids(job: Job) -> None:
    (job.folder / "ids.txt").write_text("\n".join(job.get_input("texts").ids))
    (job.folder / "worker").mkdir()
    job.context.count("texts", len(job.get_input("texts")))
    job.context.declare("headroom", measure_headroom())
    job.context.warn(f"{job.context.stage} is done")


def fail(job: Job) -> None:
    """Fail on texts with the id that is named, in the way that is named."""
    if job.params["id"] in list(job.get_input("texts").ids):
        raise StageError("toy: no such thing") if job.params["kind"] == "stage" else ValueError("3 is odd")
    (job.folder / "done").touch()


def take_memory(job: Job) -> None:
    """Take much memory unless this is the process that is named, and some time."""
    taken = np.ones(400_000_000 if os.getpid() != job.params["except"] else 1, np.int8)
    time.sleep(0.5)
    (job.folder / "taken").write_text(str(len(taken) > 0))


def gather(job: Job) -> None:
    (job.folder / "names").write_text(" ".join(str(len(list(Path(folder).iterdir()))) for folder in job.inputs["part"]))


@stage
class DyingBM25(BM25):
    """BM25 of which one worker dies when it has written the index of the range that has the document `fatal`."""

    log: str = ""
    fatal: str = ""

    by_ranges: ClassVar[bool] = True
    name = "dying_bm25"

    def plan_index(self, sides: Sides) -> Node:
        index = super().plan_index(sides)
        params = {**index.params, "log": self.log, "fatal": self.fatal}
        return Node("sibling_tasks:build_index", 1, params, index.inputs, offline=True, label=index.label, movable=True)


def build_index(job: Job) -> None:
    """Index, note it, and die the first time that the fatal document is among the texts."""
    bm25.build_index(job)
    log, ids = Path(job.params["log"]), list(job.get_input("texts").ids)
    is_fatal = job.params["fatal"] in ids and f"{ids[0]}\n" not in (log.read_text() if log.exists() else "")
    with log.open("a") as file:
        file.write(f"{ids[0]}\n")
    if is_fatal:
        os.kill(os.getpid(), signal.SIGKILL)
