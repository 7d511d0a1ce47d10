"""The support vector machine equals scikit-learn's at its optimum, whatever it begins from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random_array
from sklearn.svm import LinearSVC

from nirank.feedback import squared_hinge
from nirank.feedback.balance import weigh_classes
from nirank.feedback.policy import Fit
from nirank.feedback.squared_hinge import SquaredHingeModel

FEATURES = csr_matrix(random_array((120, 300), density=0.05, random_state=np.random.default_rng(0)))
LABELS = (np.asarray(FEATURES[:, :20].sum(axis=1)).ravel() > 0.7).astype(np.int8)


@pytest.mark.parametrize("dense", [1024, 0])
@pytest.mark.parametrize("balance", [9.8, None])
@pytest.mark.parametrize("cost", [0.11, 10.0])
def test_scores_are_those_of_scikit_learn(
    dense: int, balance: float | None, cost: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(squared_hinge, "_DENSE", dense)
    rows = np.random.default_rng(1).permutation(120)[:70]
    weights = None if balance is None else weigh_classes(LABELS[rows], balance)
    theirs = LinearSVC(C=cost, tol=1e-10, max_iter=1_000_000, random_state=0)
    theirs.fit(FEATURES[rows], LABELS[rows], sample_weight=weights)
    scores, boundary = SquaredHingeModel(FEATURES, cost).score(rows, LABELS[rows], balance, Fit(0, 1))
    assert boundary == 0
    assert np.allclose(scores, theirs.decision_function(FEATURES), atol=1e-6)


@pytest.mark.parametrize("dense", [1024, 0])
def test_a_model_does_not_depend_on_what_was_fitted_before(dense: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit: a review that goes on after a crash shows the same order."""
    monkeypatch.setattr(squared_hinge, "_DENSE", dense)
    rows = np.random.default_rng(2).permutation(120)
    used = SquaredHingeModel(FEATURES, 0.11)
    for n in range(40, 110):
        scores, _ = used.score(rows[:n], LABELS[rows[:n]], 9.8, Fit(0, 1))
        if n % 13 == 0:
            used.score(rows[::-1][:50], LABELS[rows[::-1][:50]], 9.8, Fit(0, 1))  # another history
        fresh, _ = SquaredHingeModel(FEATURES, 0.11).score(rows[:n], LABELS[rows[:n]], 9.8, Fit(0, 1))
        assert np.array_equal(scores, fresh)
