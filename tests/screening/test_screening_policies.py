"""Policies by name, on records: what each proposes after one relevant and one other record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import record_tables

from nirank.errors import ConfigError
from nirank.feedback.active_learning import AutoTAR
from nirank.feedback.features import make_topic_tfidf
from nirank.screening.policies import begin_review, check_policy, list_policies


@pytest.mark.parametrize("policy", list_policies())
@pytest.mark.parametrize("question", ["", "vitamin D for fractures"])
def test_every_policy_finds_the_records_that_are_like_the_included_one(
    tmp_path: Path, policy: str, question: str
) -> None:
    records = record_tables.read_table(tmp_path / "records.csv").records
    labels = {2: 1, 4: 0}  # "Vitamin D and fractures" and "Dogs at home"
    orders = []
    for _ in range(2):
        review = begin_review(records, policy, 0, np.arange(8), question, 0)
        proposal = review.propose(np.array(list(labels)), np.array(list(labels.values()), np.int8))
        assert sorted(proposal.order.tolist()) == [0, 1, 3, 5, 6, 7]
        orders.append(proposal.order.tolist())
    assert orders[0] == orders[1]
    assert set(orders[0][:2]) == {3, 7}  # "Vitamin D and falls", "Vitamin K"


def test_policies_that_need_vectors_and_those_that_are_none() -> None:
    assert "rocchio" not in list_policies()
    with pytest.raises(ConfigError, match="learns from vectors"):
        check_policy("rocchio")
    with pytest.raises(ConfigError, match="did you mean 'auto_tar'"):
        check_policy("autotar")


def test_the_question_weighs_no_word(tmp_path: Path) -> None:
    records = record_tables.read_table(tmp_path / "records.csv").records
    labels = np.array([1, 0], np.int8)
    review = begin_review(records, "auto_tar", 0, np.arange(8), "vitamin D for fractures", 0)
    texts = [f"{record.title} {record.abstract}" for record in records]
    features, topic = make_topic_tfidf(texts, "vitamin D for fractures", AutoTAR().terms)
    expected = AutoTAR().begin(features, 0, np.arange(8), topic=topic).propose(np.array([2, 4]), labels)
    scores = review.propose(np.array([2, 4]), labels).scores
    assert scores is not None and expected.scores is not None
    np.testing.assert_array_equal(scores, expected.scores)
