"""Rules that clean written queries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nirank.errors import ConfigError
from nirank.synthesis.cleaning import PRESETS, Cleaning
from nirank.synthesis.cleaning_rules import (
    CutAt,
    FirstLine,
    Numbering,
    Prefix,
    QuestionMark,
    Quotes,
    Words,
    count_words,
)
from nirank.synthesis.query_table import QueryTable


def make_table(*raw: str) -> QueryTable:
    n = len(raw)
    zeros = np.zeros(n, np.int64)
    return QueryTable(
        np.arange(n), zeros - 1, zeros, raw, raw, np.full(n, np.nan, np.float32), zeros.astype(np.int32), [""] * n
    )


def clean(raw: str, rules: Any = "standard") -> tuple[str, str]:
    """Return what is left of a query, and why it goes."""
    table = Cleaning(rules).clean_table(make_table(raw))
    return table.queries[0], table.reasons[0]


@pytest.mark.parametrize(
    ("raw", "query", "reason"),
    [
        ("what is a bond?", "what is a bond", ""),
        ("Is it? Or is it not?", "Is it", ""),
        (" a bond Example 5:\nDocument: x", "a bond", ""),
        ("a bond\nExplanation of it", "a bond", ""),
        ("\n\n  a bond  \nanother", "a bond", ""),
        ("a bond Answer: yes", "a bond", ""),
        (
            "a bond. In each of these examples, the AI model is trained on a large corpus of text data, and so on",
            "a bond.", "",
        ),
        ("a bond Explanation: since", "a bond", ""),
        ("a bond Note: since", "a bond", ""),
        ("Example 1: a bond", "", "cleaning: empty"),
        ("In this example a bond", "", "cleaning: empty"),
        ("rates In each case they rise", "rates", ""),
        ("zinsen für alle", "zinsen für alle", "cleaning: ascii"),
        ("what is a bond? für alle", "what is a bond", ""),
        ("", "", "cleaning: empty"),
        ("?", "", "cleaning: empty"),
        ("Example 5: what", "", "cleaning: empty"),
    ],
)  # fmt: skip
def test_t13_cleaning_as_in_the_paper(raw: str, query: str, reason: str) -> None:
    assert clean(raw, "duqgen") == (query, reason)


@pytest.mark.parametrize(
    ("raw", "query", "reason"),
    [
        ("what is a bond? And why", "what is a bond? And why", ""),
        ("Sure! Here is a query:\n\n1. **what is a bond?**\n2. another", "what is a bond?", ""),
        ('**Search Query:** "the yield of bonds"', "the yield of bonds", ""),
        ("Relevant query: “zinsen für alle”", "zinsen für alle", ""),
        ("- yield of bonds Document: x", "yield of bonds", ""),
        ('"Query: a bond"', "a bond", ""),
        ("Query: Relevant Query: a bond", "", "cleaning: empty"),
        ("3D printing of bone", "3D printing of bone", ""),
        ("5-HT receptors", "5-HT receptors", ""),
        ("the 'best' one's", "the 'best' one's", ""),
        ("bonds", "bonds", "cleaning: words"),
        ("债券的收益率是多少？", "债券的收益率是多少？", ""),
        ("word " * 65, "word " * 64 + "word", "cleaning: words"),
        ("...", "...", "cleaning: empty"),
        ("--", "", "cleaning: empty"),
        ("Only an announcement:", "Only an announcement", ""),
        ("The search query should be:\n\nMIR22HG, LINC00152,", "MIR22HG, LINC00152", ""),
    ],
)
def test_the_standard_cleaning(raw: str, query: str, reason: str) -> None:
    assert clean(raw) == (query, reason)


@pytest.mark.parametrize(
    ("rule", "raw", "query"),
    [
        (QuestionMark("restore"), "what is a bond", "what is a bond?"),
        (QuestionMark("restore"), "whatever it is", "whatever it is"),
        (QuestionMark("restore"), "How high. ", "How high?"),
        (QuestionMark("keep"), "what? ever", "what? ever"),
        (Numbering(), "a) first", "first"),
        (Numbering(), "1.5 % of it", "1.5 % of it"),
        (Quotes(), '"a" and "b"', '"a" and "b"'),
        (Quotes(), "«`a`»", "a"),
        (Prefix(("Q:",)), "q: it", "it"),
        (CutAt(("b", "a")), "xaxb", "x"),
        (FirstLine(), "a:\nb", "a:"),
        (FirstLine(skip_announcements=True), "a:\nb", "b"),
    ],
)
def test_each_rule(rule: Any, raw: str, query: str) -> None:
    assert clean(raw, [rule])[0] == query


def test_rules_are_counted_and_what_was_dropped_before_stays_as_it_is() -> None:
    table = make_table("one two\nthree", "  ", "a", "before").drop(np.array([0, 0, 0, 1], bool), "writing: cut")
    cleaned = Cleaning(["first_line", "empty", {"words": {"least": 2}}]).clean_table(table)
    assert cleaned.reasons == ["", "cleaning: empty", "cleaning: words", "writing: cut"]
    assert cleaned.queries == ["one two", "", "a", "before"] and list(cleaned.raw) == list(table.raw)
    assert cleaned.counts == {"changed by first_line": 1, "cleaning: empty": 1, "cleaning: words": 1, "kept": 1}


@given(st.text(max_size=80), st.sampled_from(sorted(PRESETS)))
def test_cleaning_twice_is_the_same_as_once(raw: str, preset: str) -> None:
    rules = [rule for rule in PRESETS[preset] if not isinstance(rule, (Prefix, Numbering, Quotes))]
    query, reason = clean(raw, rules)
    assert clean(query, rules) == (query, reason)


def test_words_of_scripts_without_blanks() -> None:
    assert [count_words(text) for text in ("a b-c", "债券收益", "债券收", "IL-6 的作用")] == [3, 2, 2, 4]


def test_rules_as_yaml_has_them() -> None:
    read = Cleaning(["first_line", {"cut_at": ["x"]}, {"words": {"least": 3}}, {"question_mark": "cut"}])
    assert read == Cleaning((FirstLine(), CutAt(("x",)), Words(3), QuestionMark("cut")))
    assert Cleaning() == Cleaning("standard") != Cleaning("none")
    assert repr(Cleaning()) == "Cleaning()"


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("standart", "no preset 'standart'.*did you mean 'standard'"),
        (["first_lin"], "no rule 'first_lin'.*did you mean 'first_line'"),
        ([{"words": {"lest": 3}}], "words has no option 'lest'; did you mean 'least'"),
        ([{"words": {"least": 0}}], "expected 1 <= least <= most"),
        ([{"cut_at": []}], "expected texts that are not blank"),
        (["prefix"], "prefix needs 'texts'"),
        ([{"question_mark": "eat"}], "question_mark: .*'cut', 'keep' or 'restore'"),
        ([{"first_line": {}, "empty": {}}], "expected a rule such as"),
        (3, "expected a preset's name or a list of rules"),
    ],
)
def test_mistakes_in_rules(rules: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Cleaning(rules)


def test_the_language_of_queries() -> None:
    pytest.importorskip("py3langid")
    english, german = "what are the side effects of statins", "Welche Nebenwirkungen haben Statine bei Männern?"
    assert clean(english, [{"language": "en"}])[1] == "" and clean(german, [{"language": "de"}])[1] == ""
    assert clean(german, [{"language": "en"}])[1] == clean(english, [{"language": "de"}])[1] == "cleaning: language"
    assert clean("Aspirin", [{"language": "de"}])[1] == "", "nobody knows"
    cleaning = Cleaning([{"language": "document"}])
    assert cleaning.reads_docs and not Cleaning().reads_docs
    document = "Statine senken das Cholesterin, können aber Muskelschmerzen verursachen."
    assert list(cleaning.clean_table(make_table(english, german), [document] * 2).reasons) == ["cleaning: language", ""]
    with pytest.raises(ConfigError, match="expected a code such as en, got 'english'"):
        Cleaning([{"language": "english"}])
