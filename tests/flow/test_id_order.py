"""The byte order of ids is the same in blocks of any size."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.flow import id_order, ids
from nirank.flow.ids import Ids

tables = st.lists(st.text("ab1é😀\uffff", max_size=4), max_size=40)


@settings(max_examples=200, deadline=None)
@given(table=tables, block=st.integers(1, 12), chunk=st.integers(1, 15))
def test_blocks_of_any_size_give_one_order(table: list[str], block: int, chunk: int) -> None:
    chunks = [pa.array(table[start : start + chunk], pa.large_string()) for start in range(0, len(table), chunk)]
    strings = pa.chunked_array(chunks, pa.large_string())
    expected = sorted(range(len(table)), key=lambda row: (table[row].encode(), row))
    with (
        patch.object(id_order, "BLOCK", block),
        patch.object(id_order, "_SAMPLED", 2),
        patch.object(ids, "_BLOCK", block),
    ):
        blocks = [rows.tolist() for rows in id_order.iterate_order(strings)]
        assert Ids(strings).order.tolist() == [row for rows in blocks for row in rows] == expected
        pairs = Ids(strings).find_duplicates()
    repeated = [(a, b) for a, b in pairwise(expected) if table[a] == table[b]]
    assert pairs == repeated
    assert not any(table[a[-1]] == table[b[0]] for a, b in pairwise(blocks) if a and b)


def test_many_ids_are_sorted_in_blocks_of_about_the_size_asked_for() -> None:
    numbers = np.random.default_rng(0).permutation(5_000)
    strings = pa.chunked_array([pa.array([f"d{n}" for n in part], pa.large_string()) for part in np.split(numbers, 5)])
    with patch.object(id_order, "BLOCK", 1_000):
        sizes = [len(rows) for rows in id_order.iterate_order(strings)]
    assert len(sizes) == 5
    assert max(sizes) < 1_500


def test_ids_written_as_they_came_are_completed(tmp_path: Path) -> None:
    table = Ids.of([f"d{n}" for n in np.random.default_rng(1).permutation(100)])
    (tmp_path / "saved").mkdir()
    table.save(tmp_path / "saved")
    (tmp_path / "ids.arrow").write_bytes((tmp_path / "saved" / "ids.arrow").read_bytes())
    with patch.object(id_order, "BLOCK", 7):
        assert Ids.complete(tmp_path) == table
    assert (tmp_path / "order.npy").read_bytes() == (tmp_path / "saved" / "order.npy").read_bytes()
