"""What a stage says of itself is what JSON can say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nirank.algebra.context import Context
from nirank.errors import StageError


def test_numbers_of_numpy_are_numbers() -> None:
    values: dict[str, Any] = {"a": np.float32(0.5), "b": [np.int64(3)], "c": {"d": np.bool_(True)}, "e": np.arange(2)}
    context = Context(stage="toy")
    for name, value in values.items():
        context.declare(name, value)
    context.count("n", np.int64(2))  # type: ignore[arg-type]
    context.count("n", np.bool_(True))  # type: ignore[arg-type]
    assert json.loads(json.dumps(context.declared)) == {"a": 0.5, "b": [3], "c": {"d": True}, "e": [0, 1]}
    assert context.counts == {"n": 3}


@pytest.mark.parametrize("value", [object(), float("nan"), np.float32("inf"), {1, 2}, b"x", Path("x"), [object()]])
def test_what_json_cannot_say_is_refused_when_it_is_declared(value: Any) -> None:
    with pytest.raises(StageError, match="toy: declares 'a' as .*; expected text, finite numbers"):
        Context(stage="toy").declare("a", value)


@pytest.mark.parametrize("n", [1.5, float("nan"), "3", None])
def test_a_counter_counts_whole_things(n: Any) -> None:
    with pytest.raises(StageError, match="toy: counts 'a' by .*; expected a whole number"):
        Context(stage="toy").count("a", n)
