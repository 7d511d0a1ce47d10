"""Postings that are passed by for their tf alone could not have mattered."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from formula import search_by_formula
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.flow.ids import Ids
from nirank.flow.scope import Scope
from nirank.lexical import field_kernels, kernels, scoring
from nirank.lexical.postings import FieldPostings

N = 400  # documents, in blocks of 64


@settings(max_examples=300, deadline=None)
@given(
    weight=st.floats(2**-10, 2**10, width=32),
    most=st.floats(2**-10, 8, width=32),
    share=st.floats(0, 1, exclude_max=True),
    shorter=st.floats(0, 1),
)
def test_no_tf_below_the_bound_reaches_the_cut(weight: float, most: float, share: float, shorter: float) -> None:
    cut = weight * share
    bound = field_kernels._bound_tf(np.float32(weight), np.float32(most), cut)
    below = np.nextafter(bound, np.float32(0))
    if bound > 0:
        for inverse in (most, most * shorter):
            assert kernels.score_term(np.float32(weight), below, np.float32(inverse)) < cut
    if cut > 1e-3 * weight and bound < 1000:  # and little above it does
        above = np.float32(max(bound * 1.01, 1e-5))
        assert kernels.score_term(np.float32(weight), above, np.float32(most)) >= cut * (1 - 1e-2)


@settings(max_examples=100, deadline=None)
@given(
    share=st.sampled_from([0.02, 0.9]),
    most_tf=st.sampled_from([2, 5, 40]),
    shortest=st.sampled_from([0, 3, 30]),
    lengths=st.sampled_from([1, 3, 60]),
    k=st.sampled_from([1, 2, 10]),
    k1b=st.sampled_from([(0.9, 0.4), (0.0, 1.0), (1.2, 0.75), (2.0, 1.0)]),
    halves=st.booleans(),
    seed=st.integers(0, 999),
)
def test_one_list_is_read(
    share: float,
    most_tf: int,
    shortest: int,
    lengths: int,
    k: int,
    k1b: tuple[float, float],
    halves: bool,
    seed: int,
) -> None:
    random = np.random.default_rng(seed)
    rows = [np.flatnonzero(random.random(N) < part) for part in (0.9, share)]
    tfs = random.integers(1, most_tf + 1, sum(map(len, rows))).astype(np.float32) / (2 if halves else 1)
    field = FieldPostings(
        Ids.of(["common", "other"]),
        np.cumsum([0, *map(len, rows)]),
        np.concatenate(rows).astype(np.int32),
        tfs,
        random.integers(shortest, shortest + lengths, N).astype(np.uint8),
        N,
        30 * N,
    )
    scope = Scope(Ids.of(list("abc")), Ids.of([f"{number:03}" for number in random.permutation(N)]))
    queries = [["common"], ["other"], {"common": 1.0, "other": 5.0}]
    with patch.object(kernels, "BLOCK", 64):
        found = scoring.search({"": field}, {"": 1.0}, queries, scope, k1=k1b[0], b=k1b[1], k=k)
    expected = search_by_formula({"": field}, {"": 1.0}, queries, scope, k1=k1b[0], b=k1b[1], k=k)
    assert found.rows.tolist() == expected.rows.tolist()
    assert found.scores.tobytes() == expected.scores.tobytes()


@pytest.mark.parametrize("cut", [-1.0, 0.0, 2.1, 3.0])
def test_cuts_that_all_or_none_reach(cut: float) -> None:
    bound = field_kernels._bound_tf(np.float32(2), np.float32(1), cut)
    assert bound == (0 if cut <= 0 else np.inf)
