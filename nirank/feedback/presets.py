"""Policies by name."""

from __future__ import annotations

from nirank.errors import ConfigError, suggest
from nirank.feedback.active_learning import ActiveLearning, AutoTAR
from nirank.feedback.classifiers import Classifier
from nirank.feedback.features import TermFeatures
from nirank.feedback.rocchio import Rocchio

PolicyValue = ActiveLearning | Rocchio

# ASReview's models: the default of versions 2 and 3, its imitation of version 1, and version 1 itself
_WORDS = TermFeatures(ngrams=(1, 1), sublinear=False, max_df=1.0, stop_words="english")
_NB = Classifier("MultinomialNB", {"alpha": 3.822})
PRESETS: dict[str, PolicyValue] = {
    "elas_u4": ActiveLearning(),
    "elas_u3": ActiveLearning(_WORDS, _NB, balance=1.2),
    "nb": ActiveLearning(_WORDS, _NB, balance="double"),
    "auto_tar": AutoTAR(),
    "rocchio": Rocchio(),
}


def get_policy(name: str) -> PolicyValue:
    """Return a policy by its name; raise ConfigError, with the nearest one, for what is none."""
    if name not in PRESETS:
        raise ConfigError(f"feedback: there is no policy '{name}'{suggest(name, PRESETS)}")
    return PRESETS[name]
