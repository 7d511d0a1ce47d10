"""The model that learns beside the page: never two at once, the latest labels last, and a failure is no end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from threading import Event

import numpy as np
import pytest

from nirank.feedback.policy import Proposal
from nirank.screening.policies import TextFirstReview, put_last
from nirank.screening.refitting import LabelSet, Learner, ModelState, make_learn

FIRST = ModelState(np.arange(4), 0, {})


def make_labels(n: int) -> LabelSet:
    return LabelSet(np.arange(n), np.zeros(n, np.int8), np.zeros(n, np.int8))


@pytest.fixture
def learners() -> Iterator[list[Learner]]:
    started: list[Learner] = []
    yield started
    for learner in started:
        learner.stop()


def test_labels_that_later_ones_overtook_are_passed_over(learners: list[Learner]) -> None:
    go_on, seen, published = Event(), [], []

    def learn(labels: LabelSet) -> ModelState:
        seen.append(len(labels.rows))
        assert go_on.wait(30)
        return ModelState(np.arange(4), len(labels.rows), {})

    learners.append(learner := Learner(learn, published.append, FIRST))
    learner.start()
    learner.submit(make_labels(1))
    while not seen:
        Event().wait(0.005)
    for n in (2, 3):  # while the first is being learnt
        learner.submit(make_labels(n))
    assert learner.latest is FIRST  # what is shown meanwhile
    go_on.set()
    assert learner.wait(30)
    assert seen == [1, 3]
    assert [model.n_known for model in published] == [1, 3]


def test_a_model_that_fails_leaves_the_last_order_and_says_why(
    learners: list[Learner], caplog: pytest.LogCaptureFixture
) -> None:
    def learn(labels: LabelSet) -> ModelState:
        if len(labels.rows) == 2:
            raise MemoryError("too many terms")
        return ModelState(np.array([3, 2, 1, 0]), len(labels.rows), {"bone": 0.5})

    learners.append(learner := Learner(learn, lambda model: None, FIRST))
    learner.start()
    with caplog.at_level(logging.CRITICAL, "nirank"):
        for n, mistake, known in ((1, "", 1), (2, "MemoryError: too many terms", 1), (3, "", 3)):
            learner.submit(make_labels(n))
            assert learner.wait(30)
            assert (learner.latest.mistake, learner.latest.n_known) == (mistake, known)
            assert learner.latest.order.tolist() == [3, 2, 1, 0]
            assert learner.latest.words == {"bone": 0.5}


def test_records_without_text_come_last_and_the_policy_is_made_ready_once() -> None:
    made = []

    class Backwards:
        def propose(self, judged: np.ndarray, labels: np.ndarray) -> Proposal:
            return Proposal(np.setdiff1d(np.arange(5), judged)[::-1], 1)

    def begin() -> Backwards:
        made.append(1)
        return Backwards()

    blank = np.array([False, False, False, True, True])
    learn = make_learn(lambda: TextFirstReview(begin(), blank), lambda rows, labels: {}, lambda judged: ())
    assert learn(make_labels(0)).order.tolist() == [2, 1, 0, 4, 3]
    assert learn(make_labels(1)).order.tolist() == [2, 1, 4, 3]
    assert len(made) == 1
    assert put_last(np.array([3, 0, 4]), blank).tolist() == [0, 3, 4]
