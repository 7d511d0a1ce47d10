"""Classifiers, by their names in scikit-learn."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from nirank.algebra.frozen import freeze
from nirank.base.values import fit_fields
from nirank.errors import ConfigError, suggest
from nirank.feedback.balance import weigh_classes
from nirank.feedback.policy import Features, Fit, Labels, Rows, Scores

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
_DRAWING = ("ExtraTreesClassifier", "HistGradientBoostingClassifier", "RandomForestClassifier", "SGDClassifier")
_COUNTS = ("ComplementNB", "MultinomialNB")  # what they model has no negative values


class Model(Protocol):
    """A classifier on rows of features."""

    def score(self, rows: Rows, classes: Labels, balance: float | None, fit: Fit) -> tuple[Scores, float]:
        """Fit on some rows, (s,), and return the scores of all rows, (n,), and the score between the classes.

        balance  how much the relevant rows weigh together, of the others' weight; None: every row weighs 1
        """
        ...


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

    @property
    def draws(self) -> bool:
        """Tell whether another seed can give another model."""
        return self.name in _DRAWING or (self.name == "LogisticRegression" and "solver" in self.options)

    def open(self, features: Features, *, resampled: bool = False) -> Model:
        """Return what is fitted on rows of these features, again and again.

        resampled  whether the rows are drawn anew for each fit, some of them several times
        """
        self.check_features(features)
        # With other options LinearSVC minimises something else.
        if self.name == "LinearSVC" and set(self.options) <= {"C"} and not resampled:
            from nirank.feedback.squared_hinge import SquaredHingeModel

            return SquaredHingeModel(features, float(self.options.get("C", 1.0)))
        return ScikitLearnModel(self._load(), self.options, features)

    def _load(self) -> Any:
        return getattr(importlib.import_module(f"sklearn.{_MODULES[self.name]}"), self.name)


class ScikitLearnModel:
    """A classifier of scikit-learn that is fitted from nothing each time."""

    def __init__(self, kind: Any, options: Mapping[str, Any], features: Features) -> None:
        self._kind, self._options, self._features = kind, dict(options), features

    def score(self, rows: Rows, classes: Labels, balance: float | None, fit: Fit) -> tuple[Scores, float]:
        model = self._kind(**self._options)
        if model.get_params().get("random_state", 0) is None:
            model.set_params(random_state=fit.seed)
        weights = None if balance is None else weigh_classes(classes, balance)
        model.fit(self._features[rows], classes, sample_weight=weights)
        if hasattr(model, "predict_proba"):
            return np.asarray(model.predict_proba(self._features)[:, 1], np.float64), 0.5
        return np.asarray(model.decision_function(self._features), np.float64), 0.0
