"""Words that tell why a record stands where it stands: those of the question, and those of included records."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from nirank.records.record import BibliographicRecord

_WORD = re.compile(r"\w+(?:['’]\w+)?")
# English words that say nothing of a record. Fewer than other lists have: a word that is marked needlessly costs less
# than one that is not.
_STOP_WORDS_TEXT = """
    a about above after again against all also although am among an and any are as at be because been before being
    below between both but by can cannot could did do does doing done down during each either et al etc few for from
    further had has have having he hence her here hers him his how however i if in into is it its itself just may me
    might more most must my neither no nor not of off on once only or other our out over own per same shall she should
    since so some such than that the their theirs them then there thereby therefore these they this those though through
    thus to too under until up upon us use used using very via was we well were what when where whereas whether which
    while who whom whose why will with within without would yet you your
"""
_STOP_WORDS = frozenset(_STOP_WORDS_TEXT.split())
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
    for match in _WORD.finditer(text):
        word = _fold_word(match[0])
        if len(word) > 1 and match[0].lower() not in _STOP_WORDS:
            yield word


def collect_words(record: BibliographicRecord) -> frozenset[str]:
    """Return the words of a record's title, abstract and keywords."""
    return frozenset(split_words(" ".join((record.title, record.abstract, *record.keywords))))


def count_words(word_sets: Iterable[frozenset[str]]) -> Counter[str]:
    """Return how many records have each word."""
    return Counter(word for words in word_sets for word in words)


def weigh_words(included: Iterable[frozenset[str]], counts: Mapping[str, int], n: int) -> dict[str, float]:
    """Return the words that mark included records: share of those that have it less share of all other records.

    counts  how many of all n records have each word

    The forty greatest, from a tenth on; none while nothing, or everything, is included.
    """
    sets = list(included)
    if not 0 < len(sets) < n:
        return {}
    own = count_words(sets)
    shares = {word: k / len(sets) - (counts[word] - k) / (n - len(sets)) for word, k in own.items()}
    best = sorted((-share, word) for word, share in shares.items() if share >= _MIN_SHARE)[:_N_LEARNT]
    return {word: -share for share, word in best}


def explain_record(words: frozenset[str], question: Mapping[str, int], learnt: Mapping[str, float]) -> str:
    """Return why a record stands where it stands; "" where it shares no word with either.

    question  words of the question, those that are told first with the least number
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
