"""Rules that clean a written query: each changes it, or says that it is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

from nirank.base.values import find_changed_fields, fit_fields, to_expression
from nirank.errors import ConfigError
from nirank.synthesis.languages import check_language, describe_identifier, find_language, is_other_language

_EAST_ASIAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")  # written without blanks between words
_WORD = re.compile(r"\w+")
_MARKS = r"[*_`#>]*"  # of Markdown
_NUMBER = re.compile(r"^(?:\(?(?:\d{1,2}|[a-z])[.):]|[-*•–])\s+(?=\S)")
_QUOTES = {"“": "”", "„": "“", "«": "»", "‘": "’", "「": "」", "`": "`", "*": "*", "_": "_", '"': '"', "'": "'"}
_ASKING = re.compile(r"(?:what|who|whom|whose|which|when|where|why|how)\b", re.IGNORECASE)


@dataclass(frozen=True)
class CleaningRule:
    """One rule of a cleaning. What it returns is stripped of blanks around it before the next one."""

    name: ClassVar[str] = ""
    reads_docs: ClassVar[bool] = False

    def __post_init__(self) -> None:
        fit_fields(self, f"cleaning: {self.name}")
        self.check()

    def check(self) -> None:
        """Raise ConfigError for options that cannot be."""

    def clean(self, query: str) -> str:
        """Return what is left of a query."""
        return query

    def drops(self, query: str, document: str) -> bool:
        """Tell whether a query must go; `document` is '' unless `reads_docs`."""
        del query, document
        return False

    def describe_identity(self) -> Mapping[str, Any]:
        """Return what the outcome depends on."""
        return {"rule": self.name, **find_changed_fields(self)}

    def __repr__(self) -> str:
        return to_expression(self)


@dataclass(frozen=True, repr=False)
class Prefix(CleaningRule):
    """Take one of some texts off the beginning, whatever its case, with Markdown's marks around it."""

    texts: tuple[str, ...]
    name: ClassVar[str] = "prefix"

    def check(self) -> None:
        _check_texts(self.name, self.texts)

    def clean(self, query: str) -> str:
        return self._pattern.sub("", query)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        texts = "|".join(map(re.escape, sorted(self.texts, key=len, reverse=True)))
        return re.compile(rf"^{_MARKS}\s*(?:{texts}){_MARKS}\s*", re.IGNORECASE)


@dataclass(frozen=True, repr=False)
class CutAt(CleaningRule):
    """Keep what stands before each of some texts."""

    texts: tuple[str, ...]
    name: ClassVar[str] = "cut_at"

    def check(self) -> None:
        _check_texts(self.name, self.texts)

    def clean(self, query: str) -> str:
        for text in self.texts:
            query = query.split(text)[0].strip()
        return query


@dataclass(frozen=True, repr=False)
class FirstLine(CleaningRule):
    """Keep the first line.

    skip_announcements  pass over lines that end with a colon, 'Here is a query:', while others follow
    """

    skip_announcements: bool = False
    name: ClassVar[str] = "first_line"

    def clean(self, query: str) -> str:
        lines = [line for line in map(str.strip, query.splitlines()) if line] or [""]
        telling = [line for line in lines if not line.endswith((":", "："))]
        return telling[0] if self.skip_announcements and telling else lines[0]


@dataclass(frozen=True, repr=False)
class QuestionMark(CleaningRule):
    """Cut at the first question mark, or keep it and what follows, or give one to English questions that have none."""

    do: Literal["cut", "keep", "restore"] = "keep"
    name: ClassVar[str] = "question_mark"

    def check(self) -> None:
        if self.do not in ("cut", "keep", "restore"):
            raise ConfigError(f"cleaning: question_mark is cut, keep or restore, got {self.do!r}")

    def clean(self, query: str) -> str:
        if self.do == "cut":
            return query.split("?")[0]
        if self.do == "restore" and _ASKING.match(query) and "?" not in query:
            return query.rstrip(" .!") + "?"
        return query


@dataclass(frozen=True, repr=False)
class Quotes(CleaningRule):
    """Take quotes, and marks of Markdown, off both ends where they belong together."""

    name: ClassVar[str] = "quotes"

    def clean(self, query: str) -> str:
        while len(query) > 1 and _QUOTES.get(query[0]) == query[-1] and query[0] not in query[1:-1]:
            query = query[1:-1].strip()
            if query.startswith("*") and query.endswith("*"):
                query = query.strip("*").strip()
        return query.strip("*").strip() if query.startswith("**") and query.endswith("**") else query


@dataclass(frozen=True, repr=False)
class Numbering(CleaningRule):
    """Take the number or the dash of a list off the beginning: '1. ', '(a) ', '- '."""

    name: ClassVar[str] = "numbering"

    def clean(self, query: str) -> str:
        return _NUMBER.sub("", query)


@dataclass(frozen=True, repr=False)
class EndMarks(CleaningRule):
    """Take commas, colons, semicolons and dashes off the end: of what was cut off, and of what went on."""

    name: ClassVar[str] = "end_marks"

    def clean(self, query: str) -> str:
        return query.rstrip(" ,;:–—-，；：、")


@dataclass(frozen=True, repr=False)
class NotEmpty(CleaningRule):
    """Drop what has no letter and no digit."""

    name: ClassVar[str] = "empty"

    def drops(self, query: str, document: str) -> bool:
        return not _WORD.search(query)


@dataclass(frozen=True, repr=False)
class Words(CleaningRule):
    """Drop what has fewer or more words; of scripts without blanks two characters count as one."""

    least: int = 1
    most: int = 64
    name: ClassVar[str] = "words"

    def check(self) -> None:
        if not 1 <= self.least <= self.most:
            raise ConfigError(f"cleaning: words: expected 1 <= least <= most, got {self.least} and {self.most}")

    def drops(self, query: str, document: str) -> bool:
        return not self.least <= count_words(query) <= self.most


@dataclass(frozen=True, repr=False)
class Ascii(CleaningRule):
    """Drop what has a character that is not ASCII."""

    name: ClassVar[str] = "ascii"

    def drops(self, query: str, document: str) -> bool:
        return not query.isascii()


@dataclass(frozen=True, repr=False)
class Language(CleaningRule):
    """Drop what is clearly in another language.

    of  an ISO 639 code such as 'en', or 'document': the language of the document that a query is for
    """

    of: str
    name: ClassVar[str] = "language"

    @property
    def reads_docs(self) -> bool:  # type: ignore[override]
        """Whether documents' languages are asked for."""
        return self.of == "document"

    def check(self) -> None:
        if self.of != "document":
            check_language(self.of)

    def drops(self, query: str, document: str) -> bool:
        code = find_language(document) if self.reads_docs else self.of
        return code is not None and is_other_language(query, code)

    def describe_identity(self) -> Mapping[str, Any]:
        return {**super().describe_identity(), "by": describe_identifier()}


def count_words(text: str) -> int:
    """Return how many words a text has; of scripts without blanks two characters count as one."""
    characters = len(_EAST_ASIAN.findall(text))
    return len(_WORD.findall(_EAST_ASIAN.sub(" ", text))) + -(-characters // 2)


def _check_texts(name: str, texts: tuple[str, ...]) -> None:
    if not texts or not all(map(str.strip, texts)):
        raise ConfigError(f"cleaning: {name}: expected texts that are not blank, got {list(texts)}")
