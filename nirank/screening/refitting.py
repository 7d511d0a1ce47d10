"""The model learns beside the page: a new order after decisions, while the next record is shown from the last one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition, Thread

from nirank.feedback.policy import Labels, Review, Rows
from nirank.screening.evidence import RuleAnswer

log = logging.getLogger("nirank")


@dataclass(frozen=True)
class LabelSet:
    """What is to be learnt from: labels as a review asks for them, and those of its own judging."""

    rows: Rows
    labels: Labels
    judged: Labels


@dataclass(frozen=True)
class ModelState:
    """What was learnt of label sets.

    order     rows, best first
    n_known   how many labels it was learnt from
    words     that mark included records, with weights
    evidence  what stopping rules say after `n_judged` records
    mistake   why there is no newer order, "" where there is
    """

    order: Rows
    n_known: int
    words: dict[str, float]
    evidence: Sequence[RuleAnswer] = ()
    n_judged: int = 0
    mistake: str = ""


class Learner:
    """A thread that learns the latest label set, one at a time; those that a later one overtook are passed over."""

    def __init__(
        self, learn: Callable[[LabelSet], ModelState], publish: Callable[[ModelState], None], first: ModelState
    ) -> None:
        self._learn, self._publish = learn, publish
        self._latest: ModelState = first
        self._label_set: LabelSet | None = None
        self._is_busy = self._is_over = False
        self._changed = Condition()
        self._thread = Thread(target=self._run, name="learner", daemon=True)

    @property
    def latest(self) -> ModelState:
        """What was learnt last."""
        return self._latest

    def start(self) -> None:
        """Begin to learn."""
        self._thread.start()

    def submit(self, label_set: LabelSet) -> None:
        """Learn this as soon as what is being learnt is done."""
        with self._changed:
            self._label_set = label_set
            self._changed.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until everything submitted is learnt; False where that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._label_set is None and not self._is_busy, timeout)

    def stop(self) -> None:
        """Learn nothing more, and wait for the thread."""
        with self._changed:
            self._is_over, self._label_set = True, None
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._label_set is not None or self._is_over)
                if self._is_over or self._label_set is None:
                    return
                label_set, self._label_set, self._is_busy = self._label_set, None, True
            learnt = self._try(label_set)
            self._latest = learnt
            self._publish(learnt)
            with self._changed:
                self._is_busy = False
                self._changed.notify_all()

    def _try(self, label_set: LabelSet) -> ModelState:
        try:
            return self._learn(label_set)
        except Exception as error:  # a review goes on in the last order, and the page says so
            log.warning("the order stays as it is: %s", error, exc_info=True)
            last = self._latest
            mistake = f"{type(error).__name__}: {error}"
            return ModelState(last.order, last.n_known, last.words, last.evidence, last.n_judged, mistake)


def make_learn(
    review: Callable[[], Review],
    weigh_words: Callable[[Rows, Labels], dict[str, float]],
    weigh_rules: Callable[[Labels], Sequence[RuleAnswer]],
) -> Callable[[LabelSet], ModelState]:
    """Return what the thread does with a label set.

    review  makes the review's policy ready, once, in the thread: features of many records take a while
    """
    ready: list[Review] = []

    def learn(label_set: LabelSet) -> ModelState:
        if not ready:
            ready.append(review())
        proposal = ready[0].propose(label_set.rows, label_set.labels)
        return ModelState(
            proposal.order,
            len(label_set.rows),
            weigh_words(label_set.rows, label_set.labels),
            weigh_rules(label_set.judged),
            len(label_set.judged),
        )

    return learn
