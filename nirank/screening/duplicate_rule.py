"""The rule by which two records are one work: what joins them, and what speaks against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass
from typing import Literal

from nirank.screening.comparable_records import FORMS, ComparableRecord

By = Literal["doi", "pmid", "text"]

# Chosen on van de Schoot 2017 and looked at on the other reviews: experiments/duplicates.
TITLE = 0.9  # likeness of titles whose abstracts are alike too
TITLE_ALONE = 0.97  # likeness of titles where an abstract is missing or less alike
ABSTRACT = 0.9  # likeness of abstracts, or of the shorter with the beginning or end of the longer
ABSTRACT_SAME_YEAR = 0.8  # the same where the first author and the year are equal too: databases write their own ones
SAME_WORK = 0.6  # likeness of titles below which one DOI or PMID stands for several works, as for a book's chapters
NUMBERS = 0.5  # share of the numbers in the abstract with fewer that the other one must have too
_FEWEST_NUMBERS = 2  # in an abstract, from which on they are compared
_FEWEST_WORDS = 4  # of a title that says enough without an abstract; "Editorial" and "Introduction" do not
_LEAST_PART = 100  # characters of an abstract that are enough to be looked for in another one
_YEARS_APART = 1  # of publication: ahead of print, and in print


@dataclass(frozen=True)
class Comparison:
    """What two records have in common.

    by         what joins them
    likeness   of the titles, from 0 to 1
    abstracts  likeness of the abstracts, None where one is missing
    against    why they are not taken for one work all the same; "" where nothing speaks against it
    """

    by: By
    likeness: float
    abstracts: float | None = None
    against: str = ""


def compare_by_number(left: ComparableRecord, right: ComparableRecord, by: By) -> Comparison:
    """Compare two records of one DOI or PMID."""
    likeness = compare_titles(left, right)
    against = contradict(left, right, by)
    if not against and left.title and right.title and likeness < SAME_WORK:
        from rapidfuzz import fuzz

        abstracts = _compare_abstracts(left, right)
        whole = fuzz.token_set_ratio(left.title, right.title) / 100
        if max(likeness, whole) < SAME_WORK and (abstracts or 0.0) < ABSTRACT:
            against = "the titles differ"
    return Comparison(by, likeness, None, against)


def compare_by_text(left: ComparableRecord, right: ComparableRecord) -> Comparison | None:
    """Compare two records by title, abstract, year and first author; None where these are not enough."""
    likeness = compare_titles(left, right)
    if likeness < TITLE:
        return None
    abstracts = _compare_abstracts(left, right)
    same_source = _have_same_source(left, right)
    against = ""
    if abstracts is not None and abstracts >= ABSTRACT:
        # Short abstracts say little: where nothing else is known they must be equal, and so must the titles.
        short = min(len(left.abstract), len(right.abstract)) < _LEAST_PART
        if short and not same_source and not likeness == abstracts == 1.0:
            return None
    elif likeness < TITLE_ALONE or not same_source or len(left.title.split()) < _FEWEST_WORDS:
        return None
    elif abstracts is not None and (abstracts < ABSTRACT_SAME_YEAR or left.year != right.year):
        against = f"the abstracts differ: likeness {abstracts:.2f}"
    against = contradict(left, right, "text") or _contradict_results(left, right) or against
    return Comparison("text", likeness, abstracts, against)


def contradict(left: ComparableRecord, right: ComparableRecord, by: By) -> str:
    """Say what speaks against one work, "" where nothing does.

    by  what would join them: a DOI or PMID outweighs years, authors, journals and types that differ
    """
    against = _contradict_numbers(left, right)
    if by == "text":
        return against or _contradict_marks(left, right) or _contradict_source(left, right)
    return against or _contradict_marks(left, right, one_side=FORMS)


def compare_titles(left: ComparableRecord, right: ComparableRecord) -> float:
    """Return the likeness of two titles without blanks, from 0 to 1: rapidfuzz's ratio of insertions and deletions."""
    if left.letters == right.letters:
        return 1.0
    from rapidfuzz import fuzz

    return fuzz.ratio(left.letters, right.letters) / 100


