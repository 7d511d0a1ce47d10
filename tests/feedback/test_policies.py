"""What every policy obeys: each document once, batches, the same order however somebody asks."""

from __future__ import annotations

import numpy as np
import pytest

from nirank.errors import ConfigError
from nirank.feedback.active_learning import ActiveLearning, AutoTAR
from nirank.feedback.batches import Batches
from nirank.feedback.classifiers import Classifier, ScikitLearnModel
from nirank.feedback.features import TermFeatures, make_tfidf
from nirank.feedback.presets import PRESETS, get_policy
from nirank.feedback.rocchio import Rocchio

WORDS = ["statin", "heart", "liver", "rat", "dog", "trial", "dose", "placebo", "cell", "gene"]


def make_topic(n=60, seed=0):
    """Return features, labels and the topic's features: relevant documents speak of statins in the heart."""
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.2).astype(np.int8)
    texts = []
    for label in labels:
        words = random.choice(WORDS[3:], 8).tolist()
        texts.append(" ".join(words + (random.choice(WORDS[:2], 3).tolist() if label else [])))
    texts[5] = ""
    features = make_tfidf([*texts, "statin heart"], TermFeatures(ngrams=(1, 1)))
    return features[:n], labels, features[n:]


def review(policy, *, ask_always=False, seed=0, priors=(), initial=None, dense=False, stop=None):
    """Return the order of reviewing and the sizes of the batches."""
    features, labels, topic = make_topic()
    if dense:
        features, topic = features.toarray(), topic.toarray()
    session = policy.begin(features, seed, initial, topic=topic, priors=len(priors))
    judged, sizes = list(priors), []
    while len(judged) < len(labels) and (stop is None or len(judged) < stop):
        proposal = session.propose(np.array(judged, np.int64), labels[judged])
        assert sorted([*judged, *proposal.order.tolist()]) == list(range(len(labels)))
        size = 1 if ask_always else proposal.batch
        judged += proposal.order[:size].tolist()
        sizes.append(size)
    assert session.propose(np.array(judged, np.int64), labels[judged]).batch == (0 if stop is None else 1)
    return judged, sizes


POLICIES = dict(PRESETS)
POLICIES["auto_tar"] = AutoTAR(presumed=10)  # there are not 100 others here
POLICIES |= {
    query: ActiveLearning(query=query, batches=Batches(4))
    for query in ("uncertainty", "random", "max_random", "max_uncertainty")
}


@pytest.mark.parametrize("name", POLICIES)
def test_every_document_is_reviewed_once(name):
    """S4."""
    judged, _ = review(POLICIES[name])
    assert sorted(judged) == list(range(60))


@pytest.mark.parametrize("name", POLICIES)
def test_asking_after_every_document_gives_the_order_of_asking_after_every_batch(name):
    assert review(POLICIES[name], ask_always=True)[0] == review(POLICIES[name])[0]


@pytest.mark.parametrize("name", POLICIES)
def test_a_review_goes_on_from_its_decisions(name):
    whole, _ = review(POLICIES[name])
    features, labels, topic = make_topic()
    for done in (1, 7, 23, 58):
        judged = np.array(whole[:done])
        again = POLICIES[name].begin(features, 0, topic=topic)
        proposal = again.propose(judged, labels[judged])
        assert proposal.order[0] == whole[done]
        assert proposal.order[: proposal.batch].tolist() == whole[done : done + proposal.batch]


@pytest.mark.parametrize("name", ["auto_tar", "nb", "max_random", "random"])
def test_seeds_change_what_is_drawn(name):
    assert review(POLICIES[name], seed=0)[0] != review(POLICIES[name], seed=1)[0]
    assert review(POLICIES[name], seed=1)[0] == review(POLICIES[name], seed=1)[0]


def test_batches_grow_as_autotar_says():
    """S4: 1, 2, … 10, 11, 13, 15, …; 55 after 10 rounds, 265 after 20, 886 after 30, 990 after 31."""
    batches, sizes, judged = Batches(1, 0.1), [], 0
    while len(sizes) < 31:
        number, begin, end = batches.locate(judged)
        assert (number, begin) == (len(sizes), judged)
        sizes.append(end - begin)
        judged = end
    assert sizes[:20] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 21, 24, 27, 30, 33]
    assert (sum(sizes[:10]), sum(sizes[:20]), sum(sizes[:30]), sum(sizes)) == (55, 265, 886, 990)
    assert batches.locate(4) == (2, 3, 6)


def test_a_review_by_autotar_follows_these_sizes():
    assert review(AutoTAR())[1] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 5]


