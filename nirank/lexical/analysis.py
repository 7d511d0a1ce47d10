"""Lucene's analyzers: texts in, tokens out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nirank.errors import ConfigError, suggest
from nirank.lexical.jvm import load_java_class

# Package and class of each language, without org.apache.lucene.analysis and Analyzer. Only classes of
# Lucene itself, whose names hold for Lucene 9 and 10; their own stop words and stemmers. Thai is not
# among them: it needs locale data that the packaged JRE lacks.
_LANGUAGES: Mapping[str, tuple[str, str]] = {
    "arabic": ("ar", "Arabic"),
    "armenian": ("hy", "Armenian"),
    "basque": ("eu", "Basque"),
    "bengali": ("bn", "Bengali"),
    "brazilian": ("br", "Brazilian"),
    "bulgarian": ("bg", "Bulgarian"),
    "catalan": ("ca", "Catalan"),
    "cjk": ("cjk", "CJK"),
    "czech": ("cz", "Czech"),
    "danish": ("da", "Danish"),
    "dutch": ("nl", "Dutch"),
    "english": ("en", "English"),
    "estonian": ("et", "Estonian"),
    "finnish": ("fi", "Finnish"),
    "french": ("fr", "French"),
    "galician": ("gl", "Galician"),
    "german": ("de", "German"),
    "greek": ("el", "Greek"),
    "hindi": ("hi", "Hindi"),
    "hungarian": ("hu", "Hungarian"),
    "indonesian": ("id", "Indonesian"),
    "irish": ("ga", "Irish"),
    "italian": ("it", "Italian"),
    "japanese": ("ja", "Japanese"),
    "latvian": ("lv", "Latvian"),
    "lithuanian": ("lt", "Lithuanian"),
    "nepali": ("ne", "Nepali"),
    "norwegian": ("no", "Norwegian"),
    "persian": ("fa", "Persian"),
    "portuguese": ("pt", "Portuguese"),
    "romanian": ("ro", "Romanian"),
    "russian": ("ru", "Russian"),
    "serbian": ("sr", "Serbian"),
    "sorani": ("ckb", "Sorani"),
    "spanish": ("es", "Spanish"),
    "swedish": ("sv", "Swedish"),
    "tamil": ("ta", "Tamil"),
    "telugu": ("te", "Telugu"),
    "turkish": ("tr", "Turkish"),
    "ukrainian": ("uk", "UkrainianMorfologik"),
}
ANALYZERS: Mapping[str, str] = {
    **{name: f"org.apache.lucene.analysis.{short}.{kind}Analyzer" for name, (short, kind) in _LANGUAGES.items()},
    "chinese": "org.apache.lucene.analysis.cjk.CJKAnalyzer",
    "korean": "org.apache.lucene.analysis.cjk.CJKAnalyzer",
    "standard": "org.apache.lucene.analysis.standard.StandardAnalyzer",
    "simple": "org.apache.lucene.analysis.core.SimpleAnalyzer",
    "whitespace": "org.apache.lucene.analysis.core.WhitespaceAnalyzer",
}


WITHOUT_STOP_WORDS = ("standard", "simple", "whitespace")


def check_analyzer(name: str) -> None:
    """Raise ConfigError, with the nearest spelling, for an analyzer that does not exist."""
    if name not in ANALYZERS:
        raise ConfigError(
            f"there is no analyzer '{name}'; expected one of {', '.join(sorted(ANALYZERS))}{suggest(name, ANALYZERS)}"
        )


def list_stop_words(name: str) -> list[str]:
    """Return the words that a language's analyzer leaves out, in the order of the alphabet."""
    kind = load_java_class(ANALYZERS[name])
    words = kind.getDefaultStopwords() if name == "ukrainian" else kind.getDefaultStopSet()
    return sorted(words.toString()[1:-1].split(", "))


class Analyzer:
    """One of Lucene's analyzers by name.

    english     StandardTokenizer, possessives, lower case, Lucene's English stop words, Porter stems
    german …    Lucene's analyzer for that language: its tokens, stop words and stems
    chinese     CJKAnalyzer: pairs of neighbouring characters; korean and cjk are the same
    japanese    Kuromoji: words of its dictionary
    standard    StandardTokenizer and lower case
    simple      letters only, lower case
    whitespace  split at blanks, nothing else
    """

    def __init__(self, name: str) -> None:
        check_analyzer(name)
        self.name = name
        self._analyzer: Any = load_java_class(ANALYZERS[name])()
        self._analyze: Any = load_java_class("io.anserini.analysis.AnalyzerUtils").analyze

    def tokenize(self, texts: Iterable[str]) -> Iterator[list[str]]:
        """Yield the tokens of each text, in order."""
        for text in texts:
            # Java's own printing of a list crosses the border once a text, three times faster than its elements.
            # Splitting it again is safe: these analyzers split at blanks, so no token holds ', '.
            joined = self._analyze(self._analyzer, _replace_surrogates(text)).toString()[1:-1]
            yield joined.split(", ") if joined else []


def _replace_surrogates(text: str) -> str:
    """Replace lone surrogates, which no Java string border takes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
