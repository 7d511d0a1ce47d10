"""Split documents into their sections."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from nirank.algebra.context import Context
from nirank.algebra.stage import option, stage
from nirank.collections.texts import Texts
from nirank.errors import ConfigError
from nirank.flow.ranking import Ranking
from nirank.stages._passages import PassageMap, make_passages

# A line that begins like this begins a section: Markdown; named divisions of laws, in several languages; '1 Text',
# '2.3 Text' and '4. Text' as laws and papers number them; '§ 5'.
HEADINGS = (
    r"#{1,6}[ \t]+\S"
    r"|(?i:article|section|sec\.|chapter|part|title|annex|schedule|appendix|rule|regulation|art[ií]culo|artikel|kapitel"
    r"|abschnitt|chapitre|titre|annexe|anexo|anhang|anlage|статья|глава)[ \t]+(?i:\d|[ivxlcdm]+\b|[a-z]\b)"
    r"|§+[ \t]*\d"
    r"|\d{1,3}(?:\.\d{1,3}){0,3}\.?[ \t]+[^\W\d_a-z]"
    r"|\d{1,3}(?:\.\d{1,3}){0,3}\.?[ \t]*$"
)


@stage
class Sections(PassageMap):
    """Split each text at its headings: `fold(Sections(), BM25())`.

    A section begins with its heading's line; what stands before the first heading is one of its own. A text without
    headings, or without line breaks, stays whole. Sections of more than `max_words` words are split on, without
    overlap; neighbouring ones are joined while together they have at most `min_words`. Other columns are repeated
    with each section. The sections of `d` are `d#0`, `d#1`, … in text order.

    headings  a regular expression that matches at the start of a line, without regard to case where it says (?i);
              None: Markdown's, and those by which laws and papers are divided
    """

    headings: str | None = option(default=None, help="regular expression for a heading, at the start of a line")
    min_words: int = option(default=0, help="neighbouring sections are joined up to this length")
    max_words: int | None = option(default=None, help="longer sections are split on")

    name = "sections"

    def check(self) -> None:
        if self.min_words < 0:
            raise ConfigError(f"sections: min_words must be 0 or more, got {self.min_words}")
        if self.max_words is not None and self.max_words < max(self.min_words, 1):
            raise ConfigError(
                f"sections: max_words must be {max(self.min_words, 1)} or more (min_words), got {self.max_words}"
            )
        if self.headings is not None:
            try:
                re.compile(self.headings)
            except re.error as error:
                raise ConfigError(f"sections: headings '{self.headings}' is no regular expression ({error})") from None

    def map(self, texts: Texts, feedback: Ranking | None, ctx: Context) -> Texts:
        return make_passages(texts, self._split, ctx)

    def _split(self, text: str) -> list[str]:
        pattern = _compile_headings(self.headings)
        cuts = [0, *(heading.start() for heading in pattern.finditer(text) if heading.start()), len(text)]
        parts = [part for start, end in pairwise(cuts) if (part := text[start:end].strip())]
        joined: list[str] = []
        for part in parts:
            if joined and len(joined[-1].split()) + len(part.split()) <= self.min_words:
                joined[-1] += "\n" + part
            else:
                joined.append(part)
        if self.max_words is not None:
            joined = [piece for part in joined for piece in _split_words(part, self.max_words)]
        return joined or [""]


def _split_words(text: str, most: int) -> list[str]:
    words = text.split()
    if len(words) <= most:
        return [text]
    return [" ".join(words[start : start + most]) for start in range(0, len(words), most)]


@lru_cache(maxsize=16)
def _compile_headings(headings: str | None) -> re.Pattern[str]:
    if headings is None:
        return re.compile(rf"^[ \t]*(?:{HEADINGS})", re.MULTILINE)
    return re.compile(rf"^[ \t]*(?:{_inline_flags(headings)})", re.MULTILINE)


def _inline_flags(pattern: str) -> str:
    """Turn leading global flags, (?i), into ones of a group, which may stand anywhere."""
    flags = re.match(r"\(\?([aiLmsux]+)\)", pattern)
    return f"(?{flags[1]}:{pattern[flags.end() :]})" if flags else pattern
