"""In which language a short text is written."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

from nirank.errors import ConfigError, MissingExtra, suggest

# Of names and short titles nobody knows the language. Of 1,000 queries each of SciFact and of XQuAD in five languages
# these two drop at most 1 of the right language and 96 to 100 % of a wrong one, of NFCorpus's titles 1 and 43 %.
_OTHER = 0.3  # another language has at least this probability,
_OWN = 0.05  # and the wanted one less than this


def check_language(code: str) -> None:
    """Raise ConfigError for a code that is not known, with the nearest."""
    known = _load_identifier().labels
    if code not in known:
        raise ConfigError(f"language: expected a code such as en, got '{code}'{suggest(code, known)}")


def is_other_language(text: str, code: str) -> bool:
    """Tell whether a text is clearly of another language than the one with an ISO 639 code."""
    ranked: list[tuple[str, float]] = _load_identifier().rank(text)
    return ranked[0][1] >= _OTHER and dict(ranked)[code] < _OWN


def find_language(text: str) -> str | None:
    """Return the ISO 639 code of a text's language; None where it is not clear."""
    code, probability = _load_identifier().rank(text)[0]
    return str(code) if probability >= _OTHER else None


def describe_identifier() -> str:
    """Return which library decides, and of which version."""
    _load_identifier()
    return f"py3langid {version('py3langid')}"


@cache
def _load_identifier() -> Any:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        raise MissingExtra("the language of queries needs py3langid: pip install 'nirank[language]'") from None
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
