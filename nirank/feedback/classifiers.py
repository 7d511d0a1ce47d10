"""Classifiers, by their names in scikit-learn."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nirank.algebra.frozen import freeze
from nirank.base.values import fit_fields
from nirank.errors import ConfigError, suggest
from nirank.feedback.policy import Features, Labels, Scores

_MODULES = {
    "BernoulliNB": "naive_bayes",
    "ComplementNB": "naive_bayes",
    "ExtraTreesClassifier": "ensemble",
    "HistGradientBoostingClassifier": "ensemble",
    "LinearSVC": "svm",
    "LogisticRegression": "linear_model",
    "MultinomialNB": "naive_bayes",
    "RandomForestClassifier": "ensemble",
    "RidgeClassifier": "linear_model",
    "SGDClassifier": "linear_model",
    "SVC": "svm",
}
CLASSIFIERS = tuple(_MODULES)
_COUNTS = ("ComplementNB", "MultinomialNB")  # what they model has no negative values


@dataclass(frozen=True)
class Classifier:
    """A classifier of scikit-learn with options of its own; what is not given is as scikit-learn has it."""

    name: str = "LinearSVC"
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        fit_fields(self, "classifier")
        object.__setattr__(self, "options", freeze(self.options))
        if self.name not in _MODULES:
            raise ConfigError(f"classifier: there is no '{self.name}' here{suggest(self.name, _MODULES)}")

    def check_options(self) -> None:
        """Raise ConfigError for options or values that scikit-learn does not know; loads scikit-learn."""
        kind = self._load()
        for name in self.options:
            known = kind().get_params()
            if name not in known:
                raise ConfigError(f"classifier: {self.name} has no option '{name}'{suggest(name, known)}")
        try:
            kind(**self.options)._validate_params()
        except ValueError as error:
            raise ConfigError(f"classifier: {error}") from None

    def check_features(self, features: Features) -> None:
        """Raise ConfigError for features that the classifier has no use for."""
        if self.name in _COUNTS and not hasattr(features, "indptr") and np.min(features, initial=0) < 0:
            raise ConfigError(f"classifier: {self.name} takes no negative features, such as a model's vectors have")

    def score(
        self, features: Features, labels: Labels, weights: Scores | None, documents: Features, seed: int
    ) -> tuple[Scores, float]:
        """Fit on some documents, and return the scores of others, (n,), and the score between the classes.

        weights  of the documents that it is fitted on, (s,)
        """
        model = self._load()(**self.options)
        if model.get_params().get("random_state", 0) is None:
            model.set_params(random_state=seed)
        model.fit(features, labels, sample_weight=weights)
        if hasattr(model, "predict_proba"):
            return np.asarray(model.predict_proba(documents)[:, 1], np.float64), 0.5
        return np.asarray(model.decision_function(documents), np.float64), 0.0

    def _load(self) -> Any:
        return getattr(importlib.import_module(f"sklearn.{_MODULES[self.name]}"), self.name)
