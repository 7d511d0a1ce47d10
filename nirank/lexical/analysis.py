"""Lucene's analyzers: texts in, tokens out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nirank.errors import ConfigError, suggest
from nirank.lexical.jvm import java_class

# Only classes of Lucene itself, whose names hold for Lucene 9 and 10.
ANALYZERS: Mapping[str, str] = {
    "english": "org.apache.lucene.analysis.en.EnglishAnalyzer",
    "standard": "org.apache.lucene.analysis.standard.StandardAnalyzer",
    "simple": "org.apache.lucene.analysis.core.SimpleAnalyzer",
    "whitespace": "org.apache.lucene.analysis.core.WhitespaceAnalyzer",
}


def check_analyzer(name: str) -> None:
    """Raise ConfigError, with the nearest spelling, for an analyzer that does not exist."""
    if name not in ANALYZERS:
        raise ConfigError(
            f"there is no analyzer '{name}'; expected one of {', '.join(sorted(ANALYZERS))}{suggest(name, ANALYZERS)}"
        )


class Analyzer:
    """One of Lucene's analyzers by name.

    english     StandardTokenizer, possessives, lower case, Lucene's English stop words, Porter stems
    standard    StandardTokenizer and lower case
    simple      letters only, lower case
    whitespace  split at blanks, nothing else
    """

    def __init__(self, name: str) -> None:
        check_analyzer(name)
        self.name = name
        self._analyzer: Any = java_class(ANALYZERS[name])()
        self._analyze: Any = java_class("io.anserini.analysis.AnalyzerUtils").analyze

    def tokens(self, texts: Iterable[str]) -> Iterator[list[str]]:
        """Yield the tokens of each text, in order."""
        for text in texts:
            # Java's own printing of a list crosses the border once a text, three times faster than its elements.
            # Splitting it again is safe: these analyzers split at blanks, so no token holds ', '.
            joined = self._analyze(self._analyzer, _encodable(text)).toString()[1:-1]
            yield joined.split(", ") if joined else []


def _encodable(text: str) -> str:
    """Replace lone surrogates, which no Java string border takes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
