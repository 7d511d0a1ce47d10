"""Documents as TF-IDF vectors, as reviewing tools make them: fitted on the documents of a topic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nirank.base.values import fit_fields
from nirank.errors import ConfigError
from nirank.feedback.policy import Features


@dataclass(frozen=True)
class TermFeatures:
    """What counts as a term, and how it is weighted: scikit-learn's TF-IDF, lower case, rows of unit length.

    ngrams      words of the shortest and of the longest term
    sublinear   1 + ln(tf) for tf
    min_df      documents that must have a term, at least
    max_df      share of the documents that may have it, at most
    stop_words  'english': scikit-learn's list is left out
    """

    ngrams: tuple[int, int] = (1, 2)
    sublinear: bool = True
    min_df: int = 1
    max_df: float = 0.95
    stop_words: Literal["english"] | None = None

    def __post_init__(self) -> None:
        fit_fields(self, "terms")
        if len(self.ngrams) != 2 or not 1 <= self.ngrams[0] <= self.ngrams[1]:
            raise ConfigError(f"terms: ngrams are the shortest and the longest, such as [1, 2], got {self.ngrams}")
        if self.min_df < 1 or not 0 < self.max_df <= 1:
            raise ConfigError(
                f"terms: min_df must be 1 or more and max_df above 0 and at most 1, got {self.min_df} and {self.max_df}"
            )


def make_tfidf(texts: Iterable[str], terms: TermFeatures = TermFeatures()) -> Features:
    """Return the texts' TF-IDF vectors, (n, terms) float64, in sparse rows.

    Where no term is left, there is one column of zeros: all documents are alike then.
    """
    return make_topic_tfidf(texts, "", terms)[0]


def make_topic_tfidf(texts: Iterable[str], topic: str, terms: TermFeatures) -> tuple[Features, Features]:
    """Return the texts' TF-IDF vectors, and that of the topic's own text, (1, terms), which no weight depends on."""
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfVectorizer

    documents = list(texts)
    vectoriser = TfidfVectorizer(
        ngram_range=terms.ngrams,
        sublinear_tf=terms.sublinear,
        min_df=min(terms.min_df, max(int(terms.max_df * len(documents)), 1)),
        max_df=terms.max_df if len(documents) > 1 else 1.0,
        stop_words=terms.stop_words,
        dtype=np.float64,
    )
    try:
        return vectoriser.fit_transform(documents), vectoriser.transform([topic])
    except ValueError:  # no text has a term that counts
        return csr_matrix((len(documents), 1), dtype=np.float64), csr_matrix((1, 1), dtype=np.float64)
