"""Arrays written as they come have the bytes of those written at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nirank.base.array_files import ArrayWriter


@pytest.mark.parametrize("kind", [np.int64, np.uint64, np.float32])
@pytest.mark.parametrize("sizes", [[], [0], [3], [1, 0, 9_999], [12, 100_000]])
def test_a_growing_file_is_that_of_all_values_together(
    tmp_path: Path, kind: type[np.generic], sizes: list[int]
) -> None:
    parts = [np.arange(size).astype(kind) for size in sizes]
    with ArrayWriter(tmp_path / "grown.npy", kind) as array:
        for part in parts:
            array.append(part.tolist() if len(part) < 5 else part)
    np.save(tmp_path / "whole.npy", np.concatenate([np.empty(0, kind), *parts]))
    assert (tmp_path / "grown.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()
