"""How many documents each cluster gives."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nirank.synthesis.quotas import compute_quotas

SIZES = st.lists(st.integers(0, 200) | st.integers(0, 3), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(SIZES, st.data())
def test_t1_quotas_add_up_and_no_cluster_gives_more_than_it_has(sizes: list[int], data: st.DataObject) -> None:
    assume(sum(sizes) >= len(sizes))
    n = data.draw(st.integers(len(sizes), sum(sizes)))
    quotas = compute_quotas(np.array(sizes), n)
    assert quotas.sum() == n
    assert (quotas >= 0).all()
    assert (quotas <= sizes).all()
    assert (quotas[np.array(sizes) > 0] >= 1).all()


def test_t2_the_worked_example() -> None:
    assert compute_quotas(np.array([1, 2, 3, 10, 34, 50]), 20).tolist() == [1, 1, 1, 2, 6, 9]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(20, 500), min_size=2, max_size=30), st.integers(0, 100))
def test_t3_larger_clusters_give_as_much_or_more(sizes: list[int], more: int) -> None:
    n = len(sizes) + more
    assume(1 + more * max(sizes) // sum(sizes) + 1 < min(sizes))  # nothing is clipped
    quotas = compute_quotas(np.array(sizes), n)
    for size, quota in zip(sizes, quotas.tolist(), strict=True):
        for other_size, other_quota in zip(sizes, quotas.tolist(), strict=True):
            if size > other_size:
                assert quota >= other_quota
            elif size == other_size:
                assert abs(quota - other_quota) <= 1


def test_what_is_left_goes_around_where_clusters_are_empty() -> None:
    """Six clusters, four of them empty, as many documents as clusters: two clusters give three each."""
    assert compute_quotas(np.array([0, 50, 0, 50, 0, 0]), 6).tolist() == [0, 3, 0, 3, 0, 0]
    assert compute_quotas(np.array([0, 50, 0, 60, 0, 0]), 7).tolist() == [0, 3, 0, 4, 0, 0]


def test_a_surplus_goes_where_most_is_lacking() -> None:
    """1, 1 and 15 of 19, and of the two that are left one goes to a cluster of a single document, which lacks room."""
    assert compute_quotas(np.array([1, 1, 18]), 19).tolist() == [1, 1, 17]
    assert compute_quotas(np.array([1, 1, 1]), 3).tolist() == [1, 1, 1]


def test_of_more_clusters_than_documents_the_largest_give_one_and_of_equal_ones_the_first() -> None:
    assert compute_quotas(np.array([2, 9, 2, 0, 5]), 3).tolist() == [1, 1, 0, 0, 1]
    assert compute_quotas(np.array([4, 4, 4]), 4).tolist() == [2, 1, 1]
