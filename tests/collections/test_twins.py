"""Twins found by parts of the range of hashes are those found by looking at all."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.collections import twins

hashes = st.one_of(st.integers(0, 3), st.integers(2**64 - 3, 2**64 - 1), st.integers(0, 15).map(lambda n: n << 60))


@settings(max_examples=200, deadline=None)
@given(given_hashes=st.lists(hashes, max_size=30), block=st.integers(1, 40))
def test_a_twin_goes_by_the_first_row_with_its_text(given_hashes: list[int], block: int) -> None:
    with patch.object(twins, "_BLOCK", block):
        groups = twins.group_twins(np.array(given_hashes, np.uint64)).tolist()
    assert groups == [given_hashes.index(value) if value else row for row, value in enumerate(given_hashes)]
