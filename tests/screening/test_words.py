"""Words that say why: of the question, and of what was included."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nirank.screening.words import count_words, explain_record, mark_words, split_words, weigh_words


def test_case_possessives_and_plurals_are_alike_and_stop_words_no_words() -> None:
    assert list(split_words("The patients' studies; a Patient’s study, analysis of the virus")) == [
        *("patient", "study", "patient", "study", "analysis", "virus"),
    ]


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60))
def test_segments_are_the_text_again(text: str) -> None:
    segments = mark_words(text, ["vitamin", text[:4].lower()], ["fracture"])
    assert "".join(segment.text for segment in segments) == text


def test_words_of_the_question_are_marked_before_learnt_ones() -> None:
    marked = [
        (segment.text, segment.kind)
        for segment in mark_words("Vitamins, Fractures", ["vitamin"], ["vitamin", "fracture"])
    ]
    assert marked == [("Vitamins", "question"), (", ", ""), ("Fractures", "learnt")]


def test_learnt_words_are_those_that_included_records_have_more_often_than_others() -> None:
    # By hand: bone in 2 of 2 included and 0 of 2 others, 1 - 0; trial in 2 of 2 and 2 of 2, 0: not told; falls 1/2 - 0.
    included = [frozenset({"bone", "trial"}), frozenset({"bone", "trial", "falls"})]
    others = [frozenset({"trial", "cat"}), frozenset({"trial"})]
    counts = count_words([*included, *others])
    assert weigh_words(included, counts, 4) == {"bone": 1.0, "falls": 0.5}
    assert weigh_words([], counts, 4) == weigh_words([*included, *others], counts, 4) == {}


def test_why_tells_the_rarest_words_of_the_question_first() -> None:
    why = explain_record(
        frozenset({"bone", "vitamin", "cat"}), {"vitamin": 3, "bone": 1, "dog": 1}, {"cat": 0.5, "hen": 0.4}
    )
    assert why == "question: bone, vitamin; like included: cat"
    assert explain_record(frozenset(), {"bone": 1}, {}) == ""
