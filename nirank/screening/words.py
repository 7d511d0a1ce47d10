"""Words that tell why a record stands where it stands: those of the question, and those of included records."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from nirank.records.record import BibliographicRecord

_WORD = re.compile(r"\w+(?:['’]\w+)?")
_N_SHOWN = 5  # words of either kind that say why
_N_LEARNT = 40  # words of included records that are marked
_MIN_SHARE = 0.1  # by which more included records have such a word than excluded ones

Kind = Literal["", "question", "learnt"]


@dataclass(frozen=True)
class Segment:
    """A piece of a text, and what its words are: of the question, of included records, or neither."""

    text: str
    kind: Kind


def split_words(text: str) -> Iterator[str]:
    """Yield the words that count: no stop words, no single characters; case, possessives and plurals alike."""
    stop_words = _load_stop_words()
    for match in _WORD.finditer(text):
        word = _fold_word(match[0])
        if len(word) > 1 and match[0].lower() not in stop_words:
            yield word


def collect_words(record: BibliographicRecord) -> frozenset[str]:
    """Return the words of a record's title, abstract and keywords."""
    return frozenset(split_words(" ".join((record.title, record.abstract, *record.keywords))))


def weigh_words(included: Iterable[frozenset[str]], excluded: Iterable[frozenset[str]]) -> dict[str, float]:
    """Return the words that mark included records: share of the included that have it less share of the excluded.

    The forty greatest, from a tenth on; none while there are no records of one kind.
    """
    sides = [list(included), list(excluded)]
    if not all(sides):
        return {}
    counts = [Counter(word for words in side for word in words) for side in sides]
    shares = {word: n / len(sides[0]) - counts[1][word] / len(sides[1]) for word, n in counts[0].items()}
    best = sorted((-share, word) for word, share in shares.items() if share >= _MIN_SHARE)[:_N_LEARNT]
    return {word: -share for share, word in best}


def explain_record(
    words: frozenset[str], question: Mapping[str, int], learnt: Mapping[str, float]
) -> str:
    """Return why a record stands where it stands; "" where it shares no word with either.

    question  words of the question, and how many records have each: the rarest are told first
    """
    shared = sorted((n, word) for word, n in question.items() if word in words)[:_N_SHOWN]
    typical = sorted((-weight, word) for word, weight in learnt.items() if word in words)[:_N_SHOWN]
    parts = {"question": [word for _, word in shared], "like included": [word for _, word in typical]}
    return "; ".join(f"{name}: {', '.join(listed)}" for name, listed in parts.items() if listed)


def mark_words(text: str, question: Iterable[str], learnt: Iterable[str]) -> Sequence[Segment]:
    """Cut a text into segments, which put together are the text again; words of both kinds are the question's."""
    asked, typical = frozenset(question), frozenset(learnt)
    segments: list[Segment] = []
    end = 0
    for match in _WORD.finditer(text):
        word = _fold_word(match[0])
        kind: Kind = "question" if word in asked else "learnt" if word in typical else ""
        if kind:
            segments += [Segment(text[end : match.start()], ""), Segment(match[0], kind)]
            end = match.end()
    return [segment for segment in (*segments, Segment(text[end:], "")) if segment.text]


def _fold_word(word: str) -> str:
    """Return a word in lower case without possessive or plural."""
    word = re.sub(r"['’]s?$", "", word.lower())
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


@cache
def _load_stop_words() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(ENGLISH_STOP_WORDS)
