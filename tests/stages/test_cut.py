"""Cut, complete, union, intersection."""

from __future__ import annotations

import numpy as np
import pytest
from handmade_lists import combine_runs, make_rankings

from nirank.algebra.context import Context
from nirank.errors import ConfigError
from nirank.flow.pairs import Pairs
from nirank.flow.ranking import Ranking
from nirank.flow.scope import Scope
from nirank.stages.complete import Complete
from nirank.stages.cut import Cut
from nirank.stages.intersection import Intersection
from nirank.stages.union import Union


def test_cut_keeps_the_first_in_standard_order() -> None:
    (ranking,) = make_rankings({"q": {"a": 1, "b": 1, "c": 1}, "r": {"a": 1}, "s": {}})
    cut = Cut(2).combine([ranking], Context())
    assert cut.to_dict() == {"q": {"c": 1, "b": 1}, "r": {"a": 1}, "s": {}}
    assert cut.depth == 2
    assert Cut(3).combine([ranking], Context()).depth is None  # nothing was cut off


@pytest.mark.parametrize(
    ("k", "message"),
    [
        (0, "cut: k must be a whole number, 1 or more, got 0"),
        (-1, "cut: k must be a whole number, 1 or more, got -1"),
        (2.5, "cut: k: input should be a valid integer, got a number with a fractional part, got 2.5"),
        (True, "cut: k: expected a whole number, got True"),
        ("three", "cut: k: input should be a valid integer, unable to parse string as an integer, got 'three'"),
    ],
)
def test_cut_refuses(k: object, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        Cut(k)  # type: ignore[arg-type]
    assert str(error.value) == message
    assert Cut("3") == Cut(3)  # type: ignore[arg-type]


def test_complete_appends_the_rest_in_tie_order() -> None:
    (ranking,) = make_rankings({"q": {"b": 5.0, "d": -7.0}, "r": {}}, depth=2, docs="a b c d")
    completed = Complete().combine([ranking], Context())
    assert {query: list(scores) for query, scores in completed.to_dict().items()} == {
        "q": ["b", "d", "c", "a"],
        "r": ["d", "c", "b", "a"],
    }
    assert completed.depth is None
    assert completed.to_dict()["q"]["c"] < -7.0


@pytest.mark.parametrize("least", [1e9, -1e9, 3e37, 0.0, 1e-30])
def test_complete_stays_below_in_the_scores_precision(least: float) -> None:
    (ranking,) = make_rankings({"q": {"b": least}}, docs="a b c")
    single = Ranking(ranking.queries, ranking.docs, ranking.offsets, ranking.rows, ranking.scores.astype(np.float32))
    completed = Complete().combine([single], Context())
    assert completed.scores.dtype == np.float32
    assert completed.scores[0] > completed.scores[1] == completed.scores[2]


def test_complete_respects_the_scope() -> None:
    (ranking,) = make_rankings({"q": {"b": 2.0}, "r": {}}, docs="a b c d")
    allowed = Pairs.from_ids(ranking.queries, ranking.docs, {"q": ["a", "b"], "r": ["c", "d"]}, source="test")
    scope = Scope(
        ranking.queries, ranking.docs, np.array([True, True, True, False]), allowed, own_rows=np.array([-1, 0])
    )
    completed = Complete().combine([ranking], Context(scope=scope))
    assert {query: list(scores) for query, scores in completed.to_dict().items()} == {"q": ["b", "a"], "r": ["c"]}


def test_union_and_intersection_of_lists_and_pairs() -> None:
    first, second = make_rankings({"q": {"c": 9, "a": 2}, "r": {"b": 1}}, {"q": {"a": 1, "b": 5}, "r": {}})
    for lists in ([first, second], [first.drop_scores(), second], [second, first.drop_scores()]):
        union, intersection = Union().combine(lists, Context()), Intersection().combine(lists, Context())
        assert {query: set(docs) for query, docs in union.to_dict().items()} == {"q": {"a", "b", "c"}, "r": {"b"}}
        assert intersection.to_dict() == {"q": ["a"], "r": []}
        assert type(union) is Pairs and type(intersection) is Pairs


def test_empty_sides() -> None:
    ranking, empty = make_rankings({"q": {"a": 1.0}}, {"q": {}})
    assert Union().combine([ranking, empty], Context()).to_dict() == {"q": ["a"]}
    assert Intersection().combine([ranking, empty], Context()).to_dict() == {"q": []}
    assert combine_runs(Cut(3), {"q": {}}) == {"q": {}}
    assert combine_runs(Complete(), {"q": {}}) == {"q": {}}
