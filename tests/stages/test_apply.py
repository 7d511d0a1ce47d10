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


def count_shared_words(queries: list[str], docs: list[str]) -> list[int]:
    return [len(set(q.lower().split()) & set(d.lower().split())) for q, d in zip(queries, docs, strict=True)]


def count_shared_words_too(queries: list[str], docs: list[str]) -> list[int]:
    return count_shared_words(queries, docs)


def score_pairs(function: Any) -> Any:
    pairs = Pairs.from_ids(QUERIES.ids, DOCS.ids, {"q": ["a", "b", "c"], "r": ["a"]}, source="test")
    return apply(function, name="f", version=1).score(pairs, Context(QUERIES, DOCS))  # type: ignore[union-attr]


def test_a_scorer_sees_title_and_text_of_every_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[tuple[str, str]] = []

    def note(queries: list[str], docs: list[str]) -> list[int]:
        texts.extend(zip(queries, docs, strict=True))
        return count_shared_words(queries, docs)

    assert score_pairs(note).tolist() == [2.0, 0.0, 0.0, 0.0]
    assert texts == [("red wine", "Wine red"), ("red wine", "blue"), ("red wine", ""), ("", "Wine red")]
    monkeypatch.setattr(module, "_CHUNK", 3)
    assert score_pairs(count_shared_words).tolist() == [2.0, 0.0, 0.0, 0.0]


def test_precision_is_the_functions() -> None:
    assert score_pairs(count_shared_words).dtype == np.float64
    assert score_pairs(lambda q, d: np.zeros(len(q), np.float32)).dtype == np.float32


def test_identity_is_name_and_version_not_the_function() -> None:
    scorer, twin = apply(count_shared_words, name="s", version=1), apply(count_shared_words_too, name="s", version=1)
    assert scorer == twin and hash(scorer) == hash(twin) and scorer.describe_identity() == twin.describe_identity()
    assert scorer != apply(count_shared_words, name="s", version=2) and scorer != apply(
        count_shared_words, name="t", version=1
    )
    assert scorer.describe_identity()["options"] == {"name": "s", "version": 1}
    combiner = apply(lambda lists: lists[0], name="s", version=1, kind="combiner")
    assert combiner.describe_identity() != scorer.describe_identity()
    assert apply(count_shared_words, version=1).name == "count_shared_words"


def test_repr_names_the_function() -> None:
    assert (
        repr(apply(count_shared_words, version=3, depth=5))
        == "apply(count_shared_words, name='count_shared_words', version=3, depth=5)"
    )
    assert eval(repr(apply(count_shared_words, version=3, depth=5))) == apply(count_shared_words, version=3, depth=5)
    combiner = apply(lambda lists: lists[0], name="f", version=1, kind="combiner", lists=(2, None))
    assert repr(combiner) == "apply(<lambda>, name='f', version=1, kind='combiner', lists=(2, None))"


def test_a_combiner_combines() -> None:
    ranking = Ranking.from_dict({"q": {"a": 2.0, "b": 1.0}})
    stage = apply(lambda lists: lists[0].cut(1), name="top", version=1, kind="combiner")
    assert stage.combine([ranking], Context()).to_dict() == {"q": {"a": 2.0}}  # type: ignore[union-attr]
    broken = apply(lambda lists: 5, name="five", version=1, kind="combiner")
    with pytest.raises(StageError, match="five: the function gave a int; expected a Ranking"):
        broken.combine([ranking], Context())  # type: ignore[union-attr]


@pytest.mark.parametrize("values", [[1.0], 1.0, ["a"] * 4, [[1.0]] * 4, [True] * 4, [1j] * 4, None])
def test_what_a_function_gives_is_checked(values: Any) -> None:
    with pytest.raises(StageError, match=r"f: the function gave values of shape .* for 4 pairs"):
        score_pairs(lambda queries, docs: values)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: apply(lambda q, d: [], version=1), "the function has no name of its own"),
        (lambda: apply(partial(count_shared_words), version=1), "the function has no name of its own"),
        (lambda: apply("shared", version=1), "apply: expected a function, got 'shared'"),
        (lambda: apply(Cut(3), version=1), r"apply: Cut\(3\) is a stage already"),
        (lambda: apply(Cut, version=1), "is a stage already"),
        (
            lambda: apply(count_shared_words, version=0),
            "count_shared_words: version must be a whole number, 1 or more, got 0",
        ),
        (lambda: apply(count_shared_words, version="one"), "version: input should be a valid integer"),  # type: ignore[arg-type]
        (lambda: apply(count_shared_words, version=1, kind="score"), "did you mean 'scorer'"),  # type: ignore[arg-type]
        (lambda: apply(count_shared_words, version=1, depth=0), "depth must be 1 or more"),
        (
            lambda: apply(count_shared_words, version=1, kind="combiner", lists=(2, 1)),
            "lists are the least and the most",
        ),
    ],
)
def test_refusals(build: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()