def test_presumed_negatives_are_drawn_anew_and_leave_labels_alone(monkeypatch):
    """S4 and S5: they are 100 at most, of the unjudged, others in each round, and never among the judged."""
    features, labels, topic = make_topic()
    labels[:] = 1  # whatever is presumed is truly relevant
    fits = []
    kept = ScikitLearnModel.score

    def score(self, rows, classes, balance, fit):
        fits.append((self._features[rows].toarray(), classes.copy()))
        return kept(self, rows, classes, balance, fit)

    monkeypatch.setattr(ScikitLearnModel, "score", score)
    session = AutoTAR(presumed=20).begin(features, 0, topic=topic)
    judged = np.arange(3)
    given = labels[judged].copy()
    session.propose(judged, given)
    session.propose(np.arange(6), labels[:6])
    assert (given == 1).all()
    (first, first_classes), (second, second_classes) = fits
    assert first_classes.tolist() == [1] * 4 + [0] * 20  # topic, three judged, presumed
    assert second_classes.tolist() == [1] * 7 + [0] * 20
    assert not np.array_equal(np.sort(first[4:], 0), np.sort(second[7:], 0))
    full = features.toarray()
    unjudged = {row.tobytes() for row in full[3:]}
    assert all(row.tobytes() in unjudged for row in first[4:])


def test_documents_come_in_the_initial_order_until_both_classes_are_known():
    features, labels, _ = make_topic()
    relevant, others = np.flatnonzero(labels), np.flatnonzero(labels == 0)
    initial = np.concatenate((others[:4], relevant[:1]))
    session = ActiveLearning().begin(features, 0, initial)
    proposal = session.propose(np.array([], np.int64), np.array([], np.int8))
    assert proposal.scores is None
    assert proposal.order[:5].tolist() == initial.tolist()
    assert proposal.order[5:].tolist() == sorted(set(range(60)) - set(initial.tolist()))
    judged = initial[:3]
    assert session.propose(judged, labels[judged]).order[0] == initial[3]
    assert session.propose(initial, labels[initial]).scores is not None


def test_priors_are_used_and_are_part_of_no_batch():
    """Only irrelevant priors: exactly they are used, and documents come in the order of the rows until one is relevant."""
    _, labels, _ = make_topic()
    others, relevant = np.flatnonzero(labels == 0)[:2], np.flatnonzero(labels)[0]
    judged, sizes = review(ActiveLearning(batches=Batches(1, 1.0)), priors=others.tolist())
    assert sizes[:4] == [1, 2, 4, 8]
    unread = [row for row in range(60) if row not in others]
    assert judged[2] == unread[0]
    again, _ = review(AutoTAR(), priors=[int(relevant)])
    assert again[0] == relevant and len(set(again)) == 60


def test_documents_without_text_are_not_first():
    _, labels, _ = make_topic()
    for policy in (ActiveLearning(), AutoTAR()):
        judged, _ = review(policy)
        assert judged.index(5) > np.flatnonzero(labels[judged]).max()


def test_feedback_finds_the_relevant_documents_first():
    _, labels, _ = make_topic()
    for name in ("elas_u4", "elas_u3", "nb", "auto_tar"):
        judged, _ = review(PRESETS[name])
        places = np.flatnonzero(labels[judged])
        assert places.max() < 30, name


def test_dense_features_serve_as_well_as_sparse_ones():
    assert review(ActiveLearning(), dense=True)[0] == review(ActiveLearning())[0]
    assert review(AutoTAR(), dense=True)[0] == review(AutoTAR())[0]
    with pytest.raises(ConfigError, match="MultinomialNB takes no negative features"):
        PRESETS["nb"].begin(-np.eye(3), 0)


def test_texts_without_a_term_are_all_alike():
    for texts in ([], ["", ""], ["the of"], ["a"]):
        features = make_tfidf(texts, TermFeatures(stop_words="english", min_df=2))
        assert features.shape[0] == len(texts)
    session = AutoTAR().begin(make_tfidf(["", "", ""]), 0)
    assert session.propose(np.array([0, 1]), np.array([1, 0])).order.tolist() == [2]


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(ConfigError, match="no policy 'elas'; did you mean 'elas_u"):
        get_policy("elas")
    with pytest.raises(ConfigError, match="no 'LinearSVM' here; did you mean 'LinearSVC'"):
        Classifier("LinearSVM")
    with pytest.raises(ConfigError, match="MultinomialNB has no option 'alfa'; did you mean 'alpha'"):
        Classifier("MultinomialNB", {"alfa": 1}).check_options()
    with pytest.raises(ConfigError, match="alpha"):
        Classifier("MultinomialNB", {"alpha": -1}).check_options()
    for make in (
        lambda: ActiveLearning(balance=0.0),
        lambda: ActiveLearning(presumed=-1),
        lambda: ActiveLearning(query="best"),
        lambda: Batches(0),
        lambda: Batches(1, -0.1),
        lambda: Rocchio((1, -1, 0)),
        lambda: TermFeatures(ngrams=(2, 1)),
        lambda: TermFeatures(max_df=0),
    ):
        with pytest.raises(ConfigError):
            make()
    Classifier("LinearSVC", {"C": 0.1}).check_options()
