"""What maximal marginal relevance chooses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.synthesis.mmr import choose_by_mmr

Vectors = np.ndarray


def make_unit_vectors(seed: int, n: int, dimension: int = 8, *, positive: bool = False) -> Vectors:
    vectors = np.random.default_rng(seed).standard_normal((n, dimension)).astype(np.float32)
    vectors = np.abs(vectors) if positive else vectors
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def choose_plainly(candidates: Vectors, centre: Vectors, n: int, weight: float) -> list[int]:
    """Choose by the formula, one product at a time."""
    chosen: list[int] = []
    while len(chosen) < n:
        scores = [
            weight * float(candidates[i] @ centre)
            - (1 - weight) * max((float(candidates[i] @ candidates[j]) for j in chosen), default=0.0)
            for i in range(len(candidates))
        ]
        chosen.append(max((i for i in range(len(candidates)) if i not in chosen), key=lambda i: scores[i]))
    return chosen


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1000), st.floats(0.05, 1.0))
def test_documents_are_chosen_by_the_formula(seed: int, weight: float) -> None:
    candidates, centre = make_unit_vectors(seed, 12), make_unit_vectors(seed + 1, 1)[0]
    assert choose_by_mmr(candidates, centre, 6, weight)[0].tolist() == choose_plainly(candidates, centre, 6, weight)


def test_t7_weight_1_takes_the_nearest_to_the_centre() -> None:
    candidates, centre = make_unit_vectors(1, 40), make_unit_vectors(2, 1)[0]
    places, _ = choose_by_mmr(candidates, centre, 7, 1.0)
    assert places.tolist() == np.argsort(-(candidates @ centre))[:7].tolist()


def test_t7_weight_0_takes_one_of_each_of_two_tight_groups() -> None:
    """It begins with the one nearest to the centre."""
    candidates = np.array([[0.8, 0.6], [1, 0], [0.999, 0.04471], [0, 1], [0.04471, 0.999]], np.float32)
    places, scores = choose_by_mmr(candidates, candidates[1], 2, 0.0)
    assert places.tolist() == [1, 3]
    assert scores.tolist() == pytest.approx([0, 0])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1000), st.floats(0.0, 1.0))
def test_t8_scores_never_rise_where_no_cosine_is_negative(seed: int, weight: float) -> None:
    candidates = make_unit_vectors(seed, 15, positive=True)
    _, scores = choose_by_mmr(candidates, candidates[0], 15, weight)
    assert (np.diff(scores) <= 1e-6).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1000), st.just(0.0) | st.floats(1e-6, 1.0))  # products of lesser weights would all be one
def test_t8_the_order_of_the_documents_does_not_matter(seed: int, weight: float) -> None:
    candidates, centre = make_unit_vectors(seed, 15), make_unit_vectors(seed + 1, 1)[0]
    order = np.random.default_rng(seed).permutation(15)
    places, _ = choose_by_mmr(candidates, centre, 5, weight)
    shuffled, _ = choose_by_mmr(candidates[order], centre, 5, weight)
    assert order[shuffled].tolist() == places.tolist()


@pytest.mark.parametrize("weight", [0.0, 0.5, 0.95])
def test_t9_of_equal_documents_one_is_chosen_and_the_first(weight: float) -> None:
    """Three directions at about 30 degrees from the centre, the nearest of them twice."""
    near, far = np.deg2rad([30, 31])
    twin, other = [np.sin(near), 0, np.cos(near)], [-np.sin(far), 0, np.cos(far)]
    candidates = np.array([other, twin, twin, [0, np.sin(far), np.cos(far)]], np.float32)
    places, _ = choose_by_mmr(candidates, np.array([0, 0, 1], np.float32), 3, weight)
    assert places[0] == 1
    assert sorted(places.tolist()) == [0, 1, 3]


def test_of_equal_scores_the_first_document_is_chosen() -> None:
    candidates = np.array([[0, 1], [1, 0], [1, 0], [0, 1]], np.float32)
    assert choose_by_mmr(candidates, np.array([1, 0], np.float32), 4, 1.0)[0].tolist() == [1, 2, 0, 3]
