"""Worker processes: in order, replaced when they die, and reported when they die twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirank.base.work import Work
from nirank.engines import LocalEngine
from nirank.engines.local import _Worker
from nirank.errors import ConfigError, ModelError, StageError


@pytest.fixture
def engine() -> Iterator[LocalEngine]:
    local_engine = LocalEngine(2)
    yield local_engine
    local_engine.close()
    assert not local_engine._workers


def make_work(opener: str, *options: Any) -> Work:
    return Work(f"openers:{opener}", options, lambda shard: f"shard {shard}")


def test_shards_come_back_in_their_order_and_are_taken_as_they_are_needed(engine: LocalEngine) -> None:
    taken: list[int] = []
    results = engine.map(make_work("open_square", 5), (taken.append(n) or n for n in range(10)))  # type: ignore[func-returns-value]
    assert next(results) == 5
    assert len(taken) <= 4
    assert list(results) == [n * n + 5 for n in range(1, 10)]
    assert list(engine.map(make_work("open_square", 7), [2])) == [11], "other work opens again"
    assert list(engine.map(make_work("open_square", 7), [])) == []


def test_workers_work_at_once_and_stay(engine: LocalEngine) -> None:
    first = set(engine.map(make_work("open_pid"), range(12)))
    assert len(first) == 2
    assert os.getpid() not in first
    assert set(engine.map(make_work("open_pid"), range(12))) == first


@pytest.mark.parametrize("moment", ["died", "at-opening"])
def test_a_worker_that_dies_is_replaced_and_its_shard_tried_once_more(
    moment: str, engine: LocalEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if moment == "at-opening":
        (tmp_path / "at-opening").touch()
        (tmp_path / "died").touch()
    assert list(engine.map(make_work("open_dying_once", str(tmp_path)), range(8))) == list(range(8))
    assert "a worker died (signal 9); shard" in caplog.text and "is tried once more" in caplog.text


def test_a_shard_that_no_worker_survives_is_reported_and_what_came_before_is_given(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    begin = _Worker.start_shard
    monkeypatch.setattr(_Worker, "start_shard", lambda worker, *what: sent.append(what[1]) or begin(worker, *what))
    results = engine.map(make_work("open_dying_always"), range(8))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(StageError, match=r"two workers died \(exit 7\) on the same shard, shard 3; what was finished"):
        list(results)
    assert sent.count(3) == 2, "tried once more, and no oftener"
    assert list(engine.map(make_work("open_square", 0), [3])) == [9], "the engine goes on"


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        ("model", ModelError, "not finite"),
        ("local", RuntimeError, "Local: a local one"),
        ("opening", ModelError, "no such model"),
    ],
)
def test_errors_come_through(engine: LocalEngine, kind: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        list(engine.map(make_work("open_raising", kind), range(5)))
    with pytest.raises(error, match=words):
        list(engine.map(make_work("open_raising", kind), range(2, 5)))


def test_large_shards_pass(engine: LocalEngine) -> None:
    shards = [np.full(1_000_000, n, np.float64) for n in range(4)]
    for shard, results in zip(shards, engine.map(make_work("open_doubling"), shards), strict=True):
        assert np.array_equal(results, shard * 2)


def test_a_slow_shard_is_waited_for_and_no_more_are_taken_meanwhile(engine: LocalEngine) -> None:
    taken: list[int] = []
    results = engine.map(make_work("open_slow_first"), (taken.append(n) or n for n in range(20)))  # type: ignore[func-returns-value]
    assert next(results) == 0
    assert len(taken) <= engine.workers, "answers behind it would only pile up"
    assert list(results) == list(range(1, 20))


def test_a_caller_that_stops_asking_leaves_no_work_behind(engine: LocalEngine) -> None:
    results = engine.map(make_work("open_pid"), range(100))
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert all(worker.shard is None for worker in engine._workers)


def test_no_workers_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="workers must be 1 or more, got 0"):
        LocalEngine(0)
