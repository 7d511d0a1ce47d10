"""Trainings that are killed at random moments and started again end like one that nobody disturbed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny_trainings
from tiny_trainings import RECIPE, have_equal_weights, make_examples, read_curve

from nirank.algebra.model import ModelKind
from nirank.training import checkpoints
from nirank.training.checkpoints import Checkpoints
from nirank.training.fitting import Fitting


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "watch"), [("bi_encoder", "watched"), ("cross_encoder", "alone")])
def test_a_killed_training_goes_on_and_ends_with_the_same_weights_and_curve(
    kind: ModelKind, watch: str, tmp_path: Path
) -> None:
    script = Path(__file__).with_name("killed_trainings.py")
    paths = ":".join(map(str, (script.parents[1], script.parent, script.parents[2])))
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    process = subprocess.run(
        [sys.executable, str(script), kind, str(tmp_path), watch],
        env=environment, capture_output=True, text=True, check=False, timeout=480,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr
    report = json.loads(process.stdout)
    assert report["kills"] >= 1
    assert report["equal_weights"] and report["equal_curve"]


class Killed(Exception):
    pass


def interrupt_training(monkeypatch: pytest.MonkeyPatch, how: Fitting, place: Path, after: int) -> None:
    """Train until some steps are made, with a checkpoint after every step."""
    monkeypatch.setattr(checkpoints, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoints, "_SHARE", 1e9)
    from nirank.algebra.context import Context

    def track(items: Any, total: int, what: str) -> Any:
        for at, item in enumerate(items):
            if at == after:
                raise Killed
            yield item

    with pytest.raises(Killed):
        tiny_trainings.run(how, make_examples(), place, ctx=Context(device="cpu", track=track))


@pytest.fixture(scope="module")
def how(tmp_path_factory: pytest.TempPathFactory) -> Fitting:
    return Fitting("bi_encoder", tiny_trainings.make_base("bi_encoder", tmp_path_factory.mktemp("base")), RECIPE, 1)


@pytest.fixture(scope="module")
def undisturbed(how: Fitting, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What comes out where nobody interrupts."""
    return tiny_trainings.run(how, make_examples(), tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def interrupted(how: Fitting, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training with a checkpoint after every step that ended after the eighth."""
    place = tmp_path_factory.mktemp("interrupted")
    with pytest.MonkeyPatch.context() as monkeypatch:
        interrupt_training(monkeypatch, how, place, 8)
    return place


def test_a_checkpoint_at_every_kind_of_step_is_gone_on_from(
    how: Fitting, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for after in (1, 5, 6, 7, 12, 17):  # an epoch has six steps
        interrupt_training(monkeypatch, how, tmp_path / f"{after}", after)
        assert (
            Checkpoints(next((tmp_path / f"{after}" / "scratch").iterdir())).find_latest().name == f"checkpoint-{after}"
        )  # type: ignore[union-attr]
        out = tiny_trainings.run(how, make_examples(), tmp_path / f"{after}")
        assert have_equal_weights(undisturbed, out)
        assert read_curve(undisturbed) == read_curve(out)


@pytest.mark.parametrize("damage", ["cut", "gone", "changed", "unsealed", "unfinished"])
def test_a_checkpoint_that_is_not_whole_is_passed_over(
    damage: str, how: Fitting, undisturbed: Path, interrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(interrupted / "scratch", tmp_path / "scratch")
    monkeypatch.setattr(checkpoints, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoints, "_SHARE", 1e9)
    (folder,) = (tmp_path / "scratch").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint-7", "checkpoint-8"]
    newest = folder / "checkpoint-8"
    state = newest / "trained.safetensors"
    if damage == "cut":
        state.write_bytes(state.read_bytes()[:-100])
    elif damage == "gone":
        (newest / "optimizer.pt").unlink()
    elif damage == "changed":
        state.write_bytes(state.read_bytes()[:-1] + b"\x00")
    elif damage == "unsealed":
        (newest / "nirank.json").write_text("{")
    else:
        (folder / "unfinished").mkdir()
        newest.rename(folder / "unfinished" / "checkpoint-8")
    assert Checkpoints(folder).find_latest() == folder / "checkpoint-7"
    out = tiny_trainings.run(how, make_examples(), tmp_path)
    assert have_equal_weights(undisturbed, out)
    assert read_curve(undisturbed) == read_curve(out)


def test_another_trainings_checkpoints_are_left_alone(
    how: Fitting, interrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder,) = (interrupted / "scratch").iterdir()
    before = sorted(path.name for path in folder.iterdir())
    other_trainings = [
        (replace(how, seed=2), make_examples()),
        (replace(how, recipe=replace(RECIPE, learning_rate=2e-3)), make_examples()),
        (replace(how, query_prompt="w1 "), make_examples()),
        (how, make_examples(seed=1)),
        (how, replace(make_examples(), known=make_examples().known[:-1])),
    ]
    monkeypatch.setattr(checkpoints, "SECONDS", 60.0)
    monkeypatch.setattr(checkpoints, "_SHARE", 1e9)
    for number, (fitting, data) in enumerate(other_trainings):
        shutil.copytree(interrupted / "scratch", tmp_path / f"{number}" / "scratch")
        out = tiny_trainings.run(fitting, data, tmp_path / f"{number}")
        assert len(read_curve(out)["steps"]) == 18
        assert have_equal_weights(out, tiny_trainings.run(fitting, data, tmp_path / f"{number}-alone"))
        assert sorted(path.name for path in (tmp_path / f"{number}" / "scratch" / folder.name).iterdir()) == before


def test_a_training_stopped_early_stops_there_again(
    how: Fitting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = tiny_trainings.make_watched_lists()

    class Constant(type(lists)):  # type: ignore[misc]
        def measure_scores(self, scores: Any) -> float:
            return 0.5

    constant = Constant(lists.queries, lists.docs, lists.at, lists.lists, lists.qrels, lists.measure)
    monkeypatch.setattr(checkpoints, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoints, "_SHARE", 1e9)
    patient = replace(how, patience=2, every=2)
    first = tiny_trainings.run(patient, make_examples(), tmp_path, constant)
    second = tiny_trainings.run(
        patient, make_examples(), tmp_path, constant
    )  # from the last checkpoint, which lies before the end
    assert read_curve(first) == read_curve(second)
    assert len(read_curve(first)["steps"]) == 6
    assert have_equal_weights(first, second)
