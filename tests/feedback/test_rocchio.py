"""Rocchio's formula."""

import numpy as np

from nirank.feedback.batches import Batches
from nirank.feedback.rocchio import Rocchio

RANDOM = np.random.default_rng(3)
DOCUMENTS = RANDOM.standard_normal((40, 8))
TOPIC = RANDOM.standard_normal((1, 8))
LABELS = (DOCUMENTS[:, 0] > 0.5).astype(np.int8)


def test_without_weights_the_ranking_of_the_rest_stays():
    """S10."""
    session = Rocchio((1, 0, 0)).begin(DOCUMENTS, 0, topic=TOPIC)
    first = session.propose(np.array([], np.int64), np.array([], np.int8)).order
    assert first.tolist() == np.argsort(-(DOCUMENTS @ TOPIC[0])).tolist()
    assert session.propose(first[:25], LABELS[first[:25]]).order.tolist() == first[25:].tolist()


def test_relevant_documents_alone_move_the_query_towards_their_mean():
    """S10."""
    relevant = np.flatnonzero(LABELS)
    session = Rocchio((1, 0.8, 0.2), Batches(len(relevant))).begin(DOCUMENTS, 0, topic=TOPIC)
    mean = DOCUMENTS[relevant].mean(0)

    def cosine(vector):
        return vector @ mean / np.linalg.norm(vector) / np.linalg.norm(mean)

    assert cosine(session.find_query(relevant, LABELS[relevant])) > cosine(TOPIC[0])


def test_the_query_moves_batch_by_batch():
    rows = np.arange(7)
    session = Rocchio((0.5, 0.8, 0.2), Batches(3)).begin(DOCUMENTS, 0, topic=TOPIC, priors=2)
    query = TOPIC[0]
    for batch in (rows[:2], rows[2:5], rows[5:]):
        query = 0.5 * query
        for weight, label in ((0.8, 1), (-0.2, 0)):
            if (LABELS[batch] == label).any():
                query = query + weight * DOCUMENTS[batch][LABELS[batch] == label].mean(0)
    assert np.allclose(session.find_query(rows, LABELS[rows]), query)
    # The same from its decisions, and after an undone one.
    assert np.array_equal(
        Rocchio((0.5, 0.8, 0.2), Batches(3)).begin(DOCUMENTS, 0, topic=TOPIC, priors=2).find_query(rows, LABELS[rows]),
        session.find_query(rows, LABELS[rows]),
    )
    turned = LABELS.copy()
    turned[1] = 1 - turned[1]
    assert not np.allclose(session.find_query(rows, turned[rows]), query)


def test_without_a_topic_the_initial_order_leads_until_something_is_judged():
    initial = np.array([7, 3, 5])
    session = Rocchio(batches=Batches(2)).begin(DOCUMENTS, 0, initial)
    nothing = session.propose(np.array([], np.int64), np.array([], np.int8))
    assert nothing.order[:3].tolist() == [7, 3, 5] and nothing.scores is None
    assert session.propose(np.array([7, 3]), LABELS[[7, 3]]).scores is not None
