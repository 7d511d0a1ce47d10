"""Weights of a text's terms: by hand, by a plain second writing, and at their limits."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.lexical.weights import kl, parsimonious

texts = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9), min_size=1)
collections = st.fixed_dictionaries({term: st.floats(0.001, 0.3) for term in "abcde"})


def test_kullback_leibler_by_hand() -> None:
    weights = kl({"solar": 3, "the": 1, "zyzzyva": 9}, {"solar": 0.01, "the": 0.5})
    assert weights == pytest.approx({"solar": 0.75 * math.log(75), "the": 0.25 * math.log(0.5)})
    assert kl({}, {}) == kl({"zyzzyva": 1}, {"a": 0.1}) == {}


@settings(deadline=None)  # on a busy machine an example may wait
@given(texts, collections, st.floats(0.05, 0.95))
def test_a_parsimonious_model_is_a_distribution_that_em_leaves_alone(
    tfs: dict[str, int], collection: dict[str, float], lam: float
) -> None:
    model = parsimonious(tfs, collection, lam)
    assert model.keys() <= tfs.keys() & collection.keys()
    assert sum(model.values()) == pytest.approx(1 if tfs.keys() & collection.keys() else 0, abs=1e-3)
    share = {term: tf for term, tf in tfs.items() if term in collection}
    for _ in range(200):
        total = sum(share.values())
        share = {term: value / total for term, value in share.items()}
        share = {
            term: tfs[term] * lam * p / (lam * p + (1 - lam) * collection[term]) if p else 0.0
            for term, p in share.items()
        }
    total = sum(share.values()) or 1
    assert model == pytest.approx({term: v / total for term, v in share.items() if term in model}, abs=1e-4)


@given(texts, collections)
def test_a_text_that_explains_all_of_itself_keeps_its_shares(tfs: dict[str, int], collection: dict[str, float]) -> None:
    known = {term: tf for term, tf in tfs.items() if term in collection}
    assert parsimonious(tfs, collection, 1.0) == pytest.approx(
        {term: tf / sum(known.values()) for term, tf in known.items()}
    )


def test_what_the_collection_explains_goes() -> None:
    model = parsimonious({"the": 5, "solar": 3, "panel": 2}, {"the": 0.6, "solar": 0.0001, "panel": 0.0001}, 0.1)
    assert model == pytest.approx({"solar": 0.6, "panel": 0.4}, abs=0.02)
