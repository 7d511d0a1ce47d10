"""A review on the page, from a project to a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

import numpy as np

from nirank.feedback.policy import Labels, Rows
from nirank.screening.evidence import weigh_rules
from nirank.screening.exports import make_review_file
from nirank.screening.pages import ReviewPages
from nirank.screening.policies import begin_review, put_last
from nirank.screening.project import Project
from nirank.screening.question_ranking import find_blank
from nirank.screening.refitting import LabelSet, Learner, ModelState, make_learn
from nirank.screening.review_queue import QueueOrder, ReviewQueue
from nirank.screening.review_state import ReviewState
from nirank.screening.server import ScreenServer
from nirank.screening.words import collect_words, count_words, split_words, weigh_words
from nirank.stopping.rule import StoppingRule


@contextmanager
def open_server(project: Project, rules: Mapping[str, StoppingRule], port: int) -> Iterator[ScreenServer]:
    """Return a server of a review that listens already; `serve_forever` answers.

    rules  asked after decisions, by the names under which they are shown
    port   0: any that is free
    """
    records, plan = project.file.records, project.plan
    n_to_judge = len(records) - len(plan.known)
    first = ModelState(put_last(np.asarray(plan.order, dtype=np.int64), find_blank(records)), 0, {})

    def publish(model: ModelState) -> None:
        queue.set_order(QueueOrder(model.order, model.n_known))

    @cache
    def count_all_words() -> Mapping[str, int]:
        return count_words(map(collect_words, records))

    def weigh(rows: Rows, labels: Labels) -> dict[str, float]:
        included = [collect_words(records[row]) for row in rows[labels == 1]]
        return weigh_words(included, count_all_words(), len(records)) if included else {}

    learn = make_learn(
        lambda: begin_review(records, plan.policy, plan.seed, first.order, plan.question, len(plan.known)),
        weigh,
        lambda labels: weigh_rules(rules, labels, n_to_judge),
    )
    learner = Learner(learn, publish, first)
    queue = ReviewQueue(project, QueueOrder(first.order, 0), lambda state: learner.submit(_collect(state)))
    question = {word: place for place, word in enumerate(dict.fromkeys(split_words(plan.question)))}

    def export(form: str) -> bytes:
        answered = queue.read(lambda state: state.list_answers())
        return make_review_file(project, answered, learner.latest.order, form)

    with ScreenServer(ReviewPages(queue, learner, question, export), port) as server:
        learner.start()
        learner.submit(_collect(project.state))
        try:
            yield server
        finally:
            learner.stop()


def rank_open(project: Project) -> Rows:
    """Return the records that have no label, in the order in which they would be shown now."""
    plan = project.plan
    review = begin_review(
        project.file.records, plan.policy, plan.seed, np.asarray(plan.order), plan.question, len(plan.known)
    )
    return review.propose(*project.state.collect_labels()).order


def _collect(state: ReviewState) -> LabelSet:
    return LabelSet(*state.collect_labels(), state.collect_judged()[1])
