"""What can be taken from a document as a query, the most telling first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from nirank.stages.key_sentences import quite
from nirank.stages.sentences import split_sentences
from nirank.synthesis.cleaning_rules import count_words

_ALPHA = 0.5  # what becomes of the weight of a term that an earlier query has, as in QUITE
_TERMS = 50  # of a document that its sentences, clauses and phrases are judged by
_PHRASE = 4  # words of a phrase at most
_LEAST = 3  # words of a sentence or clause
_ASIDE = re.compile(r"\s+[(\[][^()\[\]]*[)\]](?!\w)")
_BRACKET = re.compile(r"\s[(\[]|[)\]](?=\s|$)")
_GAP = re.compile(r"[\s—–，。；：！？、（）「」『』]+")  # between words, as far as a script has any
_CLAUSE = re.compile(r"\s*(?:[;:,](?=\s)|\s[–—-](?=\s)|[，；：、])\s*")
_OUTER = "\"'“”„«»‘’()[]{}<>.,;:!?…-–—/\\|*#，。；：！？（）「」『』、"


@dataclass(frozen=True)
class ParsedDoc:
    """A document with the weights of its terms.

    weights  {term: TF-IDF}, the greatest first
    terms    {word: its terms}, [] for stop words
    most     how many sentences, clauses and phrases are looked for
    """

    title: str
    body: str
    weights: Mapping[str, float]
    terms: Mapping[str, Sequence[str]]
    most: int

    @cached_property
    def all_terms(self) -> frozenset[str]:
        """Every term of the document."""
        return self.find_terms(f"{self.title} {self.body}")

    def find_terms(self, text: str) -> frozenset[str]:
        """Return the terms of a text of the document's words."""
        return frozenset(term for word in split_words(text) for term in self.terms.get(word, ()))

    def rank_sentences(self, words: int) -> Iterator[str]:
        """Yield sentences of at most so many words, each the one that adds most to those before."""
        return self._rank(split_sentences(self.body), words)

    def rank_clauses(self, words: int) -> Iterator[str]:
        """Yield parts of sentences between commas and their kin, without what stands in brackets."""
        sentences = (_ASIDE.sub("", sentence) for sentence in split_sentences(self.body))
        return self._rank([clause.strip(_OUTER + " ") for text in sentences for clause in _CLAUSE.split(text)], words)

    def rank_phrases(self) -> Iterator[str]:
        """Yield runs of two to four words without a stop word or a mark between them; of other scripts, clauses."""
        units = [self.title, *split_sentences(self.body)]
        clauses = [part for text in units for clause in _CLAUSE.split(text) for part in _BRACKET.split(clause)]
        phrases = [phrase for clause in clauses for phrase in self._find_phrases(clause)]
        return self._rank(phrases, 2 * _PHRASE, least=2)

    def rank_terms(self, n: int) -> Iterator[str]:
        """Yield the words of n terms of the greatest weight, then of the next n; each time as the text has them."""
        ranked = list(self.weights)
        words = list(dict.fromkeys(split_words(f"{self.title} {self.body}")))
        for start in range(0, len(ranked), n):
            wanted = set(ranked[start : start + n])
            if len(wanted) < min(n, 2):
                return
            picked = []
            for word in words:
                if wanted.intersection(self.terms[word]):
                    picked.append(_select_characters(word, self.terms[word], wanted))
                    wanted.difference_update(self.terms[word])
            yield " ".join(picked)

    def _rank(self, units: Sequence[str], words: int, least: int = _LEAST) -> Iterator[str]:
        fitting = list(dict.fromkeys(unit for unit in units if least <= count_words(unit) <= words))
        head = dict(list(self.weights.items())[:_TERMS])
        matching = [self.find_terms(unit) for unit in fitting]
        return (fitting[row] for row, _ in quite(head, matching, self.most, _ALPHA, stop_at_zero=True))

    def _find_phrases(self, clause: str) -> Iterator[str]:
        marked = [(word, bool(self.terms.get(word))) for word in map(_strip_marks, _GAP.split(clause))]
        for is_content, run in groupby(marked, key=lambda item: item[1]):
            if is_content:
                words = [word for word, _ in run]
                for start in range(max(len(words) - _PHRASE, 0) + 1):
                    yield " ".join(words[start : start + _PHRASE])


def split_words(text: str) -> list[str]:
    """Return what stands between blanks, without the marks around it."""
    return [word for word in map(_strip_marks, _GAP.split(text)) if word]


def _strip_marks(part: str) -> str:
    """Return a word without the marks around it; a bracket that is closed at its end stays: 'Aire(+)'."""
    word = part.strip(_OUTER)
    return f"{word})" if word.count("(") > word.count(")") and f"{word})" in part else word


def _select_characters(word: str, terms: Sequence[str], wanted: set[str]) -> str:
    """Return a word, or, where it is text without blanks between words, the parts of it that are wanted."""
    if len(terms) < 2 or wanted.issuperset(terms):
        return word
    lower, chosen = word.lower(), [False] * len(word)
    for term in wanted.intersection(terms):
        start = lower.find(term)
        chosen[start : start + len(term)] = [True] * (len(term) if start >= 0 else 0)
    if not any(chosen) or len(lower) != len(word):
        return word
    parts = groupby(zip(word, chosen, strict=True), key=lambda item: item[1])
    return " ".join("".join(character for character, _ in part) for is_chosen, part in parts if is_chosen)
