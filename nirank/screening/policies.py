"""How a review learns from decisions: a policy by its name, its features made of records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nirank.errors import ConfigError
from nirank.feedback.features import make_tfidf, make_topic_tfidf
from nirank.feedback.policy import Labels, Proposal, Review, Rows
from nirank.feedback.presets import PRESETS, get_policy
from nirank.feedback.rocchio import Rocchio
from nirank.records.record import BibliographicRecord
from nirank.screening.question_ranking import find_blank

DEFAULT_POLICY = "elas_u4"


@dataclass(frozen=True)
class TextFirstReview:
    """A review in which records without text, of which no model knows anything, come last.

    blank  which records have neither title nor abstract, (n,)
    """

    review: Review
    blank: NDArray[np.bool_]

    def propose(self, judged: Rows, labels: Labels) -> Proposal:
        """Return what the review proposes, records without text last."""
        proposal = self.review.propose(judged, labels)
        return replace(proposal, order=put_last(proposal.order, self.blank))


def put_last(order: Rows, blank: NDArray[np.bool_]) -> Rows:
    """Return an order in which some records come last."""
    return order[np.argsort(blank[order], kind="stable")]


def list_policies() -> list[str]:
    """Return the policies that learn from words: those that need vectors are for experiments."""
    return [name for name, policy in PRESETS.items() if not isinstance(policy, Rocchio)]


def check_policy(name: str) -> None:
    """Raise ConfigError, with the nearest spelling, for a policy that does not exist or needs vectors."""
    if isinstance(get_policy(name), Rocchio):
        raise ConfigError(f"--policy: '{name}' learns from vectors; expected one of {', '.join(list_policies())}")


def begin_review(
    records: Sequence[BibliographicRecord], policy: str, seed: int, initial: Rows, question: str, n_known: int
) -> Review:
    """Return the review of some records, those without text last.

    initial   their order until there is a model
    question  "" for none
    n_known   how many of the labels that will come first were known before
    """
    check_policy(policy)
    chosen = get_policy(policy)
    assert not isinstance(chosen, Rocchio)
    texts = [f"{record.title} {record.abstract}" for record in records]  # as ASReview joins them
    if question and chosen.topic:
        features, topic = make_topic_tfidf(texts, question, chosen.terms)
    else:
        features, topic = make_tfidf(texts, chosen.terms), None
    review = chosen.begin(features, seed, np.asarray(initial, np.int64), topic=topic, priors=n_known)
    return TextFirstReview(review, find_blank(records))
