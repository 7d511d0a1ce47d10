"""Proportional relevance of sentences: by hand, by a plain second writing, and as a stage."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import tiny_models

from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.experiment.experiment import Experiment
from nirank.inference import proportional_relevance
from nirank.inference.proportional_relevance import score_proportions
from nirank.stages.bm25 import BM25
from nirank.stages.rprs import RPRS
from nirank.store import LocalStore
from nirank.testing import check_stage

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def turn(*degrees: float) -> np.ndarray:
    """Return unit vectors at these angles."""
    return np.array([[math.cos(math.radians(d)), math.sin(math.radians(d))] for d in degrees], np.float32)


def test_by_hand() -> None:
    """The query looks at 0° and 10°; with n = 2 both find document a's 1° and 4°, and none b's 90° and 180°."""
    sentences, offsets = turn(1, 4, 40, 90, 180), np.array([0, 3, 5])
    plain = score_proportions(turn(0, 10), sentences, offsets, 2.5, n=2, k1=0.0, b=0.75)
    assert plain == pytest.approx([1.0 * 2 / 3, 0.0])
    norm = 1.2 * (0.25 + 0.75 * 3 / 2.5)
    saturated = 2 * 2.2 / (2 + norm)
    graded = score_proportions(turn(0, 10), sentences, offsets, 2.5, n=2, k1=1.2, b=0.75)
    assert graded == pytest.approx([saturated * (2 * saturated / 3), 0.0])
    one = score_proportions(turn(0, 100), sentences, offsets, 2.5, n=1, k1=0.0, b=0.0)
    assert one == pytest.approx([0.5 * 1 / 3, 0.5 * 1 / 2])


def test_nothing_finds_nothing() -> None:
    nothing, offsets = np.empty((0, 2), np.float32), np.array([0, 1, 1])
    assert score_proportions(nothing, turn(0), offsets, 1.0, n=3, k1=1.0, b=0.5).tolist() == [0, 0]
    assert score_proportions(turn(0), nothing, np.array([0, 0]), 1.0, n=3, k1=1.0, b=0.5).tolist() == [0]
    assert score_proportions(turn(0), turn(7), offsets, 1.0, n=3, k1=0.0, b=0.5).tolist() == [1, 0]


@pytest.mark.parametrize("block", [1, 256])
@pytest.mark.parametrize("n", [1, 3, 99])
def test_a_plain_second_writing(n: int, block: int) -> None:
    random = np.random.default_rng(n)
    vectors = random.standard_normal((9, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    sentences = vectors[random.integers(0, 9, 40)]  # many are equal: the first of them win
    query, offsets, k1, b = vectors[:5], np.array([0, 3, 3, 11, 40]), 1.5, 0.3
    with patch.object(proportional_relevance, "_BLOCK_ROWS", block):
        scores = score_proportions(query, sentences, offsets, 10.0, n=n, k1=k1, b=b)
    finds, found = np.zeros((5, 4)), np.zeros(40)
    for row, vector in enumerate(query):
        cosines = [float(np.float32((s.astype(np.float64) * vector).sum())) for s in sentences]
        for at in sorted(range(40), key=lambda at: (-cosines[at], at))[:n]:
            finds[row, np.searchsorted(offsets, at, side="right") - 1] += 1
            found[at] += 1
    expected = []
    for doc in range(4):
        own = slice(offsets[doc], offsets[doc + 1])
        length = offsets[doc + 1] - offsets[doc]

        def saturate(x: float, length: int = length) -> float:
            return x * (k1 + 1) / (x + k1 * (1 - b + b * length / 10)) if x else 0.0

        share = sum(map(saturate, finds[:, doc])) / 5
        expected.append(share * sum(map(saturate, found[own])) / length if length else 0.0)
    assert scores == pytest.approx(expected, rel=1e-9)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_models.make_bi_encoder(tmp_path_factory.mktemp("tiny") / "model"))


def test_the_head_is_ordered_and_the_rest_stays(model: str, tmp_path: Path) -> None:
    docs = {"a": "W1 w2 w3. W4 w5 w6.", "b": "W1 w2. W40 w41. W42 w43. W44 w45.", "c": "w1", "d": ""}
    collection = Collection.of(docs, {"q": "W1 w2 w3. W4 w5 w6.", "r": ""}, {"q": {"a": 1}})
    systems = {"first": BM25(), "all": BM25() >> RPRS(model, n=1, k1=0.0), "two": BM25() >> RPRS(model, n=1, depth=2)}
    result = Experiment(collection, systems, ["RR"], store=LocalStore(tmp_path)).run()
    assert result.ranking("all").to_dict() == {"q": {"a": 1.0, "c": 0.0, "b": 0.0}, "r": {}}
    first = list(result.ranking("first").to_dict()["q"])
    assert result.ranking("two").to_dict()["q"][first[2]] == -1.0
    assert set(list(result.ranking("two").to_dict()["q"])[:2]) == set(first[:2])


def test_it_obeys(model: str) -> None:
    check_stage(RPRS(model))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n, depth and sentences must be 1 or more, got 0, 100, 1"),
        ({"b": 1.5}, r"k1 must be 0 or more and b from 0 to 1, got 1\.2 and 1\.5"),
        ({"model": ""}, "model is empty"),
    ],
)
def test_mistakes(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RPRS(**{"model": "a", **options})
