"""Where rules end reviews, and how often what they promise holds."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from nirank.stopping.counts import Consecutive, Fixed
from nirank.stopping.hypergeometric import Hypergeometric
from nirank.stopping.outcomes import compute_exact_interval, end_review, pool_outcomes, summarise_ends
from nirank.stopping.rule import Promise
from nirank.stopping.target import Target

LABELS = np.array([1, 1, 0, 1, 0, 0, 0, 0, 1, 0], np.int8)


def test_a_review_ends_where_the_rule_says_so_first():
    end = end_review(Consecutive(3), "t", LABELS)
    assert (end.read, end.found, end.relevant, end.size, end.stopped) == (7, 3, 4, 10, True)
    assert (end.recall, end.effort) == (0.75, 0.7)


def test_a_rule_that_never_ends_a_review_has_everything_read():
    end = end_review(Consecutive(20), "t", LABELS)
    assert (end.read, end.recall, end.stopped) == (10, 1.0, False)


def test_a_sample_counts_in_what_is_read_and_found():
    labels = np.zeros(400, np.int8)
    labels[np.arange(0, 120, 4)] = 1
    rule = Target(relevant=10, seed=2)
    sample = rule.list_sample(labels, 400)
    stop = rule.find_stop(labels, 400)
    end = end_review(rule, "t", labels)
    read = set(range(stop)) | set(sample.tolist())
    assert end.read == len(read) > stop
    assert end.found == sum(labels[at] for at in read)


def test_what_became_of_a_rule_over_several_reviews():
    promise = Promise(0.75, 0.95)
    ends = [end_review(Fixed(n), f"t{n}", LABELS) for n in (1, 4, 9)]
    outcome = summarise_ends("rule", "labels", promise, ends, left_out=2)
    assert (outcome.topics, outcome.reviews, outcome.left_out, outcome.unstopped) == (3, 3, 2, 0)
    assert outcome.recall == pytest.approx((0.25 + 0.75 + 1) / 3)
    assert (outcome.least_recall, outcome.effort) == (0.25, pytest.approx(14 / 30))
    assert outcome.kept == 2  # recall of exactly 0.75 is at least that
    assert outcome.kept_interval == pytest.approx(tuple(binomtest(2, 3).proportion_ci(method="exact")))
    assert summarise_ends("rule", "labels", None, ends).kept is None


@pytest.mark.parametrize(("kept", "n"), [(0, 5), (5, 5), (19, 20), (365, 380)])
def test_the_interval_of_a_share_is_exact(kept, n):
    assert compute_exact_interval(kept, n) == pytest.approx(tuple(binomtest(kept, n).proportion_ci(method="exact")))


def test_reviews_of_several_seeds_are_taken_together():
    rule = Hypergeometric()
    seeds = [
        (summarise_ends(rule.title, rule.asks, rule.promise, [end_review(rule, "t", labels)]),)
        for labels in (LABELS, LABELS[::-1].copy())
    ]
    together = summarise_ends(rule.title, rule.asks, rule.promise, [end for (part,) in seeds for end in part.ends])
    (pooled,) = pool_outcomes(seeds, same_topics=True)
    assert pooled == replace(together, ends=())
    assert (pooled.topics, pooled.reviews, pooled.kept) == (1, 2, 2)
    (of_topics,) = pool_outcomes(seeds, same_topics=False)
    assert of_topics == replace(pooled, topics=2)
    assert pool_outcomes([seeds[0], ()], same_topics=True) == ()
