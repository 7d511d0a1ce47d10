"""How a review learns from decisions: a policy by its name, its features made of records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nirank.errors import ConfigError
from nirank.feedback.features import make_tfidf
from nirank.feedback.policy import Review, Rows
from nirank.feedback.presets import PRESETS, get_policy
from nirank.feedback.rocchio import Rocchio
from nirank.records.record import BibliographicRecord

DEFAULT_POLICY = "elas_u4"


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
    """Return the review of some records.

    initial   their order until there is a model
    question  "" for none
    n_known   how many of the labels that will come first were known before
    """
    check_policy(policy)
    chosen = get_policy(policy)
    assert not isinstance(chosen, Rocchio)
    texts = [f"{record.title} {record.abstract}" for record in records]  # as ASReview joins them
    features = make_tfidf([*texts, question] if question and chosen.topic else texts, chosen.terms)
    topic = features[len(texts) :] if question and chosen.topic else None
    return chosen.begin(features[: len(texts)], seed, np.asarray(initial, np.int64), topic=topic, priors=n_known)
