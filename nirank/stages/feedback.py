"""Feedback: the order in which documents are read, when every judgement says what comes next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from nirank.algebra.context import Context
from nirank.algebra.model import Model
from nirank.algebra.node import Node
from nirank.algebra.pipeline import RANKED, STARTS, Flow
from nirank.algebra.sides import Sides
from nirank.algebra.stage import Combiner, option, stage
from nirank.base.identity import SEED, Placeholder
from nirank.base.memory import MemoryNeed, Sizes
from nirank.base.work import Work
from nirank.collections.text_view import TITLE_AND_TEXT, View
from nirank.errors import ConfigError
from nirank.feedback.queries import QueryStrategy
from nirank.flow.ranking import Ranking

if TYPE_CHECKING:
    from nirank.feedback.classifiers import Classifier
    from nirank.feedback.presets import PolicyValue
    from nirank.stages.dense import Dense

Rows = NDArray[np.int64]


@stage
class Feedback(Combiner):
    """Simulate a review: show documents, read their judgements, learn, show the next ones.

    `Feedback("elas_u4")` begins with documents in the order of the collection, `bm25 >> Feedback("elas_u4")` with the
    first of a list. All documents that the scope allows (the candidates of a topic) are read in the end, each once; the
    list only says which come first while there is no model. Documents known before the review are its prior knowledge:
    they are learned from, and are no part of the result. Scores count down from the number of documents.

    What is not given is as the policy has it: 'elas_u4', 'elas_u3' and 'nb' are ASReview's, 'auto_tar' is the baseline
    of TREC's Total Recall track, 'rocchio' moves the query's vector.
    """

    policy: str = option(default="elas_u4", help="elas_u4, elas_u3, nb, auto_tar or rocchio")
    batch: int | None = option(default=None, help="documents judged between two models")
    growth: float | None = option(default=None, help="by which share batches grow, rounded up")
    classifier: str | None = option(default=None, help="by its name in scikit-learn, such as LogisticRegression")
    classifier_options: Mapping[str, Any] | None = option(default=None, help="the classifier's own options")
    balance: float | Literal["double", "none"] | None = option(
        default=None, help="weight of relevant documents together, of the others'; double: ASReview 1's resampling"
    )
    query: QueryStrategy | None = option(default=None, help="which documents come next")
    presumed: int | None = option(default=None, help="unjudged documents taken as not relevant for a model")
    weights: tuple[float, float, float] | None = option(default=None, help="of rocchio: query, relevant, others")
    model: Model | None = option(
        default=None, identity=False, help="a bi-encoder, whose vectors are the features; null: TF-IDF"
    )
    doc_text: View = option(default=TITLE_AND_TEXT, identity=False, help="columns joined, or a template")
    query_text: View = option(default=TITLE_AND_TEXT, identity=False, help="columns joined, or a template")
    seed: int | Placeholder = option(default=SEED, help="of what a policy draws; SEED: the experiment's")

    name = "feedback"
    model_kind = "bi_encoder"
    reads = frozenset({"judgements"})
    source = "Cormack and Grossman, arXiv 1504.06868; ASReview 3; Mao et al., SIGIR 2024 (rocchio)"
    takes: ClassVar[frozenset[Flow]] = STARTS | RANKED

    def check(self) -> None:
        if not self.make_policy().draws:
            if self.seed not in (SEED, 0):
                raise ConfigError(
                    f"feedback: {self.policy} draws nothing here, so a seed changes nothing; leave it out"
                )
            object.__setattr__(self, "seed", 0)  # or each of an experiment's seeds would give the same row
        if self.policy == "rocchio" and self.model is None:
            raise ConfigError("feedback: rocchio moves a vector; expected model: the bi-encoder that makes it")

    def make_policy(self) -> PolicyValue:
        """Return the policy with the options that are given; raise ConfigError for those that it has not."""
        from nirank.feedback.presets import get_policy

        policy: Any = get_policy(self.policy)
        changed: dict[str, Any] = {
            name: value for name in ("query", "presumed", "weights") if (value := getattr(self, name)) is not None
        }
        if self.batch is not None or self.growth is not None:
            sizes = {"size": self.batch, "growth": self.growth}
            changed["batches"] = replace(policy.batches, **{name: n for name, n in sizes.items() if n is not None})
        if self.balance is not None:
            changed["balance"] = None if self.balance == "none" else self.balance
        if self.classifier is not None or self.classifier_options:
            changed["classifier"] = self._make_classifier(getattr(policy, "classifier", None))
        foreign = [name for name in changed if not hasattr(policy, name)]
        if foreign:
            raise ConfigError(f"feedback: {self.policy} has no {foreign[0]}")
        made: PolicyValue = replace(policy, **changed)
        return made

    def _make_classifier(self, default: Classifier | None) -> Classifier:
        """Return the classifier that is named, with its options only; else the policy's, with more options."""
        from nirank.feedback.classifiers import Classifier

        given = self.classifier_options or {}
        if self.classifier is not None:
            return Classifier(self.classifier, given)
        return replace(default, options={**default.options, **given}) if default is not None else Classifier()

    @property
    def options(self) -> dict[str, Any]:
        options = super().options
        return options if self.make_policy().draws else {name: options[name] for name in options if name != "seed"}

    @property
    def _dense(self) -> Dense:
        from nirank.stages.dense import Dense

        assert self.model is not None
        return Dense(self.model, doc_text=self.doc_text, query_text=self.query_text)

    def plan_inputs(self, sides: Sides) -> tuple[Node, ...]:
        from nirank.feedback.features import TermFeatures
        from nirank.stages._topic_features import plan_term_features

        policy = self.make_policy()
        classifier = getattr(policy, "classifier", None)
        if classifier is not None:
            classifier.check_options()
        if self.model is not None:
            # Documents that were known before are outside the scope, and have vectors too.
            return self._dense.plan_inputs(sides if sides.known is None else replace(sides, scope=()))
        terms = getattr(policy, "terms", TermFeatures())
        return (plan_term_features(sides, terms, self.doc_text, self.query_text),)

    def resolve_options(self, sides: Sides) -> Self:
        return self if self.model is None else replace(self, model=self._dense.resolve_options(sides).model)

    def estimate_memory(self, sizes: Sizes) -> MemoryNeed:
        from nirank.stages._topic_features import estimate_feature_memory

        return estimate_feature_memory(sizes)

    def estimate_pairs(self, sizes: Sizes) -> int:
        return sizes.queries * sizes.docs

    def describe_conventions(self) -> Mapping[str, Any]:
        return {"feedback": "judgements of all documents shown before", **self.options}

    def combine(self, lists: Sequence[Ranking], ctx: Context) -> Ranking:
        assert ctx.queries is not None and ctx.docs is not None and ctx.scope is not None
        topics = [self._open_topic(topic, lists, ctx) for topic in range(len(ctx.queries))]
        seed = self.seed if isinstance(self.seed, int) else 0  # outside an experiment nobody has set it
        paths = tuple(ctx.input_folder(at) for at in range(len(ctx.inputs)))
        work = Work(f"{__name__}:open_reviews", (self.make_policy(), seed, paths), _describe_topic)
        orders = map(work.open(), topics) if ctx.engine is None else ctx.engine.map(work, topics)
        ordered = [
            topic.rows[order] for topic, order in zip(topics, ctx.track(orders, len(topics), "reviewing"), strict=True)
        ]
        counts = np.array([len(rows) for rows in ordered], np.int64)
        scores = [np.arange(n, 0, -1, dtype=np.float64) for n in counts.tolist()]
        ctx.count("priors", sum(len(topic.priors) for topic in topics))
        return Ranking(
            ctx.queries.ids,
            ctx.docs.ids,
            np.append(0, np.cumsum(counts)),
            np.concatenate([*ordered, np.empty(0, np.int64)]),
            np.concatenate([*scores, np.empty(0)]),
        )

    def _open_topic(self, topic: int, lists: Sequence[Ranking], ctx: Context) -> Topic:
        from nirank.stages._topic_features import list_known, list_topic_rows

        assert ctx.scope is not None
        rows = list_topic_rows(ctx.scope, topic, ctx.known)
        allowed = list_topic_rows(ctx.scope, topic, None)
        labels = np.zeros(len(rows), np.int8)
        labels[np.searchsorted(rows, allowed)] = ctx.read_labels(topic, allowed)
        priors = np.empty(0, np.int64)
        if ctx.known is not None:
            known, relevant = list_known(ctx.known, topic)
            unseen = ~np.isin(known, allowed)
            priors = np.searchsorted(rows, known[unseen])
            labels[priors] = relevant[unseen]
        initial = None
        if lists:
            listed = np.asarray(lists[0].get_rows(topic), np.int64)
            initial = np.searchsorted(rows, listed[np.isin(listed, rows)])
        journal = ctx.open_scratch_folder() / f"{topic}.judged"
        return Topic(topic, rows, labels, priors, initial, journal)


@dataclass(frozen=True)
class Topic:
    """One topic's review.

    rows     its documents, ascending, (n,)
    labels   of them, (n,)
    priors   positions of those that were known before
    initial  positions of documents in the order of a list; None: there is none
    journal  keeps what is judged
    """

    number: int
    rows: Rows
    labels: NDArray[np.int8]
    priors: Rows
    initial: Rows | None
    journal: Path


def open_reviews(policy: PolicyValue, seed: int, paths: tuple[Path, ...]) -> Callable[[Topic], Rows]:
    """Return the function that reviews a topic; a worker process calls this.

    paths  a folder of terms, or those of a model's vectors: documents and queries
    """
    from nirank.feedback.simulation import simulate
    from nirank.stages._topic_features import ModelVectors, TermVectors

    source = TermVectors(*paths) if len(paths) == 1 else ModelVectors(*paths)

    def review_topic(topic: Topic) -> Rows:
        features, text = source.read(topic.number, topic.rows)
        review = policy.begin(features, seed, topic.initial, topic=text, priors=len(topic.priors))
        return simulate(review, topic.labels, topic.priors, topic.journal)

    return review_topic


def _describe_topic(topic: Topic) -> str:
    return f"topic {topic.number + 1} with {len(topic.rows):,} documents"
