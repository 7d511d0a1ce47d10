"""How a re-ranker's score is mixed with the list's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nirank.errors import ModelError
from nirank.inference.mixture import Mixture, scale_lists


def test_r6_a_list_of_equal_scores_is_all_zeros() -> None:
    offsets = np.array([0, 3, 3, 4, 6])
    scaled = scale_lists(np.array([4.0, 3.0, 2.0, 9.0, 5.0, 5.0], np.float32), offsets)
    assert scaled.tolist() == [1.0, 0.5, 0.0, 0.0, 0.0, 0.0]
    assert scale_lists(np.empty(0), np.array([0, 0])).tolist() == []


def test_reliance_is_the_share_of_the_spread() -> None:
    s_r, s_p = np.array([-1.0, 1.0]), np.array([0.0, 1.0])
    mixture = Mixture.measure(-2.0, 4.0, s_r, s_p)
    assert (mixture.sd_r, mixture.sd_p) == (1.0, 0.5)
    assert mixture.reliance == pytest.approx(4 * 0.5 / (4 * 0.5 + 2 * 1))
    assert mixture.mix(s_r, s_p).tolist() == [2.0, 2.0]
    assert Mixture.measure(1.0, 1.0, np.zeros(2), np.zeros(2)).reliance is None
    assert Mixture.measure(1.0, 1.0, np.empty(0), np.empty(0)).sd_r == 0


def test_it_is_kept_in_a_models_folder(tmp_path: Path) -> None:
    mixture = Mixture(0.5, 2.0, 0.25, 0.125)
    mixture.save(tmp_path)
    assert Mixture.open(tmp_path) == mixture
    (tmp_path / "mixture.json").write_text("[]")
    with pytest.raises(ModelError, match=r"mixture\.json cannot be read"):
        Mixture.open(tmp_path)
