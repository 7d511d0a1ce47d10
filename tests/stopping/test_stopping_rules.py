"""What each rule of `nirank.stopping` does, by published examples and by counting it out."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, hypergeom, nchypergeom_wallenius, poisson

from nirank.errors import ConfigError
from nirank.stopping.combined import AllRules, AnyRule, EveryRule
from nirank.stopping.counts import BatchPrecision, Consecutive, Fixed, Half, Rule2399
from nirank.stopping.hypergeometric import Hypergeometric
from nirank.stopping.knee import Budget, Knee, compute_knee_ratio
from nirank.stopping.oracle import Oracle
from nirank.stopping.rates import Poisson, Quant, estimate_recall
from nirank.stopping.rule import Promise
from nirank.stopping.rules import STOPPING_RULES, find_stopping_rule, parse_stopping_rule
from nirank.stopping.target import Target

TWENTY_FIRST = np.array([1] * 20 + [0] * 980, np.int8)

some_labels = st.lists(st.integers(0, 1), min_size=1, max_size=60).map(lambda labels: np.array(labels, np.int8))
FROM_LABELS = [
    Knee(),
    Budget(),
    Consecutive(3),
    BatchPrecision(batch=5, relevant=1, slack=2),
    Hypergeometric(0.8, 0.9),
    Hypergeometric(0.8, 0.9, bias=2),
    Poisson(0.8, 0.9),
    Quant(0.6, 0.8),
    Fixed(7),
    Half(),
    Rule2399(),
    AnyRule((Knee(), Consecutive(9))),
    AllRules((Half(), Hypergeometric(0.7, 0.8))),
    EveryRule(Hypergeometric(0.7, 0.8), 4),
]


@pytest.mark.parametrize("rule", FROM_LABELS, ids=lambda rule: rule.title)
@given(labels=some_labels, unread=st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_a_rule_stops_where_asking_after_every_document_says_so_first(rule, labels, unread):
    size = len(labels) + unread
    asked = [rule.weigh(labels[: n + 1], size).stops for n in range(len(labels))]
    np.testing.assert_array_equal(rule.mark_stops(labels, size), asked)
    assert rule.find_stop(labels, size) == (asked.index(True) + 1 if True in asked else None)


@pytest.mark.parametrize(
    ("bend", "read", "ratio", "threshold"), [((50, 100), (52, 1000), 150, 104), ((150, 300), (155, 1000), 58.3, 6)]
)
def test_the_knee_of_the_published_examples(bend, read, ratio, threshold):
    assert compute_knee_ratio(*bend, *read) == pytest.approx(ratio, abs=0.05)
    labels = np.zeros(read[1], np.int8)
    labels[: bend[1]][np.linspace(0, bend[1] - 1, bend[0]).astype(int)] = 1
    labels[-(read[0] - bend[0]) :] = 1
    evidence = Knee().weigh(labels, 5000)
    assert evidence.stops and evidence.value == pytest.approx(ratio, abs=0.05)
    assert f"asks for {threshold} times" in evidence.sentence


def test_the_threshold_of_the_knee_falls_while_relevant_documents_are_found():
    labels = np.array([1, 0] * 30 + [0] * 500, np.int8)
    assert (
        Knee().find_stop(labels, 3000) == 59 + 248
    )  # 30 / 59 · (s - 59) ≥ 126; the 155 of the first would take longer


def test_the_bend_is_where_the_curve_is_farthest_above_its_chord():
    rng = np.random.default_rng(3)
    for _ in range(50):
        labels = (rng.random(80) < np.linspace(0.6, 0.05, 80)).astype(np.int8)
        curve = np.concatenate(([0], np.cumsum(labels)))
        for read in range(1, 81):
            height = curve[: read + 1] - curve[read] / read * np.arange(read + 1)
            bend = int(np.argmax(np.round(height, 9)))
            expected = compute_knee_ratio(curve[bend], bend, curve[read], read)
            assert Knee().weigh(labels[:read], 1000).value == pytest.approx(expected)


def test_budget_asks_for_a_bend_and_ten_times_what_one_relevant_document_costs_or_three_quarters():
    assert Budget().find_stop(TWENTY_FIRST, 1000) == 500  # 10 · 1000 / 20
    assert Budget().find_stop(np.zeros(1000, np.int8), 1000) == 750


@pytest.mark.parametrize(("read", "p"), [(400, 0.3746), (600, 0.1664), (800, 0.0415), (900, 0.0103)])
def test_p_of_the_hypergeometric_test_after_twenty_relevant_documents_of_a_thousand(read, p):
    evidence = Hypergeometric().weigh(TWENTY_FIRST[:read], 1000)
    assert evidence.value == pytest.approx(p, abs=0.00006)
    assert evidence.stops is (read >= 800)


def count_out_p(labels, size, target, bias=1.0):
    """p by the definition, every suffix."""
    found, values = int(labels.sum()), [1.0]
    for length in range(1, len(labels) + 1):
        inside, urn = int(labels[-length:].sum()), size - (len(labels) - length)
        missed = int(np.floor(found / target + 1 - (found - inside) + 1e-9))
        if missed > urn:
            values.append(0.0)
        elif bias == 1:
            values.append(hypergeom.cdf(inside, urn, missed, length))
        else:
            values.append(nchypergeom_wallenius.cdf(inside, urn, missed, length, bias))
    return min(values)


@given(labels=some_labels, unread=st.integers(0, 200), target=st.sampled_from([0.5, 0.8, 0.95, 1.0]))
@settings(max_examples=150, deadline=None)
def test_p_is_the_least_of_all_suffixes(labels, unread, target):
    size = len(labels) + unread
    assert Hypergeometric(target).compute_p(labels, size) == pytest.approx(count_out_p(labels, size, target), abs=1e-9)


def test_a_ranking_better_than_chance_gives_a_smaller_p():
    labels = np.array([1, 1, 0, 1, 0, 0, 0, 1] + [0] * 22, np.int8)
    plain, biased = Hypergeometric(0.9), Hypergeometric(0.9, bias=3.0)
    assert biased.compute_p(labels, 60) == pytest.approx(count_out_p(labels, 60, 0.9, 3.0))
    assert biased.compute_p(labels, 60) < plain.compute_p(labels, 60)


@given(labels=some_labels, unread=st.integers(1, 50))
@settings(max_examples=100, deadline=None)
def test_p_never_rises_when_an_irrelevant_document_is_read(labels, unread):
    size, rule = len(labels) + unread, Hypergeometric()
    after = np.append(labels, np.int8(0))
    assert rule.compute_p(after, size) <= rule.compute_p(labels, size) + 1e-12


def test_p_far_in_the_tails_neither_vanishes_nor_exceeds_one():
    labels = np.zeros(60_000, np.int8)
    labels[::2] = 1  # K of every suffix lies far below what was drawn
    assert 0.4 < Hypergeometric(0.5).compute_p(labels[:40_000], 80_000) <= 1
    assert Hypergeometric(0.95).compute_p(np.zeros(79_999, np.int8), 80_000) == pytest.approx(1 / 80_000)


@pytest.mark.parametrize("bias", [1.0, 10.0])
def test_the_promise_of_the_hypergeometric_test_holds_in_simulated_reviews(bias):
    """500 documents, 25 relevant, read in a random order or one in which relevant ones come up `bias` times likelier."""
    rule, rng, held, stopped = Hypergeometric(), np.random.default_rng(5), [], []
    relevant = np.arange(500) < 25
    for _ in range(150):
        times = rng.exponential(np.where(relevant, 1 / bias, 1.0))
        labels = relevant[np.argsort(times)].astype(np.int8)
        stops = np.flatnonzero(rule.mark_stops(labels, 500)) + 1
        stop = next(int(read) for read in stops if read % 20 == 0)
        stopped.append(stop)
        held.append(labels[:stop].sum() >= 0.95 * 25)
    assert np.mean(held) >= 0.95
    assert np.mean(stopped) == pytest.approx(500 if bias == 1 else 437, abs=10)


def test_a_review_of_eighty_thousand_documents_takes_seconds_at_most():
    labels = np.zeros(80_000, np.int8)
    labels[np.unique(np.geomspace(1, 79_000, 1500).astype(int))] = 1
    stop = Hypergeometric().find_stop(labels, 80_000)
    assert stop is not None and Hypergeometric().weigh(labels[:stop], 80_000).stops
    assert not Hypergeometric().weigh(labels[: stop - 1], 80_000).stops


def simulate_falling_rate(seed: int, size: int = 3000) -> np.ndarray:
    return (np.random.default_rng(seed).random(size) < 0.6 * np.exp(-np.arange(size) / 250)).astype(np.int8)


def test_poisson_takes_the_likeliest_falling_rate_and_bounds_what_it_leaves():
    labels, read, size = simulate_falling_rate(1)[:600], 600, 3000
    places = np.flatnonzero(labels) + 0.5
    rates = np.linspace(1e-4, 0.02, 20_001)
    likelihood = len(places) * np.log(rates / -np.expm1(-rates * read)) - rates * places.sum()
    k = rates[likelihood.argmax()]
    left = len(places) * (np.exp(-k * read) - np.exp(-k * size)) / -np.expm1(-k * read)
    assert Poisson().weigh(labels, size).value == pytest.approx(poisson.ppf(0.95, left), abs=1)
    assert not Poisson().weigh(np.ones(50, np.int8), size).stops  # a rate that does not fall


def test_recall_is_estimated_from_probabilities_as_published():
    recall, deviation = estimate_recall(np.array([0.9, 0.8, 0.5, 0.1]), 2)
    assert recall == pytest.approx(1.7 / 2.3)
    variance = 1.7**2 / 2.3**4 * (0.09 + 0.16 + 0.25 + 0.09) + (0.09 + 0.16) / 2.3**2
    assert deviation == pytest.approx(np.sqrt(variance))


def test_quant_stops_later_the_more_it_is_to_promise():
    labels = simulate_falling_rate(2)
    stops = [Quant(target).find_stop(labels, 3000) for target in (0.5, 0.7, 0.9)]
    assert stops == sorted(stops) and stops[0] < stops[-1]
    assert all(stop % 30 == 0 for stop in stops)  # it fits anew after every hundredth


def test_exactly_n_labels_do_not_stop_a_rule_of_n_irrelevant_in_a_row():
    rule = Consecutive(50)
    assert not rule.weigh(np.zeros(50, np.int8), 1000).stops
    assert rule.weigh(np.zeros(51, np.int8), 1000).stops
    assert rule.find_stop(TWENTY_FIRST, 1000) == 70


def test_the_count_of_irrelevant_documents_starts_anew_with_each_relevant_one():
    labels = np.array([0] * 49 + [1] + [0] * 49 + [1] + [0] * 60, np.int8)
    assert Consecutive(50).find_stop(labels, 1000) == 150


def test_batches_are_looked_at_when_they_are_whole():
    labels = np.array([1, 1, 0, 0] + [1, 0, 0, 0] + [0] * 12, np.int8)
    assert BatchPrecision(batch=4, relevant=1).find_stop(labels, 100) == 8
    assert BatchPrecision(batch=4, relevant=1, slack=2).find_stop(labels, 100) == 12
    assert not BatchPrecision(batch=4, relevant=1).weigh(labels[:9], 100).stops


def test_the_rule_2399_counts_the_relevant_ones_too():
    labels = np.zeros(5000, np.int8)
    labels[:10] = 1
    assert Rule2399().find_stop(labels, 5000) == 2411


def test_the_target_rule_finds_all_ten_of_its_sample_again():
    rng = np.random.default_rng(1)
    labels = (rng.random(2000) < np.geomspace(0.5, 0.005, 2000)).astype(np.int8)
    rule = Target(seed=4)
    sample = rule.list_sample(labels, 2000)
    assert labels[sample].sum() == 10 and labels[sample[-1]] == 1 and len(set(sample)) == len(sample)
    assert rule.find_stop(labels, 2000) == sample[labels[sample] > 0].max() + 1
    assert rule.list_sample(labels, 2000).tolist() == sample.tolist()
    assert Target(seed=5).list_sample(labels, 2000).tolist() != sample.tolist()


def test_the_target_rule_asks_for_as_many_as_the_binomial_says():
    assert Target().found_again == 10
    assert Target(relevant=20, recall=0.7).found_again == 18
    assert binom.sf(17, 20, 0.7) <= 0.05 < binom.sf(16, 20, 0.7)
    with pytest.raises(ConfigError, match=r"cannot promise 0\.95 recall with 95% confidence; it takes 59 of them"):
        Target(recall=0.95)
    assert Target(relevant=59, recall=0.95).promise == Promise(0.95, 0.95)


def test_the_promise_of_the_target_rule_holds_in_simulated_reviews():
    rng, held = np.random.default_rng(8), []
    for seed in range(300):
        labels = (rng.random(1000) < np.geomspace(0.6, 0.02, 1000)).astype(np.int8)
        stop = Target(seed=seed).find_stop(labels, 1000)
        held.append(labels[:stop].sum() >= 0.7 * labels.sum())
    assert np.mean(held) > 0.95


def test_a_sample_with_too_few_relevant_documents_is_everything():
    labels = np.array([0, 1, 0, 0, 1], np.int8)
    assert len(Target().list_sample(labels, 5)) == 5
    assert Target().find_stop(labels, 5) == 1  # all was read before the review began


def test_the_oracle_stops_where_recall_is_reached():
    assert Oracle().find_stop(TWENTY_FIRST, 1000) == 20
    assert Oracle(0.95).find_stop(TWENTY_FIRST, 1000) == 19
    with pytest.raises(ConfigError, match="must know all labels"):
        Oracle().find_stop(TWENTY_FIRST[:10], 1000)


@pytest.mark.parametrize("rule", [*FROM_LABELS, Target(), Oracle()], ids=lambda rule: rule.title)
def test_reading_ends_where_everything_is_read(rule):
    assert rule.find_stop(np.array([0, 1, 0], np.int8), 3) is not None
    assert rule.weigh(np.array([0, 1, 0], np.int8), 3).stops
    assert not rule.weigh(np.empty(0, np.int8), 3).stops
    with pytest.raises(ConfigError, match="4 labels of 3 documents"):
        rule.find_stop(np.zeros(4, np.int8), 3)


def test_what_rules_of_rules_promise():
    high, low = Hypergeometric(0.95, 0.95), Hypergeometric(0.8, 0.9)
    assert AnyRule((high, low)).promise == Promise(0.8, pytest.approx(0.85))
    assert AnyRule((high, Knee())).promise is None
    assert AllRules((high, low, Knee())).promise == Promise(0.95, 0.95)
    assert AnyRule((Knee(), Oracle())).asks == "truth"
    assert AnyRule((Knee(), Target())).asks == "sample"
    assert len(AnyRule((Knee(), Target())).list_sample(TWENTY_FIRST, 1000)) >= 10


def test_a_rule_asked_every_hundred_documents_stops_at_a_hundred_or_never():
    rule = EveryRule(Consecutive(30), 100)
    labels = np.zeros(350, np.int8)
    assert rule.find_stop(labels, 1000) == 100 > Consecutive(30).find_stop(labels, 1000)
    assert rule.find_stop(labels[:99], 1000) is None
    assert (rule.promise, EveryRule(Hypergeometric()).promise) == (None, Hypergeometric().promise)
    assert "is asked after every 100 documents, 50 more from here" in rule.weigh(labels[:250], 1000).sentence
    assert EveryRule(Target()).asks == "sample"


def test_a_stop_tells_what_was_read_found_and_saved_and_what_can_be_claimed():
    sentence = Hypergeometric().weigh(TWENTY_FIRST[:800], 1000).sentence
    assert "800 of 1,000 read, 20 relevant; 200 (20%) would stay unread" in sentence
    assert "It claims at least 95% of the relevant documents found, with 95% confidence." in sentence
    assert Consecutive().weigh(TWENTY_FIRST[:100], 1000).sentence.endswith("This rule claims no recall.")


def test_rules_are_read_from_what_a_configuration_says():
    assert parse_stopping_rule("knee") == Knee()
    assert parse_stopping_rule({"consecutive": 100}) == Consecutive(100)
    assert parse_stopping_rule({"hypergeometric": {"target": "0.9"}}) == Hypergeometric(0.9)
    assert parse_stopping_rule({"any": ["knee", {"fixed": 500}]}) == AnyRule((Knee(), Fixed(500)))
    assert parse_stopping_rule({"every": {"rule": {"hypergeometric": 0.9}}}) == EveryRule(Hypergeometric(0.9), 100)
    assert parse_stopping_rule({"every": "knee"}) == EveryRule(Knee())
    assert parse_stopping_rule(2399) == Rule2399()
    assert parse_stopping_rule(Half()) == Half()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("hypergeometrc", "there is no stopping rule 'hypergeometrc'; did you mean 'hypergeometric'"),
        ({"consecutive": {"m": 5}}, "stopping rule 'consecutive' has no option 'm'"),
        ({"consecutive": "many"}, "stopping rule 'consecutive': n: .*got 'many'"),
        ({"consecutive": 0}, "n must be 1 or more; got 0"),
        ({"hypergeometric": {"target": 95}}, "target must be above 0 and at most 1; got 95"),
        ({"hypergeometric": {"confidence": 1}}, "confidence must lie between 0 and 1"),
        ("fixed", "stopping rule 'fixed' needs 'documents'"),
        ({"half": 3}, "stopping rule 'half' has no options; got 3"),
        ({"any": ["knee"]}, "expected two or more rules"),
        ({"every": {"n": 10}}, "stopping rule 'every' needs 'rule'"),
        ({"every": {"rule": "nee"}}, "there is no stopping rule 'nee'; did you mean 'knee'"),
        ({"every": {"rule": "knee", "n": 0}}, "n must be 1 or more; got 0"),
        ({"knee": None, "half": None}, "a stopping rule is a name or a mapping with one"),
        ({"batch_precision": {"relevant": 200}}, "relevant must be less than batch"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        parse_stopping_rule(given)


def test_every_rule_is_found_by_its_name():
    assert all(find_stopping_rule(name).name == name for name in STOPPING_RULES)


def test_every_rule_stands_in_the_table_of_the_documentation():
    page = (Path(__file__).parents[2] / "docs" / "screening.md").read_text(encoding="utf-8")
    section = page.partition("## When to stop")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = [text.replace("…", "knee, half") for cell in cells for text in re.findall(r"`([^`]+)`", cell)]
    assert {parse_stopping_rule(yaml.safe_load(text)).name for text in named} == set(STOPPING_RULES)
    configured = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])["stopping"]
    assert [parse_stopping_rule(rule).name for rule in configured]
