"""Active learning: a classifier, fitted on what is judged, says what to judge next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from nirank.base.values import fit_fields
from nirank.errors import ConfigError
from nirank.feedback.balance import resample_double
from nirank.feedback.batches import Batches
from nirank.feedback.classifiers import Classifier
from nirank.feedback.features import TermFeatures
from nirank.feedback.policy import Features, Fit, Labels, Proposal, Rows, Scores
from nirank.feedback.queries import QueryStrategy, order_documents
from nirank.feedback.sequence import JudgedBatches, order_initially


@dataclass(frozen=True)
class ActiveLearning:
    """Fit a classifier on the judged documents after every batch, and judge what it ranks first. ASReview's ELAS u4.

    Until a relevant and another document are known, documents are judged in the initial order.

    terms       what makes features of texts
    classifier  by its name in scikit-learn
    balance     how much the relevant documents weigh together, of the others' weight; 'double': ASReview v1's
                resampling; None: every document weighs the same
    query       which documents come next: 'max', 'uncertainty', 'random', 'max_random', 'max_uncertainty'
    batches     how many documents are judged between two fits
    presumed    so many documents that nobody has judged, drawn anew for each fit, are taken as not relevant for it
    topic       whether the topic's own text is taken as a relevant document
    """

    terms: TermFeatures = field(default_factory=TermFeatures)
    classifier: Classifier = field(default_factory=lambda: Classifier("LinearSVC", {"C": 0.11}))
    balance: float | Literal["double"] | None = 9.8
    query: QueryStrategy = "max"
    batches: Batches = field(default_factory=Batches)
    presumed: int = 0
    topic: bool = False

    def __post_init__(self) -> None:
        fit_fields(self, "active learning")
        if isinstance(self.balance, float) and self.balance <= 0:
            raise ConfigError(f"balance must be above 0, 'double' or null, got {self.balance}")
        if self.presumed < 0:
            raise ConfigError(f"presumed must be 0 or more, got {self.presumed}")

    @property
    def draws(self) -> bool:
        """Tell whether another seed can give another order."""
        return bool(self.presumed) or self.balance == "double" or "random" in self.query or self.classifier.draws

    def begin(
        self,
        features: Features,
        seed: int,
        initial: Rows | None = None,
        *,
        topic: Features | None = None,
        priors: int = 0,
    ) -> ActiveLearningReview:
        rows = order_initially(initial, features.shape[0])
        return ActiveLearningReview(self, features, seed, rows, topic if self.topic else None, priors)


@dataclass(frozen=True)
class AutoTAR(ActiveLearning):
    """AutoTAR, the baseline of TREC's Total Recall track (BMI).

    A logistic regression on TF-IDF, fitted on the topic's text as a relevant document, on all judged documents, and on
    100 others taken as not relevant; batches of 1, 2, 3, … 10, 11, 13, … documents.

    Cormack and Grossman, arXiv 1504.06868.
    """

    terms: TermFeatures = field(
        default_factory=lambda: TermFeatures(ngrams=(1, 1), sublinear=False, min_df=2, max_df=1.0, stop_words="english")
    )
    classifier: Classifier = field(
        default_factory=lambda: Classifier("LogisticRegression", {"C": 1.0, "max_iter": 1000})
    )
    balance: float | Literal["double"] | None = None
    batches: Batches = field(default_factory=lambda: Batches(1, 0.1))
    presumed: int = 100
    topic: bool = True


class ActiveLearningReview:
    """One topic under active learning.

    initial  all documents, in the order in which they are judged while there is no model
    topic    the topic's text as a relevant document; None: it is none
    """

    def __init__(
        self,
        policy: ActiveLearning,
        features: Features,
        seed: int,
        initial: Rows,
        topic: Features | None,
        priors: int,
    ) -> None:
        self.policy, self.seed, self.initial = policy, seed, initial
        self._n, self._has_topic = features.shape[0], topic is not None
        self._model = policy.classifier.open(_append(features, topic), resampled=policy.balance == "double")
        self._batches = JudgedBatches(policy.batches, priors)

    def propose(self, judged: Rows, labels: Labels) -> Proposal:
        return self._batches.propose(judged, labels, self._rank)

    def _rank(self, judged: Rows, labels: Labels, number: int) -> tuple[Rows, Scores | None]:
        """Return all documents in the order of judging, and their scores.

        number  of the batch, which seeds what is drawn
        """
        random = np.random.default_rng([self.seed, number])
        training = self._select_training(judged, labels, random)
        if training is None:
            return self.initial, None
        rows, classes = training
        balance = self.policy.balance
        if balance == "double":
            drawn = resample_double(classes, random) if len(classes) > 2 else np.arange(len(classes))
            rows, classes, balance = rows[drawn], classes[drawn], None
        fit = Fit(int(random.integers(2**31)), self.policy.batches.find_size(number))
        scores, boundary = self._model.score(rows, classes, balance, fit)
        scores = scores[: self._n]
        # Ranked are the unjudged ones alone: a strategy that draws must not spend its draws on others.
        left = self._list_unjudged(judged)
        return left[order_documents(self.policy.query, scores[left], boundary, random)], scores

    def _select_training(self, judged: Rows, labels: Labels, random: np.random.Generator) -> tuple[Rows, Labels] | None:
        """Return the rows that a model is fitted on, and their classes; None: a class is missing."""
        presumed = np.zeros(0, np.int64)
        if self.policy.presumed:
            left = self._list_unjudged(judged)
            presumed = random.choice(left, min(self.policy.presumed, len(left)), replace=False)
        topic = np.full(1 if self._has_topic else 0, self._n, np.int64)
        rows = np.concatenate((topic, judged, presumed))
        classes = np.concatenate((np.ones(len(topic)), labels, np.zeros(len(presumed)))).astype(np.int8)
        return (rows, classes) if 0 < classes.sum() < len(classes) else None

    def _list_unjudged(self, judged: Rows) -> Rows:
        unjudged = np.ones(self._n, np.bool_)
        unjudged[judged] = False
        return np.flatnonzero(unjudged)


def _append(features: Features, topic: Features | None) -> Features:
    """Return features with the topic's as the last row."""
    if topic is None:
        return features
    if not hasattr(features, "indptr"):
        return np.concatenate((features, topic))
    from scipy.sparse import vstack

    return vstack((features, topic), format="csr")
