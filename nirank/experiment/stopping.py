"""Stopping rules on the lists of a system: a review that reads each topic's list down, and where each rule ends it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirank.collections.collection import Collection
from nirank.errors import ConfigError
from nirank.evaluation.pool import Pool
from nirank.flow.pairs import Pairs
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking
from nirank.stopping.outcomes import RuleOutcome, end_review, summarise_ends
from nirank.stopping.rule import StoppingRule
from nirank.stopping.rules import parse_stopping_rule


def parse_stopping_rules(given: Any) -> tuple[StoppingRule, ...]:
    """Return rules, one or several, as values or as a configuration has them; raise ConfigError for what is none."""
    several = isinstance(given, Iterable) and not isinstance(given, (str, bytes, dict))
    rules = tuple(map(parse_stopping_rule, given if several else [given]))
    titles = [rule.title for rule in rules]
    for title in titles:
        if titles.count(title) > 1:
            raise ConfigError(f"stopping: the rule {title} is there twice")
    return rules


def end_reviews(
    rules: Sequence[StoppingRule], pairs: Pairs, qrels: Qrels, collection: Collection
) -> tuple[RuleOutcome, ...]:
    """Return what becomes of each rule over the topics; nothing unless every list is a whole order of its candidates.

    Topics without relevant documents are left out. Documents known before the review are in no list and do not count.
    """
    if not rules or not isinstance(pairs, Ranking) or collection.unit != "query":
        return ()
    pool = Pool.of(qrels, collection.scope)
    judged = np.flatnonzero(qrels.counts > 0)
    if not len(judged) or (pairs.counts[judged] != pool.sizes[judged]).any():
        return ()
    reviews = [(topic, labels) for topic, labels in _list_reviews(pairs, qrels, judged) if labels.any()]
    if not reviews:
        return ()
    outcomes = []
    for rule in rules:
        ends = [end_review(rule, *review) for review in reviews]
        outcomes.append(summarise_ends(rule.title, rule.asks, rule.promise, ends, len(judged) - len(reviews)))
    return tuple(outcomes)


def _list_reviews(ranking: Ranking, qrels: Qrels, topics: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.int8]]]:
    """Yield each topic's name, and its labels in the order of its list."""
    at, judgement = qrels.find_judged(ranking)
    labels = np.zeros(len(ranking), np.int8)
    labels[at] = qrels.grades[judgement] >= qrels.min_rel
    for topic in topics.tolist():
        yield ranking.queries[topic], labels[ranking.offsets[topic] : ranking.offsets[topic + 1]]
