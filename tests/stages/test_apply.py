"""A user's function as a stage: declared identity, and what is refused."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from nirank.algebra.context import Context
from nirank.collections.texts import Texts
from nirank.errors import ConfigError, StageError
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.stages import apply as module
from nirank.stages.apply import apply
from nirank.stages.cut import Cut

QUERIES = Texts.of({"q": {"text": " red wine "}, "r": {"text": ""}})
DOCS = Texts.of({"a": {"title": "Wine", "text": "red"}, "b": {"text": "blue"}, "c": {"title": "", "text": ""}})


def shared(queries: list[str], docs: list[str]) -> list[int]:
    return [len(set(q.lower().split()) & set(d.lower().split())) for q, d in zip(queries, docs, strict=True)]


def shared_too(queries: list[str], docs: list[str]) -> list[int]:
    return shared(queries, docs)


def scores(function: Any) -> Any:
    pairs = Pairs.from_ids(QUERIES.ids, DOCS.ids, {"q": ["a", "b", "c"], "r": ["a"]}, source="test")
    return apply(function, name="f", version=1).score(pairs, Context(QUERIES, DOCS))  # type: ignore[union-attr]


def test_a_scorer_sees_title_and_text_of_every_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str]] = []

    def note(queries: list[str], docs: list[str]) -> list[int]:
        seen.extend(zip(queries, docs, strict=True))
        return shared(queries, docs)

    assert scores(note).tolist() == [2.0, 0.0, 0.0, 0.0]
    assert seen == [("red wine", "Wine red"), ("red wine", "blue"), ("red wine", ""), ("", "Wine red")]
    monkeypatch.setattr(module, "_CHUNK", 3)
    assert scores(shared).tolist() == [2.0, 0.0, 0.0, 0.0]


def test_precision_is_the_functions() -> None:
    assert scores(shared).dtype == np.float64
    assert scores(lambda q, d: np.zeros(len(q), np.float32)).dtype == np.float32


def test_identity_is_name_and_version_not_the_function() -> None:
    scorer, twin = apply(shared, name="s", version=1), apply(shared_too, name="s", version=1)
    assert scorer == twin and hash(scorer) == hash(twin) and scorer.describe_identity() == twin.describe_identity()
    assert scorer != apply(shared, name="s", version=2) and scorer != apply(shared, name="t", version=1)
    assert scorer.describe_identity()["options"] == {"name": "s", "version": 1}
    combiner = apply(lambda lists: lists[0], name="s", version=1, kind="combiner")
    assert combiner.describe_identity() != scorer.describe_identity()
    assert apply(shared, version=1).name == "shared"


def test_repr_names_the_function() -> None:
    assert repr(apply(shared, version=3, depth=5)) == "apply(shared, name='shared', version=3, depth=5)"
    assert eval(repr(apply(shared, version=3, depth=5))) == apply(shared, version=3, depth=5)
    combiner = apply(lambda lists: lists[0], name="f", version=1, kind="combiner", lists=(2, None))
    assert repr(combiner) == "apply(<lambda>, name='f', version=1, kind='combiner', lists=(2, None))"


def test_a_combiner_combines() -> None:
    ranking = Ranking.from_dict({"q": {"a": 2.0, "b": 1.0}})
    stage = apply(lambda lists: lists[0].cut(1), name="top", version=1, kind="combiner")
    assert stage.combine([ranking], Context()).to_dict() == {"q": {"a": 2.0}}  # type: ignore[union-attr]
    wrong = apply(lambda lists: 5, name="five", version=1, kind="combiner")
    with pytest.raises(StageError, match="five: the function gave a int; expected a Ranking"):
        wrong.combine([ranking], Context())  # type: ignore[union-attr]


@pytest.mark.parametrize("wrong", [[1.0], 1.0, ["a"] * 4, [[1.0]] * 4, [True] * 4, [1j] * 4, None])
def test_what_a_function_gives_is_checked(wrong: Any) -> None:
    with pytest.raises(StageError, match=r"f: the function gave values of shape .* for 4 pairs"):
        scores(lambda queries, docs: wrong)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: apply(lambda q, d: [], version=1), "the function has no name of its own"),
        (lambda: apply(partial(shared), version=1), "the function has no name of its own"),
        (lambda: apply("shared", version=1), "apply: expected a function, got 'shared'"),
        (lambda: apply(Cut(3), version=1), r"apply: Cut\(3\) is a stage already"),
        (lambda: apply(Cut, version=1), "is a stage already"),
        (lambda: apply(shared, version=0), "shared: version must be a whole number, 1 or more, got 0"),
        (lambda: apply(shared, version="one"), "version: input should be a valid integer"),  # type: ignore[arg-type]
        (lambda: apply(shared, version=1, kind="score"), "did you mean 'scorer'"),  # type: ignore[arg-type]
        (lambda: apply(shared, version=1, depth=0), "depth must be 1 or more"),
        (lambda: apply(shared, version=1, kind="combiner", lists=(2, 1)), "lists are the least and the most"),
    ],
)
def test_refusals(build: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()
