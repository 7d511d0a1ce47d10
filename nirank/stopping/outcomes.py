"""What became of rules on reviews whose labels are all known: where they stopped, and whether their promises held."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nirank.stopping.rule import Asks, Labels, Promise, StoppingRule

_ROUNDING = 1e-12


@dataclass(frozen=True)
class ReviewEnd:
    """Where a rule ended the review of one topic.

    size, relevant  documents to judge, and how many of them are relevant
    read, found     those that were read, a random sample included, and the relevant ones among them
    stopped         False: the rule never ended it, so that everything is read
    """

    topic: str
    size: int
    relevant: int
    read: int
    found: int
    stopped: bool = True

    @property
    def recall(self) -> float:
        """Share of the relevant documents that was found; 0 where there are none."""
        return self.found / max(self.relevant, 1)

    @property
    def effort(self) -> float:
        """Share of the documents that was read."""
        return self.read / max(self.size, 1)


@dataclass(frozen=True)
class RuleOutcome:
    """What became of one rule over the reviews of several topics, and of several seeds.

    rule           its title
    asks           what it must know; 'truth': an oracle
    topics, reviews  how many; reviews are topics × seeds
    left_out       topics without a relevant document
    recall, effort  means over the reviews; `least_recall`, the least
    unstopped      reviews that it never ended: all is read there
    promise        None: it claims nothing
    kept           reviews whose recall is at least what it promises
    kept_interval  of their share, exact (Clopper and Pearson, Biometrika 1934), 95 %; reviews of one topic are alike,
                   so that with several seeds it is narrower than it should be
    ends           of each review; where several rows are taken together they stand in those
    """

    rule: str
    asks: Asks
    topics: int
    reviews: int
    left_out: int
    recall: float
    least_recall: float
    effort: float
    unstopped: int
    promise: Promise | None = None
    kept: int | None = None
    kept_interval: tuple[float, float] | None = None
    ends: tuple[ReviewEnd, ...] = ()


def end_review(rule: StoppingRule, topic: str, labels: Labels) -> ReviewEnd:
    """Return where a rule ends the review of all of a topic's documents, some of them relevant.

    labels  1 relevant, 0 not, in the order of judging, (n,)
    """
    size = len(labels)
    stop = rule.find_stop(labels, size)
    is_read = np.arange(size) < (size if stop is None else stop)
    sample = rule.list_sample(labels, size)
    if len(sample) == size:
        stop = size
    is_read[sample] = True
    return ReviewEnd(
        topic, size, int(labels.sum()), int(is_read.sum()), int(labels[is_read].sum()), stop not in (None, size)
    )


def summarise_ends(
    rule: str, asks: Asks, promise: Promise | None, ends: Sequence[ReviewEnd], left_out: int = 0
) -> RuleOutcome:
    """Return what became of a rule over at least one review."""
    recalls = np.array([end.recall for end in ends])
    kept = None if promise is None else int((recalls >= promise.recall - _ROUNDING).sum())
    return RuleOutcome(
        rule=rule,
        asks=asks,
        topics=len({end.topic for end in ends}),
        reviews=len(ends),
        left_out=left_out,
        recall=float(recalls.mean()),
        least_recall=float(recalls.min()),
        effort=float(np.mean([end.effort for end in ends])),
        unstopped=sum(not end.stopped for end in ends),
        promise=promise,
        kept=kept,
        kept_interval=None if kept is None else compute_exact_interval(kept, len(ends)),
        ends=tuple(ends),
    )


def pool_outcomes(parts: Iterable[Sequence[RuleOutcome]], *, same_topics: bool) -> tuple[RuleOutcome, ...]:
    """Return each rule's outcome over the reviews of several seeds, or of other topics; nothing if rules differ."""
    several = list(parts)
    if len({tuple(outcome.rule for outcome in outcomes) for outcomes in several}) != 1:
        return ()
    return tuple(_pool_rule(of_rule, same_topics) for of_rule in zip(*several, strict=True))


def _pool_rule(parts: Sequence[RuleOutcome], same_topics: bool) -> RuleOutcome:
    reviews = [part.reviews for part in parts]
    total = sum(reviews)
    kept = [part.kept for part in parts if part.kept is not None]
    return replace(
        parts[0],
        topics=parts[0].topics if same_topics else sum(part.topics for part in parts),
        left_out=parts[0].left_out if same_topics else sum(part.left_out for part in parts),
        reviews=total,
        recall=float(np.average([part.recall for part in parts], weights=reviews)),
        least_recall=min(part.least_recall for part in parts),
        effort=float(np.average([part.effort for part in parts], weights=reviews)),
        unstopped=sum(part.unstopped for part in parts),
        kept=sum(kept) if kept else None,
        kept_interval=compute_exact_interval(sum(kept), total) if kept else None,
        ends=(),
    )


def compute_exact_interval(kept: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Clopper-Pearson interval of a share."""
    from scipy.stats import beta

    tail = (1 - confidence) / 2
    low = 0.0 if kept == 0 else float(beta.ppf(tail, kept, n - kept + 1))
    high = 1.0 if kept == n else float(beta.ppf(1 - tail, kept + 1, n - kept))
    return low, high
