"""The walk over values: every part is visited once, outer values first, and what stays equal is kept."""

from __future__ import annotations

from typing import Any

import pytest

from nirank import BM25, Dense, Mined, Train, TrainingSet, Windows, fold, rrf, tune, within
from nirank.algebra.judged import Judged
from nirank.algebra.model import TrainedModel
from nirank.algebra.pipeline import Pipeline
from nirank.algebra.walk import children, transform, walk
from nirank.stages.first_words import FirstWords
from nirank.stages.only import Only

ON = Judged(split="dev")
TRAINED = Train("base", TrainingSet(ON, Mined(BM25(b=0.1) % 20)))
CASES = [
    BM25() >> Dense("m") % 10,
    rrf(BM25(), Dense(TRAINED)),
    within(Only(("a",)), BM25()),
    fold(Windows(9), BM25(), keep="sum", top=2),
    FirstWords(2) >> FirstWords(1),
    tune([BM25(), BM25(k1=0.1)], on=ON),
]


@pytest.mark.parametrize("pipeline", CASES, ids=repr)
def test_a_value_is_made_of_its_children(pipeline: Pipeline) -> None:
    assert transform(pipeline, lambda value: value) is pipeline, "nothing changes, so it is the same value"
    visited = list(walk(pipeline))
    assert visited[0] is pipeline
    assert len(visited) == 1 + sum(len(list(walk(part))) for part in children(pipeline))


def test_a_walk_reaches_stages_inside_trained_models_unless_they_are_closed() -> None:
    dense = Dense(TRAINED)
    assert BM25(b=0.1) in list(walk(dense))
    assert BM25(b=0.1) not in list(walk(dense, TrainedModel)) and TRAINED in list(walk(dense, TrainedModel))


def test_what_is_changed_inside_makes_everything_around_it_anew() -> None:
    def widen(value: Any) -> Any:
        return BM25(b=0.9) if value == BM25(b=0.1) else value

    changed = transform(rrf(Dense(TRAINED), BM25()), widen)
    assert changed == rrf(Dense(Train("base", TrainingSet(ON, Mined(BM25(b=0.9) % 20)))), BM25())
    assert transform(Dense(TRAINED), widen, TrainedModel) == Dense(TRAINED)
