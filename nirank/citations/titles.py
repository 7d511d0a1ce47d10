"""Titles of documents, matched in texts: exactly, and nearly."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from nirank.citations.phrases import find_titles
from nirank.citations.reference import Reference

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_KINDS = frozenset(
    (
        "act", "acts", "regulation", "regulations", "directive", "decision", "order", "orders", "rules", "code",
        "measure", "ordinance", "law", "statute", "convention", "charter", "plan", "bylaw", "tariff", "list",
    )
)  # fmt: skip
_MIN_WORDS = 2  # of a title with such a word
_MIN_WORDS_OTHERWISE = 4
_NOTED = re.compile(r"(?:act|regulations|order|rules|code|list|tariff)[a-rt-z]")
_YEAR = re.compile(r"(?:17|18|19|20)\d\d")
_MIN_RATIO = 90.0  # of rapidfuzz.fuzz.ratio, for titles that are nearly equal
_MOST_CANDIDATES = 50  # titles that a phrase is compared with
# What may stand in title case before a title and is no part of a longer one.
_BEFORE = frozenset((
    "the", "this", "that", "under", "in", "an", "a", "and", "or", "of", "by", "to", "for", "see", "where", "if", "when",
    "section", "article", "annex", "per", "also", "both",
))  # fmt: skip


def split_title(title: str) -> tuple[str, ...]:
    """Return a title's words, in one case and without punctuation."""
    return tuple(word.casefold().replace("’", "'") for word in _WORD.findall(title))


def is_title(words: tuple[str, ...]) -> bool:
    """Tell whether a title says so much that it can be looked for: two words with Act, Order …, or four words."""
    has_letters = any(word[0].isalpha() for word in words)
    return has_letters and len(words) >= (_MIN_WORDS if _KINDS & set(words) else _MIN_WORDS_OTHERWISE)


class TitleFinder:
    """Finds given titles in texts.

    titles  key of each title, by its words; keys are what the caller takes a title for
    """

    def __init__(self, titles: Mapping[tuple[str, ...], int]) -> None:
        self._titles = titles
        starts: dict[tuple[str, str], list[tuple[str, ...]]] = {}
        for words in titles:
            starts.setdefault((words[0], words[1]), []).append(words)
        self._starts = {start: sorted(found, key=len, reverse=True) for start, found in starts.items()}
        self._near: dict[tuple[str, ...], tuple[str, ...] | None] = {}

    def find(self, text: str) -> Iterator[tuple[Reference, int, bool]]:
        """Yield mentions with the title's key and whether they are exact; exact ones first, neither in order.

        Of titles that begin at the same word the longest counts, and a title inside a longer name is not meant.
        """
        spans = list(_WORD.finditer(text))
        words = [_drop_note(span.group().casefold().replace("’", "'")) for span in spans]
        place, last = 0, len(words) - 1
        taken = []
        while place < last:
            titles = self._starts.get((words[place], words[place + 1]))
            title = titles and next((t for t in titles if tuple(words[place : place + len(t)]) == t), None)
            if not title or self._is_part(text, spans, place, title):
                place += 1
                continue
            start, last_word = spans[place].start(), spans[place + len(title) - 1]
            end = last_word.end() - (_drop_note(last_word.group().casefold()) != last_word.group().casefold())
            taken.append((start, end))
            yield _make(text, start, end, True), self._titles[title], True
            place += len(title)
        yield from self._find_near(text, taken)

    def _is_part(self, text: str, spans: list[re.Match[str]], place: int, title: tuple[str, ...]) -> bool:
        """Tell whether the title stands inside another name, or is followed by the year of another act."""
        first, last = spans[place], spans[place + len(title) - 1]
        if place + len(title) < len(spans) and not _YEAR.fullmatch(title[-1]):
            following = spans[place + len(title)]
            if _YEAR.fullmatch(following.group()) and text[last.end() : following.start()] in (" ", ", ", "\u00a0"):
                return True
        if not place or not first.group()[0].isupper() or first.group().isupper():
            return False
        before = spans[place - 1]
        joined = text[before.end() : first.start()] in (" ", "\u00a0")
        name = before.group()
        return joined and name[0].isupper() and not name.isupper() and name.casefold() not in _BEFORE

    def _find_near(self, text: str, taken: list[tuple[int, int]]) -> Iterator[tuple[Reference, int, bool]]:
        """Yield names of acts that are nearly titles."""
        place = 0
        for phrase in find_titles(text):
            while place < len(taken) and taken[place][1] <= phrase.start:
                place += 1
            if place < len(taken) and taken[place][0] < phrase.end:
                continue
            title = self._find_nearest(split_title(phrase.text))
            if title is not None:
                yield _make(text, phrase.start, phrase.end, False), self._titles[title], False

    def _find_nearest(self, words: tuple[str, ...]) -> tuple[str, ...] | None:
        """Return the title that is nearly equal to a phrase; numbers must be the same. None: there is none, or two."""
        if words not in self._near:
            from rapidfuzz import fuzz

            numbers = sorted(word for word in words if word[0].isdigit())
            shared: Counter[tuple[str, ...]] = Counter()
            for word in dict.fromkeys(words):
                shared.update(self._titles_by_word.get(word, ()))
            text = " ".join(words)
            ratios = []
            for title, _ in shared.most_common(_MOST_CANDIDATES):
                if abs(len(title) - len(words)) <= 1 and numbers == sorted(w for w in title if w[0].isdigit()):
                    ratios.append((fuzz.ratio(text, " ".join(title)), title))
            ratios.sort(reverse=True)
            clear = ratios and ratios[0][0] >= _MIN_RATIO and (len(ratios) < 2 or ratios[0][0] > ratios[1][0])
            self._near[words] = ratios[0][1] if clear else None
        return self._near[words]

    @cached_property
    def _titles_by_word(self) -> dict[str, list[tuple[str, ...]]]:
        """Titles by their words, but those that a twentieth of them have, and all have some: of, Act."""
        lists: dict[str, list[tuple[str, ...]]] = {}
        for title in self._titles:
            for word in dict.fromkeys(title):
                lists.setdefault(word, []).append(title)
        most = max(len(self._titles) // 20, _MOST_CANDIDATES)
        return {word: titles for word, titles in lists.items() if len(titles) <= most}


def _drop_note(word: str) -> str:
    """Return a word without the letter of a footnote that sticks to it: `Acta`."""
    return word[:-1] if _NOTED.fullmatch(word) else word


def _make(text: str, start: int, end: int, certain: bool) -> Reference:
    return Reference(text[start:end], start, end, "title", "", (), certain)


def list_own_names(text: str) -> Iterable[str]:
    """Return what a text says that it may be cited as."""
    return [match["name"].strip() for match in _OWN_NAME.finditer(text, 0, _OWN_NAME_WITHIN)]


_OWN_NAME = re.compile(
    r"\b(?:This|These)\s(?:Act|Measure|Order|Regulations?|Rules|Code|By-law|Directive)\s(?:may|shall)\sbe\scited\sas\s"
    r"(?:the\s)?(?P<name>[A-Z][^.;:\n]{3,160})"
)
_OWN_NAME_WITHIN = 50_000  # characters from the beginning
