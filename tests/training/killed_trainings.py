"""Trainings that are killed at random moments and started again; run as a script, which prints what became of them.

Each training is a process of its own, forked: to import torch and its libraries anew for each would take longer than the training.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import tiny_trainings
from tiny_trainings import have_equal_weights, read_curve

from nirank.algebra.model import ModelKind


def main(kind: ModelKind, folder: str, watch: str) -> None:
    import sentence_transformers.cross_encoder  # noqa: F401
    import transformers.models.bert.modeling_bert  # noqa: F401

    place, whole, base = (Path(folder) / name for name in ("killed", "whole", "base"))
    finish(fork(lambda: tiny_trainings.make_base(kind, base)))  # no thread may run in the process that is forked

    def start(place: Path) -> int:
        return fork(lambda: tiny_trainings.main(kind, str(base / "model"), str(place), "0.02", watch))

    finish(start(whole))
    chance = random.Random(kind)
    kills, went_on = 0, 0
    while kills < 2:
        before = list_checkpoints(place)
        child = start(place)
        if not kill_after_a_checkpoint(child, place, before, chance):
            break
        kills += 1
        went_on += bool(before)
    finish(start(place))
    report = {
        "kills": kills,
        "went_on": went_on,
        "equal_weights": have_equal_weights(whole / "out", place / "out"),
        "equal_curve": read_curve(whole / "out") == read_curve(place / "out"),
    }
    sys.stdout.write(json.dumps(report) + "\n")


def fork(work: Callable[[], object]) -> int:
    """Do some work in another process."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def finish(child: int) -> None:
    _, status = os.waitpid(child, 0)
    assert status == 0, status


def list_checkpoints(place: Path) -> set[str]:
    return {path.name for path in place.glob("scratch/*/checkpoint-*")}


def kill_after_a_checkpoint(child: int, place: Path, before: set[str], chance: random.Random) -> bool:
    """Let a training get somewhere, then kill it at any moment; return whether it was alive."""
    ended = 0
    while not ended:
        if list_checkpoints(place) - before:
            time.sleep(chance.uniform(0, 0.15))
            os.kill(child, signal.SIGKILL)
            break
        time.sleep(0.005)
        ended, status = os.waitpid(child, os.WNOHANG)
    if not ended:
        _, status = os.waitpid(child, 0)
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0, status
    return os.WIFSIGNALED(status)


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
