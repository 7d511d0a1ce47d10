"""Matching rules as mappings: what is written is read again, and mistakes name their place."""

from __future__ import annotations

from typing import Any

import pytest

from nirank.blocking.rule_forms import list_equal_columns, read_rule, write_rule
from nirank.blocking.rules import Alike, All, DatesNear, Equal, Function, Near, Not, Rule, Weighted
from nirank.blocking.rules import Any as AnyOf
from nirank.blocking.value_blocks import count_value_blocks
from nirank.errors import ConfigError

RULES: tuple[tuple[Any, Rule], ...] = (
    ({"equal": "phone"}, Equal("phone")),
    ({"near": {"column": "price", "within": "0.1", "relative": True}}, Near("price", 0.1, relative=True)),
    ({"alike": {"column": "name", "at_least": 0.8, "by": "jaccard"}}, Alike("name", 0.8, "jaccard")),
    ({"dates_near": {"column": "born", "days": 30}}, DatesNear("born", 30)),
    ({"not": {"equal": "brand"}}, Not(Equal("brand"))),
    ({"all": [{"any": [{"equal": "a"}, {"equal": "b"}]}]}, All((AnyOf((Equal("a"), Equal("b"))),))),
    ({"weighted": {"rules": [{"equal": "a"}], "weights": [2], "match": 0.5}}, Weighted((Equal("a"),), (2.0,), 0.5)),
)


@pytest.mark.parametrize(("form", "rule"), RULES)
def test_a_rule_is_what_its_mapping_says(form: Any, rule: Rule) -> None:
    assert read_rule(form) == rule
    assert read_rule(write_rule(rule)) == rule


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("phone", "rules: expected a rule such as {equal: phone}, got 'phone'"),
        ({"equl": "a"}, "rules: there is no rule 'equl'; expected one of equal, near"),
        ({"any": {"equal": "a"}}, "rules: any: expected a list of rules"),
        ({"all": []}, "all: expected a list with at least one rule"),
        ({"near": {"column": "a"}}, "rules: near: 'within' is missing"),
        ({"near": {"column": "a", "within": "far"}}, "rules: near: within: "),
        ({"alike": {"column": "a", "at_leest": 1}}, "rules: alike: there is no option 'at_leest'"),
        ({"not": {"not": {"equal": "a", "near": "b"}}}, "rules: not: not: expected a rule"),
    ],
)
def test_mistakes_name_the_rule(form: Any, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_rule(form)
    assert message in str(error.value)


def test_a_function_is_written_by_name_and_version() -> None:
    assert write_rule(Function(lambda left, right: True, "close", 2)) == {"function": {"name": "close", "version": 2}}


def test_columns_compared_for_equality_are_listed_once() -> None:
    rule = read_rule({"all": [{"equal": "a"}, {"not": {"any": [{"equal": "b"}, {"equal": "a"}]}}]})
    assert list_equal_columns(rule) == ("a", "b")


def test_blocks_of_values_are_counted_by_hand() -> None:
    """Values are compared without case and punctuation; a blank one makes no pair."""
    counts = count_value_blocks("x", ["A.", "b", "", "c"], ["a", "a!", "B", ""], same_side=False)
    assert (counts.blocks, counts.pairs, counts.largest) == (2, 3, [("a", 3), ("b", 2)])
    counts = count_value_blocks("x", [], ["a", "A", "a", "b", ""], same_side=True)
    assert (counts.blocks, counts.pairs, counts.largest) == (1, 3, [("a", 3)])
    assert count_value_blocks("x", [], [], same_side=False).pairs == 0