def _compare_abstracts(left: ComparableRecord, right: ComparableRecord) -> float | None:
    """Return the likeness of the abstracts, or of the shorter one with the beginning or end of the longer."""
    shorter, longer = sorted((left.abstract, right.abstract), key=len)
    if not shorter:
        return None
    if shorter == longer:
        return 1.0
    from rapidfuzz import fuzz

    likeness = fuzz.ratio(shorter, longer) / 100
    if likeness < ABSTRACT and len(shorter) >= _LEAST_PART:
        parts = longer[: len(shorter)], longer[-len(shorter) :]
        likeness = max(likeness, *(fuzz.ratio(shorter, part) / 100 for part in parts))
    return likeness


def _have_same_source(left: ComparableRecord, right: ComparableRecord) -> bool:
    """Tell whether both have a year and a first author, and these can be the same."""
    if left.year is None or right.year is None or abs(left.year - right.year) > _YEARS_APART:
        return False
    return bool(left.first_author & right.first_author)


def _contradict_numbers(left: ComparableRecord, right: ComparableRecord) -> str:
    if left.doi and right.doi and left.doi != right.doi:
        return f"the DOIs differ: {left.doi}, {right.doi}"
    if left.pmid and right.pmid and left.pmid != right.pmid:
        return f"the PMIDs differ: {left.pmid}, {right.pmid}"
    return ""


def _contradict_marks(left: ComparableRecord, right: ComparableRecord, one_side: Container[str] | None = None) -> str:
    """Say which marks of the titles differ.

    one_side  marks that count although only one title has any of its own: with one DOI, one database may leave a
              number out, but an erratum is none the less another work. None: all
    """
    if not left.title or not right.title or left.marks == right.marks:
        return ""
    first, second = Counter(left.marks), Counter(right.marks)
    surplus = sorted((first - second).elements()), sorted((second - first).elements())
    if one_side is not None and not all(surplus) and not any(mark in one_side for side in surplus for mark in side):
        return ""
    return "the titles' numbers, parts or forms differ: " + ", ".join(" ".join(side) or "none" for side in surplus)


def _contradict_source(left: ComparableRecord, right: ComparableRecord) -> str:
    if left.kind and right.kind and left.kind != right.kind:
        return f"the types of publication differ: {left.kind}, {right.kind}"
    if left.year is not None and right.year is not None and abs(left.year - right.year) > _YEARS_APART:
        return f"the years differ: {left.year}, {right.year}"
    if left.authors and right.authors and not left.authors & right.authors:
        return f"the authors differ: {left.record.authors[0]}, {right.record.authors[0]}"
    if not may_be_same_journal(left.journal, right.journal):
        return f"the journals differ: {left.record.journal}, {right.record.journal}"
    return ""


def _contradict_results(left: ComparableRecord, right: ComparableRecord) -> str:
    """Say so where two abstracts have other numbers: case reports of one team are alike word for word."""
    shared = (left.abstract_numbers & right.abstract_numbers).total()
    fewer = min(left.abstract_numbers.total(), right.abstract_numbers.total())
    if fewer < _FEWEST_NUMBERS or shared >= NUMBERS * fewer:
        return ""
    return f"the abstracts' numbers differ: {shared} of {fewer} are in both"


def may_be_same_journal(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Tell whether two names can be one journal's: equal, or one abbreviates the other word by word, or unknown."""
    shorter, longer = sorted((left, right), key=lambda words: (len(words), sum(map(len, words))))
    if not shorter or shorter == longer[: len(shorter)]:
        return True
    if len(shorter) == 1 and shorter[0] == "".join(word[0] for word in longer):
        return True
    at = iter(longer)
    return all(any(_abbreviates(word, other) for other in at) for word in shorter)


def _abbreviates(word: str, other: str) -> bool:
    """Tell whether one word is a beginning of the other, or a contraction of it (`Natl` of `National`)."""
    short, long = sorted((word, other), key=len)
    letters = iter(long)
    return short[0] == long[0] and all(letter in letters for letter in short)
