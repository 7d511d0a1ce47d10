"""Rules over records, by hand and by Kleene's logic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nirank.blocking.rules import (
    MATCH,
    NON_MATCH,
    UNKNOWN,
    Alike,
    All,
    Any,
    DatesNear,
    Equal,
    Function,
    Near,
    Not,
    Rule,
    Weighted,
    apply_rule,
    read_number,
)
from nirank.errors import ConfigError


def decide(rule: Rule, left: str, right: str) -> bool | None:
    return rule.decide({"x": left}, {"x": right})


@pytest.mark.parametrize(
    ("rule", "left", "right", "answer"),
    [
        (Equal("x"), "Sony  TV", "sony-tv", True),
        (Equal("x"), "a", "b", False),
        (Equal("x"), "a", " ", None),
        (Near("x", 5), "$1,299.00", "1294", True),
        (Near("x", 5), "$1,299.00", "1293.9", False),
        (Near("x", 0.1, relative=True), "100", "90", True),
        (Near("x", 0.1, relative=True), "100", "89", False),
        (Near("x", 5), "free", "3", None),
        (Alike("x", 0.75), "abcd", "abce", True),
        (Alike("x", 0.76), "abcd", "abce", False),
        (Alike("x", 0.5, "jaccard"), "a b c", "a b d", True),
        (Alike("x", 0.6, "jaccard"), "a b c", "a b d", False),
        (Alike("x", 1.0, "overlap"), "a b", "c b a", True),
        (Alike("x", 0.9, "jaro_winkler"), "martha", "marhta", True),
        (DatesNear("x", 3), "2020-01-31", "2020-02-03", True),
        (DatesNear("x", 3), "2020-01-31", "2020-02-04", False),
        (DatesNear("x", 0), "2020", "2020-05-05", True),
        (DatesNear("x", 0), "soon", "2020", None),
    ],
)
def test_by_hand(rule: Rule, left: str, right: str, answer: bool | None) -> None:
    assert decide(rule, left, right) is answer
    assert decide(rule, right, left) is answer  # all of them are symmetric
    assert decide(Not(rule), left, right) is (None if answer is None else not answer)
    assert rule.columns() == ("x",)


class Says(Rule):
    def __init__(self, answer: bool | None) -> None:
        self.answer = answer

    def decide(self, left: object, right: object) -> bool | None:
        return self.answer


answers = st.sampled_from([True, False, None])


@given(st.lists(answers, min_size=1, max_size=4))
def test_kleene(parts: list[bool | None]) -> None:
    """Unknown counts as anything between; De Morgan's laws hold."""
    order = {False: 0, None: 1, True: 2}
    rules = tuple(map(Says, parts))
    assert All(rules).decide({}, {}) is min(parts, key=lambda answer: order[answer])
    assert Any(rules).decide({}, {}) is max(parts, key=lambda answer: order[answer])
    assert Not(All(rules)).decide({}, {}) is Any(tuple(map(Not, rules))).decide({}, {})


def test_weights_count_what_is_known() -> None:
    def share(*parts: bool | None) -> bool | None:
        return Weighted(tuple(map(Says, parts)), (2.0, 1.0, 1.0), match=0.75, non_match=0.25).decide({}, {})

    assert share(True, True, False) is True
    assert share(True, None, None) is True
    assert share(True, False, False) is None
    assert share(False, True, False) is False
    assert share(None, None, None) is None
    assert Weighted((Says(True), Says(False)), (1.0, 1.0), match=0.6).decide({}, {}) is False


def test_a_function_of_the_users() -> None:
    rule = Function(lambda left, right: left["x"] < right["x"], "less", 1)
    assert apply_rule(rule, [{"x": "a"}, {"x": "b"}], [{"x": "b"}, {"x": "a"}]).tolist() == [MATCH, NON_MATCH]
    assert apply_rule(Equal("y"), [{}], [{}]).tolist() == [UNKNOWN]
    with pytest.raises(ConfigError, match="rule 'odd' gave 'yes'"):
        Function(lambda left, right: "yes", "odd", 1).decide({}, {})  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Near("x", -1),
        lambda: Alike("x", 1.5),
        lambda: Alike("x", 0.5, "soundex"),  # type: ignore[arg-type]
        lambda: DatesNear("x", -1),
        lambda: All(()),
        lambda: Any(("x",)),  # type: ignore[arg-type]
        lambda: Weighted((Equal("x"),), (1.0, 2.0), 0.5),
        lambda: Weighted((Equal("x"),), (1.0,), 0.5, 0.5),
    ],
)
def test_rules_that_cannot_be_meant(make: object) -> None:
    with pytest.raises(ConfigError):
        make()  # type: ignore[operator]


def test_numbers_in_text() -> None:
    assert [read_number(text) for text in ("$1,299.00", "-3.5 kg", ".5", "no", "12 x 3")] == [1299, -3.5, 0.5, None, 12]
