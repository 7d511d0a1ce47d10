"""The hash of n-grams never changes, and its n-grams are scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from nirank.inference.ngram_hashing import hash_ngrams

WIDE = 2**40
ALL = 2**64 - 1


def hash_slowly(ngram: str, buckets: int) -> int:
    """The definition, in Python's own integers."""
    h = 14695981039346656037
    for character in ngram:
        h = (h ^ ord(character)) * 1099511628211 & ALL
    h = (h ^ h >> 33) * 18397679294719823053 & ALL
    h = (h ^ h >> 33) * 14181476777654086739 & ALL
    return (h ^ h >> 33) % buckets


@pytest.mark.parametrize(
    ("text", "buckets"),
    [
        ("tv", [9646, 22327, 15738]),
        ("TV", [9646, 22327, 15738]),
        ("é", [1664]),
        ("日本", [27222, 9826, 15630]),
    ],
)
def test_golden_values(text: str, buckets: list[int]) -> None:
    """Trained models hold rows by these numbers."""
    ids, offsets = hash_ngrams([text], (3, 5), 32768)
    assert ids.tolist() == buckets
    assert offsets.tolist() == [0, len(buckets)]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=30), max_size=5), st.sampled_from([(1, 1), (2, 3), (3, 5), (5, 9)]))
def test_ngrams_are_those_of_scikit_learn(texts: list[str], ngrams: tuple[int, int]) -> None:
    analyze = CountVectorizer(analyzer="char_wb", ngram_range=ngrams).build_analyzer()
    ids, offsets = hash_ngrams(texts, ngrams, WIDE)
    for row, text in enumerate(texts):
        expected = sorted(hash_slowly(ngram, WIDE) for ngram in analyze(" ".join(text.lower().split())))
        assert sorted(ids[offsets[row] : offsets[row + 1]].tolist()) == expected


def test_texts_without_words_have_no_ngrams() -> None:
    ids, offsets = hash_ngrams(["", " \n\t", "ab"], (3, 5), WIDE)
    assert offsets.tolist() == [0, 0, 0, 3]
    assert hash_ngrams([], (3, 5), WIDE)[1].tolist() == [0]
    assert len(ids) == 3


def test_half_a_surrogate_pair_is_a_character_too() -> None:
    ids, _ = hash_ngrams(["\ud800"], (3, 5), WIDE)
    assert ids.tolist() == [hash_slowly(" \ud800 ", WIDE)]


def test_buckets_are_filled_evenly() -> None:
    """10,000 words into 100 buckets: chi-squared of 99 degrees of freedom stays below its 0.9999 quantile."""
    ids, _ = hash_ngrams([f"{number}" for number in range(10_000)], (9, 9), 100)
    counts = np.bincount(ids, minlength=100)
    assert ((counts - 100) ** 2 / 100).sum() < 160
