"""The stage of docs/extending.md is a stage: it obeys all laws, and is CombMNZ where its power is 1."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from nirank import Comb, Context, Ids, Ranking
from nirank.testing import check_stage

PAGE = Path(__file__).parents[1] / "docs/extending.md"


def test_the_stage_of_the_page_obeys_and_is_comb_mnz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = PAGE.read_text(encoding="utf-8").split("## A stage\n")[1]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert code is not None
    (tmp_path / "comb_gmnz.py").write_text(code[1], encoding="utf-8")
    spec = importlib.util.spec_from_file_location("comb_gmnz", tmp_path / "comb_gmnz.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "comb_gmnz", module)
    spec.loader.exec_module(module)

    for gamma in (0.0, 1.0, 2.0):
        check_stage(module.CombGMNZ(gamma))
    queries, docs = Ids.of(["p", "q"]), Ids.of(["a", "b", "c"])
    runs = ({"p": {"a": 3.0, "b": 1.0}, "q": {"c": 2.0}}, {"p": {"b": 9.0, "c": 8.0, "a": 1.0}})
    lists = [Ranking.from_dict(run, queries, docs) for run in runs]
    ours, theirs = module.CombGMNZ().combine(lists, Context()), Comb("mnz").combine(lists, Context())
    assert np.array_equal(ours.rows, theirs.rows) and np.allclose(ours.scores, theirs.scores)
