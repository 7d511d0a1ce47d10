"""Names of acts in texts that no table is needed to see: `Companies Act 2006`, `Aeronautics Act`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nirank.citations.reference import Reference

_KIND = re.compile(
    r"\b(?P<kind>Act|ACT|Measure|Regulations?|REGULATIONS?|Rules|Order|Code|Ordinance)(?![A-Za-z]{2}|[sA-Z])"
    r"(?P<year>(?:\s?\([A-Z][\w ]{2,20}\))?,?\s{1,2}(?:17|18|19|20)\d\d\b(?!/))?"
)
_WINDOW = 160  # characters of a title before its last word
_WORD = re.compile(r"\S+")
_INNER = frozenset((
    "of", "and", "the", "for", "to", "in", "on", "or", "with", "by", "from", "respecting", "against",
    "between", "de", "du", "la", "des",
))  # fmt: skip
# Words that begin a sentence, or lead to a title, and are no part of it.
_LEADING = frozenset((
    "the", "this", "that", "these", "those", "under", "in", "an", "a", "any", "each", "section", "sections",
    "subsection", "paragraph", "part", "schedule", "of", "and", "or", "to", "for", "by", "see", "pursuant",
    "where", "if", "when", "as", "with", "on", "subject", "every", "no", "such", "said", "its", "her", "his",
    "their", "notwithstanding", "article", "whereas", "from", "title", "annex", "amending", "repealing",
))  # fmt: skip
_JUST_BEFORE = frozenset(("the", "this", "these", "that", "our", "an", "a", "any", "such", "said", "of", "each", "no"))
_FOREIGN = frozenset(["commission", "council", "delegated", "implementing"])  # whose regulations have numbers


def find_titles(text: str) -> Iterator[Reference]:
    """Yield what looks like an act's name: words in title case that end in Act, or Regulations, Order, … with a year.

    A name of two words before Regulations, Rules, Order or Code is enough too.
    """
    previous_end = 0
    for match in _KIND.finditer(text):
        begin = max(match.start() - _WINDOW, previous_end)
        begin = max(begin, text.rfind("\n", begin, match.start()) + 1)
        if (
            text[begin : match.start()].lower().split()[-1:]
            and text[begin : match.start()].lower().split()[-1] in _JUST_BEFORE
        ):
            continue
        words = [(word.start(), word.end()) for word in _WORD.finditer(text, begin, match.start())]
        if begin and words and words[0][0] == begin and not text[begin - 1].isspace():
            words = words[1:]  # cut in its middle
        if words and text[slice(*words[-1])].lower() in _JUST_BEFORE:
            continue
        start = _find_start(text, words)
        if start is None or (text[match.start() - 1 : match.start()] not in (" ", "\u00a0")):
            continue
        n_words = text.count(" ", start, match.start())
        is_act = match["kind"].lower() == "act"
        if not is_act and not match["year"] and n_words < 2:
            continue
        name = text[start : match.end()]
        if name.split(None, 1)[0].lower() in _FOREIGN:
            continue
        previous_end = match.end()
        yield Reference(name, start, match.end(), "title", "", (), certain=False)


def _find_start(text: str, words: list[tuple[int, int]]) -> int | None:
    """Return where the name that ends behind these words begins; None where they are none of it."""
    first = len(words)
    has_and = False
    for place in range(len(words) - 1, -1, -1):
        word = text[slice(*words[place])]
        bare = word.strip("()“”\"'‘’")
        has_and |= bare == "and"
        last = place == len(words) - 1
        if word[-1] in ".;:!?" and not last and not re.fullmatch(r"(?:[A-Z]\.)+", word):
            break
        if word[-1] in ".;:!?," and last:
            break
        if word[-1] == "," and not has_and:
            break
        if not (bare[:1].isupper() or bare in _INNER or (bare[:1].isdigit() and len(bare) < 5)):
            break
        first = place
    while first < len(words) and _only_leads(text[slice(*words[first])]):
        first += 1
    if first >= len(words) or not any(text[start].isupper() for start, _ in _strip(text, words[first:])):
        return None
    start = words[first][0]
    while text[start] in "“”\"'‘’(":
        start += 1
    return start


def _only_leads(word: str) -> bool:
    """Tell whether a word in front of a name is no part of it: the, section, 12."""
    bare = word.strip("()“”\"'‘’,")
    return bare.lower() in _LEADING or bare.lower() in _INNER or (bare[:1].isdigit() and len(bare) < 4)


def _strip(text: str, words: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(start + (text[start] in "(“‘\"'"), end) for start, end in words if end - start > 1]
