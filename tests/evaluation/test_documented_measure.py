"""The measure of docs/extending.md is a measure: its values by hand, and what follows by itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirank.evaluation import kernels, measures
from nirank.evaluation.evaluate import evaluate
from nirank.flow.ids import Ids
from nirank.flow.qrels import Qrels
from nirank.flow.ranking import Ranking

PAGE = Path(__file__).parents[2] / "docs/extending.md"


def test_the_measure_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    section = PAGE.read_text(encoding="utf-8").split("## A measure\n")[1]
    code = re.search(r"```python\n(def .*?)\n\n\nKERNELS", section, re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {**vars(kernels), "np": np}
    exec(compile("from __future__ import annotations\n" + code[1], PAGE, "exec"), names)
    monkeypatch.setitem(kernels.KERNELS, "Q", names["_q_measure"])
    monkeypatch.setattr(measures, "NATIVE", (*measures.NATIVE, "Q"))

    queries, docs = Ids.of(["q", "r"]), Ids.of(list("abcd"))
    run = {"q": {"a": 3.0, "b": 3.0, "c": 1.0}, "r": {"a": 1.0, "d": 0.5}}
    qrels = Qrels.from_dict({"q": {"a": 0, "b": 2, "d": 1}, "r": {"d": 2}}, queries, docs)
    evaluation = evaluate(Ranking.from_dict(run, queries, docs), qrels, ["Q", "Q@1"])
    first = (1 + 2) / (1 + 2) / 2  # b is first; of two relevant ones
    second = (1 + 2) / (2 + 2)  # d is second, and one document has all of the ideal gain
    assert evaluation.per_query["Q"].tolist() == [first, second]
    assert evaluation.per_query["Q@1"].tolist() == [first, 0.0]
    assert evaluation.ties["Q"].worst == pytest.approx(((1 + 2) / (2 + 3) / 2 + second) / 2)
