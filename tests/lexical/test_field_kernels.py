"""What is left out for a tf alone, postings or whole lists, could not have mattered."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from formula import search_by_formula
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.flow.ids import Ids
from nirank.flow.scope import Scope
from nirank.lexical import field_kernels, kernels, scoring
from nirank.lexical.field_frequencies import combine_fields
from nirank.lexical.postings import FieldPostings, Index, build_index, write_aids

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
    bounded=st.booleans(),
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
    bounded: bool,
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
        most_tfs=np.array([part.max() for part in np.split(tfs, [len(rows[0])])]) if bounded and len(rows[1]) else None,
    )
    scope = Scope(Ids.of(list("abc")), Ids.of([f"{number:03}" for number in random.permutation(N)]))
    queries = [["common"], ["other"], {"common": 1.0, "other": 5.0}]  # with a frequent rival, and a rare one
    with patch.object(kernels, "BLOCK", 64):
        found = scoring.search({"": field}, {"": 1.0}, queries, scope, k1=k1b[0], b=k1b[1], k=k)
    expected = search_by_formula({"": field}, {"": 1.0}, queries, scope, k1=k1b[0], b=k1b[1], k=k)
    assert found.rows.tolist() == expected.rows.tolist()
    assert found.scores.tobytes() == expected.scores.tobytes()


@pytest.mark.parametrize("most", [0.1, 1.0, 2.5, np.inf])
def test_no_score_passes_its_bound(most: float) -> None:
    random = np.random.default_rng(3)
    weights, tfs = random.lognormal(0, 2, 2000).astype(np.float32), random.integers(1, 50, 2000).astype(np.float32)
    bounds = field_kernels._bound_scores(weights, tfs, np.float32(most))
    for weight, tf, bound in zip(weights, tfs, bounds.tolist(), strict=True):
        score = kernels.score_term(weight, tf, np.float32(most))
        assert score <= bound <= min(score * (1 + 1e-4), weight)
    assert field_kernels._bound_scores(weights, np.full(2000, np.inf, np.float32), np.float32(most)).tolist() == (
        weights.tolist()
    )


def test_greatest_tfs_are_written(tmp_path: Path) -> None:
    docs, tfs = np.arange(5, dtype=np.int32), np.array([1, 3, 2, 7, 1], np.float32)
    write_aids(np.array([0, 3, 3, 5, 5]), docs, tfs, 5, tmp_path)
    assert np.load(tmp_path / "most_tfs.npy").tolist() == [3, 0, 7, 0]
    write_aids(np.array([0]), docs[:0], tfs[:0], 0, tmp_path)
    assert not len(np.load(tmp_path / "most_tfs.npy"))


def test_indexes_have_them_and_older_ones_need_not(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    build_index({"": iter(["a b b", "b", "", "a a a"])}, 4, "english", tmp_path / "index")
    found = Index.open(tmp_path / "index").fields[""]
    assert found.most_tfs is not None and found.most_tfs.tolist() == [2]
    combine_fields({"a": found}, {"a": 0.5}, {"a": 0.0}, tmp_path)
    assert np.load(tmp_path / "most_tfs.npy").tolist() == [1]
    (tmp_path / "most_tfs.npy").unlink()
    assert FieldPostings.open(tmp_path).most_tfs is None


@pytest.mark.parametrize("cut", [-1.0, 0.0, 2.1, 3.0])
def test_cuts_that_all_or_none_reach(cut: float) -> None:
    bound = field_kernels._bound_tf(np.float32(2), np.float32(1), cut)
    assert bound == (0 if cut <= 0 else np.inf)
